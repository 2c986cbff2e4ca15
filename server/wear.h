/* SPDX-License-Identifier: MIT
 *
 * wear - a worker that has served enough asks for its replacement; runs in the worker of a handler.
 *
 * It asks when it has no client, and serves on: the pool tells it to leave once its replacement is
 * READY. Where it takes another client before that, it asks again after it, and leaves then if it
 * may (`may_leave` of its slot). With
 * max_connections_per_worker = 1 nobody is asked: no process may ever have a second client.
 */
#ifndef SERVER_WEAR_H
#define SERVER_WEAR_H

#include "include/worker.h"

struct wear {
    const struct scoreboard_keeper *keeper; /* where the pool says that it is worn, or may leave */
    struct scoreboard_worker *worker;
    uint64_t most; /* connections; 0: any number */
    int fd;
    struct worker_wear request;
};

/* For the worker in SLOT, after its fork. Workers that were forked together shall not leave
 * together: each has a number of its own. */
void wear_init(struct wear *wear, const struct worker_plan *plan, uint32_t slot);

/* It has served so many CONNECTIONS, and has none in hand. False where it leaves now. */
bool wear_lasts(const struct wear *wear, uint64_t connections);

/* Pure: a number from four fifths of MOST to MOST. */
uint64_t wear_draw(uint64_t most, uint32_t dice);

#endif
