/* SPDX-License-Identifier: MIT
 *
 * loop - see loop.h.
 */
#include "lib/loop.h"

#include "lib/clock.h"
#include "lib/fds.h"

#include <limits.h>

int loop_init(struct loop *loop)
{
    loop->pending = 0;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll_fd < 0 ? -1 : 0;
}

void loop_release(struct loop *loop)
{
    fds_close(&loop->epoll_fd);
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event);
}

void loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    if (source->fd < 0)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    /* Its owner may be freed now: an event of this batch must not find it any more. */
    for (int i = 0; i < loop->pending; i++)
        if (loop->batch[i].data.ptr == source)
            loop->batch[i].data.ptr = NULL;
}

static int timeout_until(int64_t deadline_ms)
{
    if (deadline_ms == CLOCK_NEVER)
        return -1;
    int64_t left = deadline_ms - clock_now_ms();
    if (left <= 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

void loop_wait(struct loop *loop, int64_t deadline_ms)
{
    int count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, timeout_until(deadline_ms));
    loop->pending = count;
    for (int i = 0; i < count; i++) {
        struct loop_source *source = loop->batch[i].data.ptr;
        if (source)
            source->ready(source, loop->batch[i].events);
    }
    loop->pending = 0;
}
