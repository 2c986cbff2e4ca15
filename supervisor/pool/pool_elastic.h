/* SPDX-License-Identifier: MIT
 *
 * pool_elastic - a pool that grows and shrinks: what elastic.h wants to know, and what follows from
 * what it says.
 *
 * Workers count themselves out of and into scoreboard_spare; the pool counts births and ends. A
 * worker that was killed between its phase and its count leaves the sum wrong by one: it is made
 * anew from the phases at each look at the low-water mark, and some time after a crash. What else
 * is odd in it, from a worker that went mad, costs workers between min_spare and max_workers, and
 * nothing else.
 */
#ifndef POOL_POOL_ELASTIC_H
#define POOL_POOL_ELASTIC_H

#include "supervisor/pool/pool.h"

/* Is that how the service is configured? Before the first worker is forked. */
void pool_elastic_init(struct pool *pool);

/* Before a decision of pool_policy: sets its target. Returns when to call again. */
int64_t pool_elastic_follow(struct pool *pool, int64_t now_ms);

/* After it was carried out: workers tell from now on when too few are idle. False where that has
 * happened already: decide again. */
bool pool_elastic_listen(struct pool *pool, int64_t now_ms);

/* A worker crashed. */
void pool_elastic_crashed(struct pool *pool);

#endif
