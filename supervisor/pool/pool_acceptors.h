/* SPDX-License-Identifier: MIT
 *
 * pool_acceptors - the pool's side of include/acceptors.h.
 */
#ifndef POOL_POOL_ACCEPTORS_H
#define POOL_POOL_ACCEPTORS_H

#include "include/worker.h"

/* Before the first fork, after worker_prepare(): plan->acceptors, with nothing shared where no
 * worker is ever to be parked. 0, or -1 with ERROR. */
int pool_acceptors_open(struct worker_plan *plan, struct error *error);

/* The worker of SLOT has been stopped (SIGSTOP): its place is free, and a parked one may take it.
 */
void pool_acceptors_pass(const struct acceptors *acceptors, uint32_t slot);

/* The same for one that has ended; PHASE (SCOREBOARD_*) is the last that it said of itself. */
void pool_acceptors_forget(const struct acceptors *acceptors, uint32_t slot, uint32_t phase);

#endif
