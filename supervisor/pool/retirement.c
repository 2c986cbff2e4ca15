/* SPDX-License-Identifier: MIT
 *
 * retirement - see retirement.h.
 */
#include "supervisor/pool/retirement.h"

#include "lib/clock.h"

#define STEPS           4     /* of a round */
#define MEMORY_ROUND_MS 4000  /* soon enough to see what grows, and one wake-up in a second */
#define AGE_ROUND_LEAST 400   /* ms */
#define AGE_ROUND_MOST  60000 /* ms */
#define AGE_ROUNDS      32    /* in the time that a worker lives */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greatest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t retirement_age(int64_t age_ms, uint32_t dice)
{
    return age_ms - (int64_t)dice % (age_ms / 5 + 1);
}

int64_t retirement_overlap(int64_t workers)
{
    return least(RETIREMENT_MOST, 1 + greatest(0, workers) / 8);
}

int64_t retirement_release(int64_t target, int64_t staying, int64_t leaving)
{
    return greatest(0, leaving - greatest(0, target - staying));
}

enum retirement_verdict retirement_judge(const struct retirement_limits *limits, int64_t memory,
                                         int64_t due_ms, int64_t now_ms)
{
    if (limits->hard > 0 && memory > limits->hard)
        return RETIREMENT_KILL;
    if (limits->soft > 0 && memory > limits->soft)
        return RETIREMENT_BIG;
    return limits->age_ms > 0 && now_ms >= due_ms ? RETIREMENT_OLD : RETIREMENT_NONE;
}

struct retirement_pace retirement_step(const struct retirement_limits *limits, int64_t workers)
{
    int64_t round = CLOCK_NEVER;
    if (limits->age_ms > 0)
        round = greatest(AGE_ROUND_LEAST, least(AGE_ROUND_MOST, limits->age_ms / AGE_ROUNDS));
    if (limits->soft > 0 || limits->hard > 0)
        round = least(round, MEMORY_ROUND_MS);
    if (round == CLOCK_NEVER)
        return (struct retirement_pace){.pause_ms = CLOCK_NEVER};
    return (struct retirement_pace){
        .pause_ms = round / STEPS,
        .visits = least(RETIREMENT_VISITS_MOST, (workers + STEPS - 1) / STEPS)};
}
