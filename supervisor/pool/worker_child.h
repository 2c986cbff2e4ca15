/* SPDX-License-Identifier: MIT
 *
 * worker_child - the processes of a worker_table: forked, or copied on order, and reaped.
 *
 * Decides nothing: how many there are to be is said by pool_policy and elastic.
 */
#ifndef POOL_WORKER_CHILD_H
#define POOL_WORKER_CHILD_H

#include "supervisor/pool/worker_table.h"

/* Fork one into the lowest free slot. 0, or -1 and errno (EBUSY: every slot is taken). */
int worker_child_fork(struct worker_table *table);

/* The copy for SLOT, as MAKER says: the child PID, or -errno. What was not ordered is ignored. 0,
 * or -1 and errno: there is no copy, the slot is free. */
int worker_child_copied(struct worker_table *table, int maker, uint32_t slot, pid_t pid);

/* No order that is open will be answered by MAKER. */
void worker_child_uncopied(struct worker_table *table, int maker);

#endif
