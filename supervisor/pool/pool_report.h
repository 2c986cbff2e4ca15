/* SPDX-License-Identifier: MIT
 *
 * pool_report - what a pool tells the supervisor by itself: that it is READY, and how it is.
 */
#ifndef POOL_POOL_REPORT_H
#define POOL_POOL_REPORT_H

#include "supervisor/pool/pool.h"

void pool_report_init(struct pool *pool);

/* In each turn: say what is new. What could not be said is said in a later turn. */
void pool_report(struct pool *pool);

#endif
