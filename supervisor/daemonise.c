/* SPDX-License-Identifier: MIT
 *
 * daemonise - see daemonise.h.
 */
#include "supervisor/daemonise.h"

#include "lib/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct report {
    int code;
    char text[sizeof((struct error *)0)->text];
};

static int report_fd = -1;

static _Noreturn void wait_for_report(int fd)
{
    struct report report;
    ssize_t got;
    do
        got = read(fd, &report, sizeof report);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof report)
        report = (struct report){EXIT_CODE_SOFTWARE, "the daemon ended before it was ready"};
    if (report.code != EXIT_CODE_OK)
        fprintf(stderr, "preforkd: %s\n", report.text);
    _exit(report.code);
}

static pid_t fork_or_exit(void)
{
    pid_t pid = fork();
    if (pid >= 0)
        return pid;
    fprintf(stderr, "preforkd: fork: %s\n", strerror(errno));
    _exit(EXIT_CODE_OS);
}

/* A pipe or a terminal belongs to the caller, who would wait for its end, and everything we start
 * inherits it; where standard error is a file, that is where the log was meant to go. */
static void give_up_terminal(void)
{
    struct stat about;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (fstat(STDERR_FILENO, &about) < 0 || !S_ISREG(about.st_mode))
        dup2(null, STDERR_FILENO);
    fds_close(&null);
}

void daemonise_begin(bool stay)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        fprintf(stderr, "preforkd: pipe: %s\n", strerror(errno));
        _exit(EXIT_CODE_OS);
    }
    if (fork_or_exit() > 0) {
        close(ends[1]);
        wait_for_report(ends[0]);
    }
    close(ends[0]);
    setsid();
    if (fork_or_exit() > 0) /* the session's leader goes: no terminal can become ours */
        _exit(EXIT_CODE_OK);
    report_fd = ends[1];
    give_up_terminal();
    if (!stay && chdir("/") < 0)
        _exit(EXIT_CODE_OS);
}

void daemonise_report(enum exit_code code, const char *text)
{
    struct report report = {.code = (int)code};
    if (report_fd < 0)
        return;
    snprintf(report.text, sizeof report.text, "%s", text);
    ssize_t ignored = write(report_fd, &report, sizeof report); /* the command may be gone */
    (void)ignored;
    fds_close(&report_fd);
}
