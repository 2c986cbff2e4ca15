/* SPDX-License-Identifier: MIT
 *
 * pool_process - the supervisor's hold of one preforkd-pool: birth, channel, scoreboard, death.
 *
 * What the pool says and shows is kept for display. Five things it says have an effect: READY,
 * once; LEAVING; DRAINED, for which a reload waits a moment; CRASHED, which may have it replaced;
 * and REOPENED, which answers a waiting client. It may not say much.
 */
#ifndef SUPERVISOR_POOL_PROCESS_H
#define SUPERVISOR_POOL_PROCESS_H

#include "include/channel.h"
#include "lib/child.h"
#include "lib/config.h"
#include "lib/loop.h"
#include "lib/rate.h"
#include "lib/scoreboard.h"

struct service;
struct pool_process;

/* Called by the loop; OWNER as given at the start. ended() may free the pool. */
struct pool_process_events {
    void (*ready)(void *owner, struct pool_process *pool);
    void (*health)(void *owner, struct pool_process *pool);
    void (*leaving)(void *owner, struct pool_process *pool);
    void (*drained)(void *owner, struct pool_process *pool);
    void (*crashed)(void *owner, struct pool_process *pool);
    void (*floods)(void *owner, struct pool_process *pool);
    void (*reopened)(void *owner);
    void (*ended)(void *owner, struct pool_process *pool); /* pool->end says how */
};

struct pool_process {
    unsigned number; /* of the core's struct core_pool */
    char *name;      /* of the service */
    unsigned generation;
    struct service *service; /* NULL: its service is gone, it only has to leave */
    struct child child;
    struct loop *loop;
    struct loop_source pidfd;
    struct loop_source channel;
    const struct pool_process_events *events;
    void *owner;
    struct scoreboard *board; /* read-only */
    int board_fd;             /* its memfd, for the next image of this process */
    uint32_t slots;           /* as we made it; never taken from the mapping */
    struct rate rate;         /* of what it says */
    int64_t born_ms;
    bool ready, leaving, killed, degraded; /* what was said by it or to it */
    bool reopening;                        /* was told REOPEN, has not said REOPENED */
    struct child_end end;
    char trouble[512]; /* the last it said of itself */
};

/* What a pool is started with. */
struct pool_process_plan {
    const struct config *config;
    const struct config_service *service;
    unsigned number;
    unsigned generation;
    const int *listeners;
    int listener_count;
    int program;              /* preforkd-pool, O_PATH */
    int library;              /* preforkd-preload.so, or what `null` is */
    int null;                 /* /dev/null */
    int log;                  /* its descriptor 2 */
    char *const *environment; /* pool_environment() */
    bool own_session;         /* we have a controlling terminal, which is not for pools */
};

/* Fork and execute it. NULL with ERROR where that is not possible. */
struct pool_process *pool_process_start(const struct pool_process_plan *plan, struct loop *loop,
                                        const struct pool_process_events *events, void *owner,
                                        struct error *error);

/* In the next image of this process: POOL, allocated and filled with what the one before knew of it
 * (name, number, generation, slots, born_ms, flags, channel.fd, board_fd), is PID. Its descriptors
 * are checked and watched. 0, or -1 with ERROR; POOL is to be freed then, which makes it leave. */
int pool_process_adopt(struct pool_process *pool, pid_t pid, struct loop *loop,
                       const struct pool_process_events *events, void *owner, struct error *error);

/* Ask it to leave: to finish what it has in hand within MS milliseconds, or now. */
void pool_process_drain(struct pool_process *pool, int64_t ms);
void pool_process_stop(struct pool_process *pool);

/* Kill it and its workers; WHY is for the log. */
void pool_process_kill(struct pool_process *pool, const char *why);

/* Tell it something. 0, or -1 where it does not take messages (logged). */
int pool_process_tell(struct pool_process *pool, enum channel_type type, uint32_t value, int pass);

/* After its end. */
void pool_process_free(struct pool_process *pool);

#endif
