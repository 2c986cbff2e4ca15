/* SPDX-License-Identifier: MIT
 *
 * pool_retirement - knows the workers of a pool that are worn out, and lets them go when they can
 * be spared: what retirement.h wants to know, and what follows from what it says.
 *
 * Workers of a handler of ours ask (include/worker.h, `wear`); a program that waits for its client,
 * or accepts by itself, does not, and is found in the rounds of pool_wear.h. A program that has its
 * client leaves with it anyway.
 */
#ifndef POOL_POOL_RETIREMENT_H
#define POOL_POOL_RETIREMENT_H

#include "lib/loop.h"
#include "supervisor/pool/retirement.h"

#include <sys/types.h>

struct pool;

struct pool_retirement {
    struct loop_source requests; /* of workers; fd -1 where none can ask */
    /* Worn out, to be replaced; whoever does not fit in asks again. */
    struct pool_retirement_worn {
        uint32_t slot;
        pid_t pid;
        bool may_leave; /* and it was told so */
    } worn[RETIREMENT_MOST];
    int worn_count;
};

/* Whether workers can ask is known by requests.fd. 0, or -1 and errno. */
int pool_retirement_init(struct pool *pool);

/* The READY worker in SLOT is worn out (pool_wear.h). Nothing where it has a client: a worker that
 * is told asks after it. */
void pool_retirement_add(struct pool *pool, uint32_t slot);

/* How many READY workers are not to be counted, because they are being replaced; and how many of
 * these LEAVING have no client. */
int64_t pool_retirement_leaving(struct pool *pool);
int64_t pool_retirement_idle(const struct pool *pool, int64_t leaving);

/* After pool_policy has decided: let COUNT of them go (retirement_release()): those without a
 * client now, others after theirs. Those others are chosen anew each time, so that a client who
 * stays for hours keeps its worker, and no other worker. */
void pool_retirement_release(struct pool *pool, int64_t count, int64_t now_ms);

#endif
