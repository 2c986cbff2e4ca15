/* SPDX-License-Identifier: MIT
 *
 * bulk - a worker whose client sends on and on is scheduled for throughput.
 *
 * A worker that is woken for the first bytes takes the processor from whom it finds there, most
 * likely the sender of the next ones: with eight streams on two processors, ten switches for each
 * megabyte. While reads are large, one after the other, the worker is SCHED_BATCH (sched(7)): it
 * waits for its turn, finds more when that comes, and a byte costs half of the processor's time
 * (tests/bench/README.md). The first small read ends it, so that no answer to a question waits for
 * a turn. Where an administrator has chosen another policy, before or meanwhile, that stays, and so
 * does a nice value.
 */
#ifndef SERVER_BULK_H
#define SERVER_BULK_H

#include <stdbool.h>
#include <stddef.h>

struct bulk {
    int streak; /* large reads since the last small one, BULK_STREAK at most */
    bool on;    /* SCHED_BATCH is our doing */
};

#define BULK_READ   16384 /* bytes of a large read */
#define BULK_STREAK 16

/* After each read of GOT bytes. A system call only where it begins or ends. */
void bulk_note(struct bulk *bulk, size_t got);

/* At the end of the connection. */
void bulk_end(struct bulk *bulk);

#endif
