/* SPDX-License-Identifier: MIT
 *
 * child - see child.h.
 */
#include "lib/child.h"

#include "lib/fds.h"
#include "lib/signals.h"

#include <assert.h>
#include <errno.h>
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

pid_t child_clone(struct child *child)
{
#if defined(__GLIBC__) && defined(SYS_clone3) /* not musl: see cgroup.c */
    int pidfd = -1; /* a number even where no child comes of it: a control group is full, say */
    struct clone_args args = {.flags = CLONE_FILES | CLONE_PIDFD, .exit_signal = SIGCHLD};
    args.pidfd = (uintptr_t)&pidfd;
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid > 0)
        *child = (struct child){.pid = pid, .pidfd = pidfd};
    if (pid >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL))
        return pid;
#endif
    return child_fork(child);
}

pid_t child_fork(struct child *child)
{
    pid_t pid = fork();
    return pid > 0 && child_adopt(child, pid) < 0 ? -1 : pid;
}

int child_adopt(struct child *child, pid_t pid)
{
    assert(pid > 0);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by definition */
    if (fd < 0) {
        /* Ours and not reaped, so the pid is still its. */
        int saved = errno;
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        errno = saved;
        return -1;
    }
    child->pid = pid;
    child->pidfd = fd;
    return 0;
}

/* Nobody but us reaps it: as long as it can be waited for, the pid is its. */
int child_retake(struct child *child, pid_t pid)
{
    if (!child_is_ours(pid)) {
        errno = ECHILD;
        return -1;
    }
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -1;
    *child = (struct child){.pid = pid, .pidfd = fd};
    return 0;
}

bool child_is_ours(pid_t pid)
{
    siginfo_t info;
    return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void child_signal(const struct child *child, int signal)
{
    if (child->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, child->pidfd, signal, NULL, 0);
}

void child_signal_value(const struct child *child, int signal, int value)
{
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = value;
    if (child->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, child->pidfd, signal, &info, 0);
}

void child_kill_group(const struct child *child)
{
    assert(child->pid > 1);
    if (child->pidfd >= 0)
        kill(-child->pid, SIGKILL);
}

/* The system call: the function of the C library does not hand the resource usage on. */
static int wait_pidfd(int pidfd, siginfo_t *info, int options, struct rusage *usage)
{
    int status;
    do
        status = (int)syscall(SYS_waitid, P_PIDFD, pidfd, info, WEXITED | options, usage);
    while (status < 0 && errno == EINTR);
    return status;
}

static int64_t microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

void child_discard(struct child *child)
{
    siginfo_t ignored;
    child_signal(child, SIGKILL);
    wait_pidfd(child->pidfd, &ignored, 0, NULL);
    fds_close(&child->pidfd);
}

int child_reap(struct child *child, struct child_end *end)
{
    siginfo_t info = {0};
    struct rusage usage = {0};
    if (child->pidfd < 0 || wait_pidfd(child->pidfd, &info, WNOHANG, &usage) < 0 ||
        info.si_pid == 0)
        return 0;
    end->signalled = info.si_code != CLD_EXITED;
    end->core = info.si_code == CLD_DUMPED;
    end->number = info.si_status;
    end->user_us = microseconds(usage.ru_utime);
    end->system_us = microseconds(usage.ru_stime);
    end->max_rss_kib = usage.ru_maxrss;
    fds_close(&child->pidfd);
    return 1;
}

void child_log_end(struct log_line *line, const struct child_end *end)
{
    char name[SIGNALS_NAME_MAX];
    if (end->signalled)
        log_text(line, "signal", signals_name(end->number, name));
    else
        log_int(line, "status", end->number);
    log_text(line, "core", end->core ? "yes" : "no");
}
