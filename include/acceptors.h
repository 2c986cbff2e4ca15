/* SPDX-License-Identifier: MIT
 *
 * acceptors.h - which idle workers of a pool wait in accept4(2), and which are parked.
 *
 * The kernel wakes the worker that has waited longest, so that connections go round all that wait,
 * and each of a thousand is cold by the time its turn comes. Therefore only as many idle workers as
 * there are places wait in accept4; the others are parked on a futex. A worker that takes a client
 * keeps its place while it serves, and finds it again; whoever needs a place takes that of one that
 * is busy.
 *
 * No connection waits while a worker is parked: a worker that leaves accept4, with a client or for
 * good, looks whether enough places are idle, and calls parked ones if not. They do the same, so
 * that a burst calls more and more of them.
 *
 * Each place is a cache line of its own and is written by the worker that has it, while nobody else
 * needs it; so in the steady state no line has two writers, and there is no system call. `parked`
 * and `calls` change only when workers are parked and called.
 *
 * Nothing here is a lock. A worker may be killed or stopped at any instruction: the pool frees the
 * place of every worker that has ended or was stopped, and calls another one.
 *
 * Between the pool, which makes it before the first fork, and its workers (worker.h). Another
 * mapping than the scoreboard, because nobody else looks at it. Pools that never have more workers
 * than places have none.
 */
#ifndef ACCEPTORS_H
#define ACCEPTORS_H

#include "include/scoreboard.h"

#include <stddef.h>

/* A place's value: 0, or of whom it is. Idle: in accept4, or on the way there. */
#define ACCEPTORS_FREE 0u
#define ACCEPTORS_BUSY 1u

static inline uint32_t acceptors_idle_value(uint32_t slot)
{
    return (slot + 1) << 1;
}

static inline bool acceptors_is_idle(uint32_t place)
{
    return place != ACCEPTORS_FREE && !(place & ACCEPTORS_BUSY);
}

struct acceptors_place {
    alignas(SCOREBOARD_LINE) _Atomic uint32_t value;
};

struct acceptors_shared {
    /* Workers that are parked. May be too high where one was killed, never too low: a client would
     * wait. */
    alignas(SCOREBOARD_LINE) _Atomic uint32_t parked;
    _Atomic uint32_t calls; /* futex(2): changes with each call */
    struct acceptors_place places[];
};

_Static_assert(sizeof(struct acceptors_shared) == SCOREBOARD_LINE, "a line of its own");

/* Of each process its own: what a worker writes by mistake does not lead the pool astray. */
struct acceptors {
    struct acceptors_shared *shared; /* NULL: no worker is ever parked */
    uint32_t count;                  /* of the places */
    uint32_t enough;                 /* idle ones; with fewer, parked workers are called */
};

#endif
