/* SPDX-License-Identifier: MIT
 *
 * worker_deadlines - what deadline.h says of each worker is done: connections are ended, workers
 * killed.
 */
#ifndef POOL_WORKER_DEADLINES_H
#define POOL_WORKER_DEADLINES_H

#include "supervisor/pool/worker_table.h"

/* Look at all workers; returns when to call again. */
int64_t worker_deadlines_check(struct worker_table *table, const struct deadline_limits *limits,
                               int64_t now_ms);

#endif
