/* SPDX-License-Identifier: MIT
 *
 * pool_listen - programs that accept by themselves, as their pool sees them: who is ready, what
 * they say, who is silent for too long.
 *
 * Readiness is READY=1 on the notify socket, an acknowledgement to einhorn's, or the age of
 * ready_after, whichever comes first.
 */
#ifndef POOL_POOL_LISTEN_H
#define POOL_POOL_LISTEN_H

#include "supervisor/pool/pool.h"

/* Open the sockets that such programs are told of. Before worker_prepare(). Nothing for other
 * services. 0, or -1 with ERROR. */
int pool_listen_init(struct pool *pool, struct error *error);

/* How many are READY, but have not been so for long enough to forgive earlier failures. */
int64_t pool_listen_unproved(const struct pool *pool);

/* May others that serve be told to go? Not before some program of ours has lasted. A first
 * generation has nobody to tell. */
bool pool_listen_lasts(const struct pool *pool);

/* One was started, or became READY, not later than NOW_MS: its time will come. */
void pool_listen_expect(struct pool *pool, int64_t now_ms);

/* Whose time has come; returns when to call again. */
int64_t pool_listen_check(struct pool *pool, int64_t now_ms);

#endif
