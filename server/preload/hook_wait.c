/* SPDX-License-Identifier: MIT
 *
 * hook_wait - waiting for 0 or 1 to become readable or writable. What was found out about the
 * placeholder would not be true of the client.
 */
#include "server/preload/hook.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

/* Not const: the C library declares that poll() only writes there, and without optimisation gcc
 * complains of who says that it reads. */
static void touch_polled(struct pollfd *polled, nfds_t count)
{
    if (client_due())
        for (nfds_t i = 0; i < count; i++)
            client_touch(polled[i].fd);
}

static void touch_selected(int count, const fd_set *set)
{
    if (client_due() && set)
        for (int fd = 0; fd < count && fd < CLIENT_DESCRIPTORS; fd++)
            if (FD_ISSET(fd, set))
                client_touch(fd);
}

HOOK int poll(struct pollfd *polled, nfds_t count, int timeout)
{
    touch_polled(polled, count);
    return REAL(poll)(polled, count, timeout);
}

HOOK int ppoll(struct pollfd *polled, nfds_t count, const struct timespec *timeout,
               const sigset_t *mask)
{
    touch_polled(polled, count);
    return REAL(ppoll)(polled, count, timeout, mask);
}

HOOK int select(int count, fd_set *restrict readable, fd_set *restrict writable,
                fd_set *restrict urgent, struct timeval *restrict timeout)
{
    touch_selected(count, readable);
    touch_selected(count, writable);
    touch_selected(count, urgent);
    return REAL(select)(count, readable, writable, urgent, timeout);
}

HOOK int pselect(int count, fd_set *restrict readable, fd_set *restrict writable,
                 fd_set *restrict urgent, const struct timespec *restrict timeout,
                 const sigset_t *restrict mask)
{
    touch_selected(count, readable);
    touch_selected(count, writable);
    touch_selected(count, urgent);
    return REAL(pselect)(count, readable, writable, urgent, timeout, mask);
}

HOOK int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    client_touch(fd);
    client_take_if_template(); /* hook_create.c */
    return REAL(epoll_ctl)(epoll, what, fd, event);
}

#ifdef __GLIBC__
int __poll(struct pollfd *polled, nfds_t count, int timeout);
int __select(int count, fd_set *readable, fd_set *writable, fd_set *urgent,
             struct timeval *timeout);
int __poll_chk(struct pollfd *polled, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd *polled, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t room);

HOOK_ALIAS("poll") int __poll(struct pollfd *polled, nfds_t count, int timeout);
HOOK_ALIAS("select")
int __select(int count, fd_set *readable, fd_set *writable, fd_set *urgent,
             struct timeval *timeout);

HOOK int __poll_chk(struct pollfd *polled, nfds_t count, int timeout, size_t room)
{
    touch_polled(polled, count);
    return REAL(__poll_chk)(polled, count, timeout, room);
}

HOOK int __ppoll_chk(struct pollfd *polled, nfds_t count, const struct timespec *timeout,
                     const sigset_t *mask, size_t room)
{
    touch_polled(polled, count);
    return REAL(__ppoll_chk)(polled, count, timeout, mask, room);
}
#endif
