/* SPDX-License-Identifier: MIT
 *
 * hook_descriptor - changing the table of descriptors.
 *
 * Here the library also keeps what it needs itself out of the program's reach (descriptors.h).
 */
#include "server/preload/hook.h"

#include "lib/sys.h"
#include "server/preload/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_ours(int fd)
{
    return fd > STDERR_FILENO && client_due() && descriptors_include(fd) && client_concerns_us();
}

/* The program closes 0 or 1 on purpose: as without us, it is the client that it closes. */
HOOK int close(int fd)
{
    client_touch(fd);
    if (is_ours(fd)) {
        errno = EBADF;
        return -1;
    }
    return REAL(close)(fd);
}

HOOK int close_range(unsigned first, unsigned last, int flags)
{
    if (client_due() && !((unsigned)flags & CLOSE_RANGE_CLOEXEC))
        for (unsigned fd = first; fd <= last && fd < CLIENT_DESCRIPTORS; fd++)
            client_touch((int)fd);
    if (client_due() && client_concerns_us())
        return descriptors_close_others(first, last, (unsigned)flags);
    return sys_close_range(first, last, (unsigned)flags);
}

HOOK int dup(int fd)
{
    client_touch(fd);
    return REAL(dup)(fd);
}

/* TO is about to be overwritten. -1 and errno where it cannot be: another thread is waiting at our
 * descriptors right now. */
static int make_way(int to)
{
    client_touch(to);
    if (!is_ours(to))
        return 0;
    if (atomic_load(&client_state) == CLIENT_TAKING) {
        errno = EBUSY;
        return -1;
    }
    descriptors_make_way(to);
    return 0;
}

HOOK int dup2(int fd, int to)
{
    client_touch(fd);
    return make_way(to) < 0 ? -1 : REAL(dup2)(fd, to);
}

HOOK int dup3(int fd, int to, int flags)
{
    client_touch(fd);
    return make_way(to) < 0 ? -1 : REAL(dup3)(fd, to, flags);
}

/* Interpreters look at these while they start. */
static bool is_mere_look(int command)
{
    return command == F_GETFD || command == F_SETFD || command == F_GETFL;
}

/* Whatever kind the argument has, it travels as a pointer does; glibc does the same. */
HOOK int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!is_mere_look(command))
        client_touch(fd);
    return REAL(fcntl)(fd, command, argument);
}

/* Asking whether this is a terminal. Close-on-exec is the program's in any case. */
static bool is_terminal_question(unsigned long request)
{
    switch (request) {
    case TCGETS:
    case TIOCGWINSZ:
    case TIOCGPGRP:
    case TIOCGSID:
    case FIOCLEX:
    case FIONCLEX:
        return true;
    default:
        return false;
    }
}

#ifdef __GLIBC__
typedef unsigned long request_t;
#else
typedef int request_t; /* as POSIX has it */
#endif

HOOK int ioctl(int fd, request_t request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!is_terminal_question((unsigned long)request))
        client_touch(fd);
    return REAL(ioctl)(fd, request, argument);
}

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)
HOOK void closefrom(int first)
{
    close_range(first > 0 ? (unsigned)first : 0, ~0U, 0);
}
#endif

int __close(int fd);
int __dup2(int fd, int to);
int __fcntl(int fd, int command, ...);

HOOK_ALIAS("close") int __close(int fd);
HOOK_ALIAS("fcntl") int __fcntl(int fd, int command, ...);
HOOK int __dup2(int fd, int to)
{
    return dup2(fd, to);
}
#if __SIZEOF_POINTER__ == 8 /* struct flock and struct flock64 are the same */
HOOK_ALIAS("fcntl") int fcntl64(int fd, int command, ...);
#endif
#endif
