/* SPDX-License-Identifier: MIT
 *
 * elastic - how many workers an elastic pool wants now. Pure: the clock is passed in.
 *
 * Idle are workers without a client; one that starts is idle already.
 *
 *   - Fewer than min_spare idle: what is missing is wanted at once. While clients wait in the queue
 *     of the listening sockets, twice as many with each step, but never more than wait there, so
 *     that a burst is served after a few steps, and a moment's stall does not fork a crowd.
 *   - More than max_spare idle: those that were idle, and not needed, all the time (the low-water
 *     mark) are too many. It is looked at in fifths of spare_idle_timeout, and covers the last four
 *     whole ones: a load that comes back within these finds its workers still there, and when
 *     spare_idle_timeout is over, who is too many has been told to leave, whenever it began.
 *   - Between the two nothing is done. Never more than max_workers; no client ever loses its
 *     worker.
 *
 * The number goes to pool_policy, which knows what holds a fork off.
 */
#ifndef POOL_ELASTIC_H
#define POOL_ELASTIC_H

#include <stdbool.h>
#include <stdint.h>

#define ELASTIC_PARTS 5                   /* of spare_idle_timeout */
#define ELASTIC_MARKS (ELASTIC_PARTS - 1) /* that are whole, wherever in a part it begins */

/* Steps that follow each other within this belong to the same burst. */
#define ELASTIC_BURST_MS 1000

struct elastic {
    int64_t start, min_spare, max_spare, most; /* workers, as configured */
    int64_t idle_timeout_ms;
    int64_t target;  /* workers wanted */
    int64_t total;   /* there were at the last decision */
    bool started;    /* there were as many as at the start once */
    int64_t step;    /* of the burst; 0: there is none */
    int64_t step_ms; /* when it was made */
    int64_t lows[ELASTIC_MARKS];
    int parts;       /* of the low-water mark that have been seen */
    int64_t look_ms; /* end of the present one; CLOCK_NEVER: nobody can be too many */
};

struct elastic_sight {
    int64_t starting, ready; /* workers that stay */
    int64_t idle;            /* of these; whatever number, it is gossip */
    int64_t low;             /* fewest idle since the mark was set anew */
    int64_t queue;           /* clients that wait in the kernel; -1: it does not say */
};

struct elastic_decision {
    int64_t target;
    bool full;       /* all are busy, and max_workers allows no more */
    bool new_mark;   /* set the low-water mark anew */
    int64_t wake_ms; /* decide again then; CLOCK_NEVER: only after an event */
};

/* The rest is as configured. */
void elastic_init(struct elastic *e);

struct elastic_decision elastic_decide(struct elastic *e, const struct elastic_sight *sight,
                                       int64_t now_ms);

#endif
