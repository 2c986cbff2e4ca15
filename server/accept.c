/* SPDX-License-Identifier: MIT
 *
 * accept - see accept.h.
 *
 * One listener: a blocking accept4, so that the kernel wakes exactly one worker per connection, in
 * turn. Several: they are non-blocking, and the workers wait in one epoll instance for all of them,
 * which wakes one worker for a connection; programs that wait as workers poll. In all cases a drain
 * signal puts a dead descriptor in place of what the worker waits at, which makes the call return
 * at once; a flag alone would be lost when the signal comes just before the call.
 */
#include "server/accept.h"

#include "include/channel.h"
#include "lib/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>

#define UNLUCKY_MAX   100  /* errors in a row that should concern one client each */
#define CLOSED_MS     2000 /* one wait at a dead socket */
#define GIVE_UP_AFTER 4    /* so many of them */

enum accept_verdict accept_judge(int error)
{
    switch (error) {
    case EAGAIN:
        return ACCEPT_WAIT;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return ACCEPT_BACK_OFF;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
    case EFAULT:
        return ACCEPT_CLOSED;
    default: /* EINTR, ECONNABORTED, and the network errors accept(2) hands on */
        return ACCEPT_RETRY;
    }
}

int accept_delay_ms(int refusals)
{
    return refusals >= 7 ? 500 : 10 << (refusals > 0 ? refusals - 1 : 0);
}

static void tell(const struct acceptor *a, enum accept_news news, int number)
{
    if (a->tell)
        a->tell(news, number);
}

static void back_off(struct acceptor *a, int error)
{
    if (a->refusals++ == 0)
        tell(a, ACCEPT_REFUSED, error);
    int ms = accept_delay_ms(a->refusals);
    if (a->pause)
        a->pause(ms);
    else
        poll(NULL, 0, ms); /* a signal ends it early */
}

static void recovered(struct acceptor *a)
{
    tell(a, ACCEPT_RECOVERED, a->refusals);
    a->refusals = 0;
}

static bool wait_together(struct acceptor *a)
{
    struct epoll_event event;
    int count = epoll_wait(a->wait_fd, &event, 1, -1);
    if (count == 1)
        a->next = (int)event.data.u32;
    else if (errno == EINTR && a->woken)
        a->woken();
    return count == 1 || errno == EINTR;
}

static void wait_for_any(struct acceptor *a)
{
    if (a->wait_fd > 0 && (wait_together(a) || *a->stopping))
        return;
    struct pollfd p[CHANNEL_LISTENERS_MAX];
    for (int i = 0; i < a->count; i++)
        p[i] = (struct pollfd){.fd = a->listeners[i], .events = POLLIN};
    if (poll(p, (nfds_t)a->count, -1) < 0 && errno == EINTR && a->woken)
        a->woken();
    for (int i = 0; i < a->count; i++) {
        int candidate = (a->next + 1 + i) % a->count;
        if (p[candidate].revents) {
            a->next = candidate;
            return;
        }
    }
}

/* Not later than the signal that tells to stop, however late between these lines that comes.
 * Others, a tick say, do not end it. */
static void wait_for_stop(const struct acceptor *a)
{
    int64_t until_ms = clock_now_ms() + CLOSED_MS;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    for (int64_t ms; !*a->stopping && (ms = until_ms - clock_now_ms()) > 0;) {
        struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
        ppoll(NULL, 0, &limit, &before);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A socket of a service that is taken off is shut down before its workers are told; anything else
 * is a defect that no worker can mend. Thousands of them wake here together, and whoever tells them
 * needs the processor more than they do: they sleep until then. */
static bool still_hoping(struct acceptor *a, int error)
{
    if (*a->stopping)
        return false;
    wait_for_stop(a);
    if (*a->stopping || ++a->refusals < GIVE_UP_AFTER)
        return true;
    tell(a, ACCEPT_DEAD, error);
    return false;
}

int accept_next(struct acceptor *a, union socket_address *peer)
{
    int unlucky = 0;
    while (!*a->stopping) {
        if (a->count > 1)
            wait_for_any(a);
        if (a->datagram && a->datagram[a->next])
            return ACCEPT_DATAGRAM;
        socklen_t length = sizeof *peer;
        peer->any.sa_family = AF_UNIX; /* an unnamed Unix client leaves it alone */
        int fd = accept4(a->listeners[a->next], &peer->any, &length, SOCK_CLOEXEC);
        if (fd >= 0) {
            if (a->refusals > 0)
                recovered(a);
            return fd;
        }
        int error = errno;
        switch (accept_judge(error)) {
        case ACCEPT_RETRY:
            if (error == EINTR && a->woken)
                a->woken();
            if (error != EINTR && ++unlucky % UNLUCKY_MAX == 0) /* some error that does not pass */
                back_off(a, error);
            break;
        case ACCEPT_WAIT:
            if (a->count == 1) /* somebody else made it non-blocking */
                wait_for_any(a);
            break;
        case ACCEPT_BACK_OFF:
            back_off(a, error);
            break;
        case ACCEPT_CLOSED:
            if (!still_hoping(a, error))
                return -1;
            break;
        }
    }
    return -1;
}
