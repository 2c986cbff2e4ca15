/* SPDX-License-Identifier: MIT
 *
 * pool_wear - looks at the workers of a pool in rounds, a few in each step: who is too old, who is
 * too big (retirement.h).
 *
 * One that is worn out is told so in its slot, and asks for its replacement when it has no client;
 * or is given to pool_retirement at once, where it has none.
 */
#ifndef POOL_POOL_WEAR_H
#define POOL_POOL_WEAR_H

#include "supervisor/pool/retirement.h"

#include <sys/types.h>

struct pool;

struct pool_wear {
    struct retirement_limits limits;
    struct pool_wear_watch {
        pid_t pid; /* who was seen there */
        int64_t due_ms;
        uint64_t connections; /* when its memory was measured */
    } * watches;              /* one for each slot; NULL: no limit needs them */
    uint32_t cursor;          /* the next slot to look at */
    int64_t look_ms;
    bool unreadable_said;
    bool new_seen; /* how much memory a new one uses */
};

void pool_wear_init(struct pool *pool);

/* The next step of the round, where it is time. Returns when to call again. */
int64_t pool_wear_check(struct pool *pool, int64_t now_ms);

#endif
