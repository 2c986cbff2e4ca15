/* SPDX-License-Identifier: MIT
 *
 * signals - see signals.h.
 */
#include "lib/signals.h"

#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

void signals_block_all(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

void signals_unblock_all(void)
{
    /* The system call: new workers come here, and each part of the C library that they visit is a
     * page fault. */
    const unsigned long none[8] = {0};
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, (NSIG - 1) / 8);
}

/* The C library keeps a few for itself and refuses to touch them, but whoever started us may have
 * ignored them, and programs would inherit that. The kernel's structure is zero for the default. */
static void reset_internal(int number)
{
    const unsigned long defaults[8] = {0};
    syscall(SYS_rt_sigaction, number, defaults, NULL, (NSIG - 1) / 8);
}

void signals_reset(int ignore_io)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, &action, NULL) < 0) /* KILL, STOP, and those of the C library */
            reset_internal(number);
    action.sa_handler = SIG_IGN;
    if (ignore_io) {
        sigaction(SIGPIPE, &action, NULL);
        sigaction(SIGXFSZ, &action, NULL);
    }
}

int signals_open(bool children)
{
    sigset_t all;
    sigfillset(&all);
    if (!children)
        sigdelset(&all, SIGCHLD);
    return signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
}

void signals_add_children(int fd)
{
    sigset_t all;
    sigfillset(&all);
    signalfd(fd, &all, 0);
}

int signals_next_info(int fd, struct signalfd_siginfo *info)
{
    if (read(fd, info, sizeof *info) != (ssize_t)sizeof *info)
        return 0;
    return (int)info->ssi_signo;
}

int signals_next(int fd)
{
    struct signalfd_siginfo info;
    return signals_next_info(fd, &info);
}

_Noreturn void signals_end_by(int number)
{
    signals_reset(0);
    raise(number);
    signals_unblock_all();
    _exit(128 + number); /* its default is not to end anybody */
}

char *signals_name(int number, char text[static SIGNALS_NAME_MAX])
{
    static const char *const names[] = {
        [SIGHUP] = "HUP",   [SIGINT] = "INT",       [SIGQUIT] = "QUIT", [SIGILL] = "ILL",
        [SIGTRAP] = "TRAP", [SIGABRT] = "ABRT",     [SIGBUS] = "BUS",   [SIGFPE] = "FPE",
        [SIGKILL] = "KILL", [SIGUSR1] = "USR1",     [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
        [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM",     [SIGTERM] = "TERM", [SIGXCPU] = "XCPU",
        [SIGSYS] = "SYS",   [SIGVTALRM] = "VTALRM", [SIGXFSZ] = "XFSZ"};
    if (number > 0 && (size_t)number < sizeof names / sizeof *names && names[number])
        snprintf(text, SIGNALS_NAME_MAX, "SIG%s", names[number]);
    else
        snprintf(text, SIGNALS_NAME_MAX, "signal %d", number);
    return text;
}
