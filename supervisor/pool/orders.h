/* SPDX-License-Identifier: MIT
 *
 * orders - what the supervisor tells the pool, what that does, and what the pool tells it.
 */
#ifndef POOL_ORDERS_H
#define POOL_ORDERS_H

#include "supervisor/pool/pool.h"

/* Tell the supervisor, with the number of workers that are ready and wanted. It is not waited for:
 * a message it has no room for is dropped, and nothing is said once it is gone. 0, or -1 where it
 * was not sent. */
int orders_report(struct pool *pool, enum channel_type type, const char *text);

/* For the event loop: carry out what came over the channel. Its end is the supervisor's, and an
 * order to drain. */
void orders_receive(struct loop_source *source, uint32_t events);

/* Accept no more, let every worker finish what it has in hand within MS milliseconds from now. */
void orders_drain(struct pool *pool, int64_t ms);

/* Once the pool drains: has every worker that had no client left? Then the supervisor is told.
 * Returns when to call again. */
int64_t orders_check_drained(struct pool *pool, int64_t now_ms);

/* Want that many workers from now on; numbers that are not possible are refused with a warning. */
void orders_set_workers(struct pool *pool, int64_t target);

#endif
