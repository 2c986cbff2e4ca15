/* SPDX-License-Identifier: MIT
 *
 * pool_strays - what the pool knows of its workers, for those who look after what programs leave
 * behind (stray.h).
 */
#ifndef POOL_POOL_STRAYS_H
#define POOL_POOL_STRAYS_H

#include "supervisor/pool/pool.h"

/* Only pools of programs have strays; for others nothing is done. */
void pool_strays_init(struct pool *pool);

/* A worker that may have been a program was reaped. */
void pool_strays_ended(struct pool *pool, const struct worker_entry *ended);

/* Something may be there: a child ended, or a connection is ended by force. */
void pool_strays_due(struct pool *pool);

/* Look where that is due; returns when to call again. The pool that stops and has no workers left
 * ends them all. */
int64_t pool_strays_check(struct pool *pool, int64_t now_ms);

/* The pool has to stop now. */
void pool_strays_kill(struct pool *pool);

/* Does the pool still wait for any? */
bool pool_strays_left(const struct pool *pool);

#endif
