/* SPDX-License-Identifier: MIT
 *
 * worker_end - what the end of a worker means: what is counted, what is logged, what happens next.
 */
#ifndef POOL_WORKER_END_H
#define POOL_WORKER_END_H

#include "supervisor/pool/pool.h"

/* A program that accepts by itself and ends sooner than this after it was READY does not serve:
 * unlike a worker of ours, it cannot be made to end by a client that we would know of. */
#define LISTEN_PROVED_MS 1000

/* For worker_table: a worker was reaped. */
void worker_end_account(struct worker_table *table, uint32_t slot, const struct worker_entry *ended,
                        const struct child_end *end);

/* One phrase each. */
enum worker_end_kind {
    WORKER_END_KIND_LEFT,    /* as it was told, or may at any time */
    WORKER_END_KIND_SERVED,  /* it was a program, which has ended with its connection */
    WORKER_END_KIND_CRASHED, /* it should not have; replaced at once */
    WORKER_END_KIND_FAILED   /* it could not begin to serve: hold-off */
};

/* All that the judgement depends on. */
struct worker_end_facts {
    enum scoreboard_state state;
    uint32_t phase;
    enum config_handler kind;
    struct child_end end;
    bool told;        /* to end: its connection, or itself by SIGKILL */
    bool stopping;    /* the pool is */
    int64_t ready_ms; /* how long it has been READY */
};

/* Pure. */
enum worker_end_kind worker_end_judge(const struct worker_end_facts *facts);

#endif
