/* SPDX-License-Identifier: MIT
 *
 * pool_policy - see pool_policy.h.
 */
#include "supervisor/pool/pool_policy.h"

#include "lib/clock.h"

#define CRASH_BURST      256
#define CRASH_PER_SECOND 1000
#define FORK_DELAY_MS    5000 /* a refused fork is tried again after that at the latest */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void pool_policy_init(struct pool_policy *policy, int64_t target, int64_t restart_delay_ms,
                      int64_t restart_delay_max_ms, int64_t now_ms)
{
    *policy = (struct pool_policy){
        .target = target,
        .backoff = {.initial_ms = restart_delay_ms, .max_ms = restart_delay_max_ms},
        .refused = {.initial_ms = restart_delay_ms, .max_ms = restart_delay_max_ms},
    };
    int64_t burst = 2 * target > CRASH_BURST ? 2 * target : CRASH_BURST;
    rate_init(&policy->rate, burst, CRASH_PER_SECOND, now_ms);
}

bool pool_policy_is_troubled(const struct pool_policy *policy)
{
    return policy->backoff.failures > 0 || policy->refused.failures > 0;
}

int64_t pool_policy_held_until(const struct pool_policy *policy, int64_t now_ms)
{
    bool died = backoff_holding(&policy->backoff, now_ms);
    bool refused = backoff_holding(&policy->refused, now_ms);
    int64_t until = died ? policy->backoff.hold_until_ms : 0;
    if (refused && policy->refused.hold_until_ms > until)
        until = policy->refused.hold_until_ms;
    return died || refused ? until : CLOCK_NEVER;
}

/* One at a time, and none during the hold-off. */
static void decide_trial(const struct pool_policy *policy, int64_t starting, int64_t now_ms,
                         struct pool_decision *decision)
{
    decision->wake_ms = pool_policy_held_until(policy, now_ms);
    if (decision->wake_ms == CLOCK_NEVER && (starting == 0 || policy->refused.failures > 0))
        decision->fork = 1;
}

static void decide_replacement(struct pool_policy *policy, int64_t missing, int64_t now_ms,
                               struct pool_decision *decision)
{
    int64_t others = least(missing - policy->crashed, POOL_POLICY_TURN);
    int64_t allowed =
        rate_take(&policy->rate, least(policy->crashed, POOL_POLICY_TURN - others), now_ms);
    decision->fork = others + allowed;
    decision->more = decision->fork == POOL_POLICY_TURN && missing > POOL_POLICY_TURN;
    policy->crashed -= allowed;
    if (policy->crashed > 0)
        decision->wake_ms = rate_next_ms(&policy->rate, now_ms);
}

static void forgive(struct pool_policy *policy)
{
    backoff_succeeded(&policy->backoff);
    backoff_succeeded(&policy->refused);
}

struct pool_decision pool_policy_decide(struct pool_policy *policy, int64_t starting, int64_t ready,
                                        int64_t now_ms)
{
    struct pool_decision decision = {.wake_ms = CLOCK_NEVER};
    int64_t missing = policy->target - starting - ready;
    policy->crashed = least(policy->crashed, missing > 0 ? missing : 0);
    if (policy->stopping)
        return decision;
    if (missing <= 0 && starting == 0)
        forgive(policy); /* what failed is not wanted any more */
    if (missing < 0)
        decision.drain = -missing;
    else if (missing > 0 && (!policy->proved || pool_policy_is_troubled(policy)))
        decide_trial(policy, starting, now_ms, &decision);
    else if (missing > 0)
        decide_replacement(policy, missing, now_ms, &decision);
    return decision;
}

void pool_policy_ready(struct pool_policy *policy)
{
    policy->proved = true;
    backoff_succeeded(&policy->backoff);
}

void pool_policy_crashed(struct pool_policy *policy)
{
    policy->crashed++;
}

void pool_policy_forked(struct pool_policy *policy)
{
    backoff_succeeded(&policy->refused);
}

int64_t pool_policy_failed(struct pool_policy *policy, bool fork_refused, int64_t now_ms,
                           uint32_t dice)
{
    struct backoff *backoff = fork_refused ? &policy->refused : &policy->backoff;
    if (backoff_holding(backoff, now_ms))
        return backoff->hold_until_ms - now_ms;
    return backoff_failed(backoff, now_ms, fork_refused ? FORK_DELAY_MS : 0, dice);
}
