/* SPDX-License-Identifier: MIT
 *
 * program_trial - see program_trial.h.
 */
#include "server/program_trial.h"

#include "lib/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void try(int (*execute)(struct error *error), int report)
{
    struct error error = {0};
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 && raise(SIGSTOP) == 0 && execute(&error) < 0) {
        ssize_t ignored = write(report, &error, sizeof error);
        (void)ignored; /* a short one is no report, and the trial then says nothing */
    }
    _exit(0);
}

/* True where it stopped, false where it has ended; *ENDED is how, waitpid(2). */
static bool wait_for_stop(pid_t pid, int *ended)
{
    int status = 0;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    *ended = got == pid ? status : 0;
    return got == pid && WIFSTOPPED(status);
}

/* Its own stop first; then the one behind a successful execve, where it is killed. Without the
 * options it is killed at the first, and nothing is known. Returns the signal that ended it within
 * execve, which is past the point where that could have failed; 0: none did. */
static int follow(pid_t pid)
{
    int status, ignored;
    bool began = wait_for_stop(pid, &status), stopped = began;
    if (stopped &&
        ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) == 0 &&
        ptrace(PTRACE_CONT, pid, NULL, NULL) == 0)
        stopped = wait_for_stop(pid, &status);
    if (stopped) {
        kill(pid, SIGKILL); /* ours and not reaped: the number is its */
        wait_for_stop(pid, &ignored);
        return 0;
    }
    return began && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int program_trial(int (*execute)(struct error *error), struct error *error)
{
    struct error reported;
    int report[2], signal = 0;
    if (pipe2(report, O_CLOEXEC) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "pipe");
    pid_t pid = fork();
    if (pid == 0)
        try(execute, report[1]);
    fds_close(&report[1]);
    if (pid > 0)
        signal = follow(pid);
    ssize_t got = read(report[0], &reported, sizeof reported);
    fds_close(&report[0]);
    if (pid < 0)
        return error_set_errno(error, EXIT_CODE_OS, "fork");
    if (signal != 0)
        return error_set(error, EXIT_CODE_CONFIG,
                         "the system ended it with signal %d while it was executed; is limits.as "
                         "too small?",
                         signal);
    if (got != (ssize_t)sizeof reported)
        return 0;
    *error = reported;
    return -1;
}
