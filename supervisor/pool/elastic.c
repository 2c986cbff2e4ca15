/* SPDX-License-Identifier: MIT
 *
 * elastic - see elastic.h.
 */
#include "supervisor/pool/elastic.h"

#include "lib/clock.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greatest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void elastic_init(struct elastic *e)
{
    e->target = e->start;
    e->total = 0;
    e->started = false;
    e->step = 0;
    e->look_ms = CLOCK_NEVER;
}

/* For clients that wait. A queue that cannot be seen counts as one that is as long as the step. */
static int64_t next_step(struct elastic *e, int64_t queue, int64_t now_ms)
{
    bool same_burst = e->step > 0 && now_ms - e->step_ms < ELASTIC_BURST_MS;
    if (queue == 0) {
        e->step = 0;
        return 0;
    }
    e->step = same_burst ? least(2 * e->step, e->most) : e->min_spare;
    e->step_ms = now_ms;
    return queue < 0 ? e->step : least(e->step, queue);
}

static void grow(struct elastic *e, const struct elastic_sight *sight, int64_t total, int64_t idle,
                 int64_t now_ms)
{
    int64_t missing = e->min_spare - idle;
    if (total >= e->target) /* else the step before is not done */
        e->target = total + greatest(missing, next_step(e, sight->queue, now_ms));
    e->target = least(e->most, greatest(e->target, total + missing));
}

static void mark_anew(struct elastic *e, int64_t now_ms, struct elastic_decision *decision)
{
    e->look_ms = now_ms + greatest(1, e->idle_timeout_ms / ELASTIC_PARTS);
    decision->new_mark = true;
}

/* How many were too many all the time. */
static int64_t surplus(struct elastic *e, const struct elastic_sight *sight, int64_t total,
                       int64_t idle, int64_t now_ms, struct elastic_decision *decision)
{
    int64_t low = INT64_MAX;
    if (total <= e->max_spare) {
        e->look_ms = CLOCK_NEVER;
        return 0;
    }
    if (e->look_ms == CLOCK_NEVER) {
        e->parts = 0;
        mark_anew(e, now_ms, decision);
    }
    if (now_ms < e->look_ms)
        return 0;
    e->lows[e->parts++ % ELASTIC_MARKS] = least(sight->low, idle);
    mark_anew(e, now_ms, decision);
    for (int i = 0; i < ELASTIC_MARKS; i++)
        low = least(low, e->lows[i]);
    if (e->parts < ELASTIC_MARKS || low <= e->max_spare)
        return 0;
    e->parts = 0;
    return low - e->max_spare;
}

struct elastic_decision elastic_decide(struct elastic *e, const struct elastic_sight *sight,
                                       int64_t now_ms)
{
    struct elastic_decision decision = {.wake_ms = CLOCK_NEVER};
    int64_t total = sight->starting + sight->ready;
    int64_t idle = greatest(0, least(sight->idle, total));
    e->started |= total >= e->start;
    if (e->started && total < e->total)
        e->target -= e->total - total; /* who left was one of them */
    e->total = total;
    if (e->started) {
        int64_t gone = surplus(e, sight, total, idle, now_ms, &decision);
        if (idle < e->min_spare)
            grow(e, sight, total, idle, now_ms);
        else
            e->target = total - gone;
    }
    decision.full = idle == 0 && total >= e->most;
    decision.target = e->target;
    decision.wake_ms = e->look_ms;
    return decision;
}
