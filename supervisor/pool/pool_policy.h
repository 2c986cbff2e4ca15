/* SPDX-License-Identifier: MIT
 *
 * pool_policy - how many workers to fork or to send away now. Pure: the clock is passed in.
 *
 *   - Before the first worker ever became READY, one at a time is tried (the canary).
 *   - After a death before READY nothing is tried until the hold-off is over, then one at a time,
 *     until one is READY.
 *   - The same after a fork that the system refused, until one succeeds. Workers that get READY
 *     meanwhile prove nothing about that.
 *   - A worker that died after it was READY is replaced at once. A token bucket bounds how often,
 *     far above what clients can cause, so that nobody switches a service off by crashing workers,
 *     and a defect cannot turn the machine into a fork bomb.
 *   - Everything else that is missing is forked at once, POOL_POLICY_TURN at a time: between two
 *     turns the pool hears orders, and sees who is READY or has ended.
 */
#ifndef POOL_POLICY_H
#define POOL_POLICY_H

#include "lib/backoff.h"
#include "lib/rate.h"

#include <stdbool.h>
#include <stdint.h>

#define POOL_POLICY_TURN 64

struct pool_policy {
    int64_t target;         /* workers wanted; set by configuration and SET_WORKERS */
    bool stopping;          /* draining: nothing is forked any more */
    bool proved;            /* a worker of this pool was READY once */
    int64_t crashed;        /* died after READY and not replaced yet; 0 to target */
    struct backoff backoff; /* deaths before READY; a READY worker forgives them */
    struct backoff refused; /* forks that the system refused; one that succeeds forgives them */
    struct rate rate;       /* of replacements for crashed workers */
};

struct pool_decision {
    int64_t fork;    /* workers to start now */
    bool more;       /* as many again are missing: decide again when these are there */
    int64_t drain;   /* workers to send away now */
    int64_t wake_ms; /* decide again then; CLOCK_NEVER: only after an event */
};

void pool_policy_init(struct pool_policy *policy, int64_t target, int64_t restart_delay_ms,
                      int64_t restart_delay_max_ms, int64_t now_ms);

/* STARTING and READY: how many workers there are of each; leaving ones count as neither. Takes
 * the tokens for the crashed workers it has replaced. */
struct pool_decision pool_policy_decide(struct pool_policy *policy, int64_t starting, int64_t ready,
                                        int64_t now_ms);

/* Is something being held off, or was and has not succeeded since? */
bool pool_policy_is_troubled(const struct pool_policy *policy);

/* When the hold-off ends, CLOCK_NEVER where there is none. */
int64_t pool_policy_held_until(const struct pool_policy *policy, int64_t now_ms);

/* Events. pool_policy_failed() returns the hold-off in milliseconds; several failures during one
 * hold-off have one cause, and count as one. */
void pool_policy_ready(struct pool_policy *policy);
void pool_policy_forked(struct pool_policy *policy);
void pool_policy_crashed(struct pool_policy *policy);
int64_t pool_policy_failed(struct pool_policy *policy, bool fork_refused, int64_t now_ms,
                           uint32_t dice);

#endif
