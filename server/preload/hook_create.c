/* SPDX-License-Identifier: MIT
 *
 * hook_create - making what the copies of a template would share, or would not have.
 *
 * A pipe or a connection that a template has made is one and the same in all of its copies: they
 * would steal each other's bytes, and the end of a pipe never comes while the template holds the
 * other one, too. A timer, on the other hand, is not inherited. So a template waits before it makes
 * its first, and each copy makes its own.
 *
 * With an epoll set it waits before the first use: Python makes one while it imports `selectors`
 * (which subprocess and asyncio need), only to see whether that works, and as long as nothing is in
 * it, it can be made again for each copy (files.h). Pipes and the like are used as soon as they are
 * there. Without a template nothing happens here.
 */
#include "server/preload/hook.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* The hook NAME, with its PARAMETERS, calls the real NAME ARGUMENTS. */
#define HOOK_CREATE(type, name, parameters, arguments)                                             \
    HOOK type name parameters                                                                      \
    {                                                                                              \
        client_take_if_template();                                                                 \
        return REAL(name) arguments;                                                               \
    }

HOOK_CREATE(int, pipe, (int pair[2]), (pair))
HOOK_CREATE(int, pipe2, (int pair[2], int flags), (pair, flags))
HOOK_CREATE(int, socketpair, (int family, int type, int protocol, int pair[2]),
            (family, type, protocol, pair))
HOOK_CREATE(int, connect, (int fd, const struct sockaddr *address, socklen_t length),
            (fd, address, length))
HOOK_CREATE(int, epoll_wait, (int set, struct epoll_event *events, int room, int timeout),
            (set, events, room, timeout))
HOOK_CREATE(int, epoll_pwait,
            (int set, struct epoll_event *events, int room, int timeout, const sigset_t *mask),
            (set, events, room, timeout, mask))
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 35)
HOOK_CREATE(int, epoll_pwait2,
            (int set, struct epoll_event *events, int room, const struct timespec *timeout,
             const sigset_t *mask),
            (set, events, room, timeout, mask))
#endif
HOOK_CREATE(int, eventfd, (unsigned value, int flags), (value, flags))
HOOK_CREATE(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))
HOOK_CREATE(int, timerfd_create, (int clock, int flags), (clock, flags))
HOOK_CREATE(int, inotify_init, (void), ())
HOOK_CREATE(int, inotify_init1, (int flags), (flags))

HOOK_CREATE(unsigned, alarm, (unsigned seconds), (seconds))
HOOK_CREATE(int, setitimer,
            (__itimer_which_t which, const struct itimerval *restrict value,
             struct itimerval *restrict before),
            (which, value, before))
HOOK_CREATE(int, timer_create,
            (clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer),
            (clock, event, timer))
