/* SPDX-License-Identifier: MIT
 *
 * worker_leave - what is said to the workers of a worker_table: to leave, to end, to take a new
 * log.
 *
 * Decides nothing but which ones leave first; how many and until when is said by pool_policy,
 * elastic and deadline.
 */
#ifndef POOL_WORKER_LEAVE_H
#define POOL_WORKER_LEAVE_H

#include "supervisor/pool/worker_table.h"

/* SIGKILL to one; WHY completes "worker 4711 …" in the log. */
void worker_leave_kill(struct worker_table *table, uint32_t slot, const char *why);

/* Tell COUNT workers to leave, idle ones first, from the highest slot down; connections that they
 * have in hand may go on until LEAVE_BY_MS. Already leaving ones are not counted. */
void worker_leave_drain(struct worker_table *table, int64_t count, int64_t now_ms,
                        int64_t leave_by_ms);

/* Tell up to COUNT workers to leave that are READY and have no client, from the highest slot down.
 * One that takes a client at this very moment may serve it for as long as any other, and leaves
 * then. */
void worker_leave_release(struct worker_table *table, int64_t count, int64_t now_ms);

/* Tell the one in SLOT to leave, which is READY: it is not needed, or another one is in its place.
 * A client that it has, or takes at this very moment, has until LEAVE_BY_MS. */
void worker_leave_one(struct worker_table *table, uint32_t slot, int64_t now_ms,
                      int64_t leave_by_ms);

/* Tell all that write to the log themselves to take the new one (WORKER_REOPEN). */
void worker_leave_reopen_log(struct worker_table *table);

/* SIGKILL to all. */
void worker_leave_kill_all(struct worker_table *table);

/* What was said to one while it was on order is said again: there is a child now. */
void worker_leave_again(struct worker_table *table, uint32_t slot);

#endif
