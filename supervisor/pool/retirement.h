/* SPDX-License-Identifier: MIT
 *
 * retirement - workers that have served long enough, and how they are replaced. Pure: clock and
 * dice are passed in.
 *
 *   - A worker is worn out after max_connections_per_worker, at max_worker_age, or when it uses
 * more than max_worker_memory. Ages are drawn for each from the last fifth, as the numbers of
 *     connections are (server/wear.h): those that were forked together do not leave together.
 *   - One that is worn out serves on. It does not count as READY for those who decide how many
 * there are to be, so that another one is forked; when that one is READY, it is told to leave, at a
 *     moment at which it has no client.
 *   - Only so many are replaced at a time (retirement_overlap): there are never more workers than
 *     wanted and these. The others wait, serving.
 *   - More than max_worker_memory_hard: it is killed, with its client.
 *
 * Nobody tells of age and memory; the workers are looked at in rounds, a few in each step.
 */
#ifndef POOL_RETIREMENT_H
#define POOL_RETIREMENT_H

#include <stdbool.h>
#include <stdint.h>

/* As configured; 0: no limit. */
struct retirement_limits {
    int64_t age_ms;
    int64_t soft, hard; /* bytes, PSS */
};

/* The age at which one worker is to be replaced. */
int64_t retirement_age(int64_t age_ms, uint32_t dice);

/* How many of so many WORKERS may be replaced at a time: one and an eighth, RETIREMENT_MOST at
 * most. */
#define RETIREMENT_MOST 64
int64_t retirement_overlap(int64_t workers);

/* How many of those LEAVING may be told to leave: as long as they are missed by TARGET beside the
 * READY ones that stay, none. */
int64_t retirement_release(int64_t target, int64_t staying, int64_t leaving);

enum retirement_verdict { RETIREMENT_NONE, RETIREMENT_OLD, RETIREMENT_BIG, RETIREMENT_KILL };

/* MEMORY: in bytes, 0 where it was not measured. DUE_MS: by retirement_age(). */
enum retirement_verdict retirement_judge(const struct retirement_limits *limits, int64_t memory,
                                         int64_t due_ms, int64_t now_ms);

/* Of one step, of WORKERS that are there. A round takes four, and more only where there are
 * thousands of workers, or more than a hundred to be measured. */
struct retirement_pace {
    int64_t pause_ms; /* until the next one; CLOCK_NEVER: there is nothing to look for */
    int64_t visits;   /* workers to look at */
};
#define RETIREMENT_VISITS_MOST 512
struct retirement_pace retirement_step(const struct retirement_limits *limits, int64_t workers);

/* To measure a worker costs some 50 us of the kernel's time, more where it is big: not more than so
 * many in one step, nor for longer. */
#define RETIREMENT_MEASURES_MOST 32
#define RETIREMENT_MEASURES_MS   5

#endif
