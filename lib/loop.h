/* SPDX-License-Identifier: MIT
 *
 * loop - the event loop of a parent: epoll(7) over descriptors, and one deadline.
 *
 * A source is embedded in the structure it belongs to; ready() gets it back and finds its owner
 * in `owner`. Sources may be removed, and their memory freed, from within any ready().
 */
#ifndef LIB_LOOP_H
#define LIB_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_BATCH 64

struct loop_source {
    int fd;
    void (*ready)(struct loop_source *source, uint32_t events);
    void *owner;
};

struct loop {
    int epoll_fd;
    int pending; /* events of the batch being worked off */
    struct epoll_event batch[LOOP_BATCH];
};

/* 0, or -1 and errno. */
int loop_init(struct loop *loop);
void loop_release(struct loop *loop);

/* Watch source->fd for EVENTS (EPOLLIN, EPOLLOUT; level-triggered). 0, or -1 and errno. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_change(struct loop *loop, struct loop_source *source, uint32_t events);

/* Stop watching; call it before the descriptor is closed. Nothing where fd is -1. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* Wait until something is ready or DEADLINE_MS (clock_now_ms) has come, and call the sources. */
void loop_wait(struct loop *loop, int64_t deadline_ms);

#endif
