/* SPDX-License-Identifier: MIT
 *
 * worker_table - the workers of a pool, and which state each is in.
 *
 * worker_child.h forks and reaps them, worker_leave.h signals them. The scoreboard slot of the same
 * index shows the entry to others; the entry here is what we act on.
 */
#ifndef POOL_WORKER_TABLE_H
#define POOL_WORKER_TABLE_H

#include "include/worker.h"
#include "lib/child.h"
#include "lib/loop.h"
#include "supervisor/pool/cgroup.h"
#include "supervisor/pool/deadline.h"
#include "supervisor/pool/error_pipe.h"
#include "supervisor/pool/pid_index.h"
#include "supervisor/pool/slot_set.h"

struct worker_entry {
    struct child child;
    struct loop_source source;   /* its pidfd */
    enum scoreboard_state state; /* set by worker_table_set_state() only */
    bool killed;                 /* we sent SIGKILL */
    bool released;               /* by worker_leave_one() */
    int maker;                   /* who was ordered to make it: there is no child yet; -1: nobody */
    bool proved;                 /* its program has been READY for LISTEN_PROVED_MS */
    int64_t born_ms, ready_ms;
    int64_t alive_ms; /* when its program last said so (WATCHDOG=1) */
    struct deadline_notice notice;
    struct error_pipe errors; /* of a program */
};

struct worker_table {
    struct loop *loop;
    const struct worker_plan *plan;
    uint32_t slots;
    struct error_pipe_budget error_budget; /* of programs */
    struct cgroup cgroup;                  /* of programs, where one is delegated */
    int drain_signal;                      /* what tells a worker to leave */
    /* Where it is set, workers are not forked: it orders a copy for SLOT and returns the number of
     * its maker, or -1 and errno. worker_child_copied() comes later, or worker_child_uncopied(). */
    int (*order)(struct worker_table *table, uint32_t slot, int error_fd);
    struct worker_entry *entries;
    struct slot_set by_state[SCOREBOARD_DRAINING + 1]; /* which entries are in each state */
    struct pid_index pids;                             /* of those that have a child */
    int64_t starting, ready, draining;                 /* entries in each state */
    int64_t unproved;                                  /* of those that are READY */
    int64_t released;                                  /* of those that drain */
    /* Called when workers became READY. */
    void (*got_ready)(struct worker_table *table);
    /* Called when a worker ended; ENDED is a copy of its entry, which will be FREE. */
    void (*ended)(struct worker_table *table, uint32_t slot, const struct worker_entry *ended,
                  const struct child_end *end);
    void *owner;
};

void worker_table_init(struct worker_table *table, struct loop *loop,
                       const struct worker_plan *plan, uint32_t slots);

/* A FREE slot has a worker now, which is STARTING; or has none any more, and is FREE: what it
 * counted is added to the sums of the scoreboard. */
void worker_table_occupy(struct worker_table *table, uint32_t slot);
void worker_table_vacate(struct worker_table *table, uint32_t slot);

/* From STARTING to READY to DRAINING, none of which is gone back; a step may be left out. */
void worker_table_set_state(struct worker_table *table, uint32_t slot, enum scoreboard_state state);

/* Has the one in SLOT said READY? As worker_table_notice_ready(). */
void worker_table_notice(struct worker_table *table, uint32_t slot);

/* Entries whose workers have said READY change state; got_ready() is called where any did. */
void worker_table_notice_ready(struct worker_table *table);

/* A READY program that accepts by itself has lasted. */
void worker_table_prove(struct worker_table *table, uint32_t slot);

/* The worker whose pid that is, NULL where there is none; and the slot of an entry. */
struct worker_entry *worker_table_find(struct worker_table *table, pid_t pid);
uint32_t worker_table_slot(const struct worker_table *table, const struct worker_entry *entry);

/* A program that accepts by itself is READY. Nothing where it is not STARTING. */
void worker_table_ready(struct worker_table *table, uint32_t slot);

/* Is there a worker in SLOT that has no client? What it says of itself is believed. */
bool worker_table_may_accept(const struct worker_table *table, uint32_t slot);

/* Is it, or will it be, no code of ours? PHASE of its slot. */
bool worker_table_is_program(const struct worker_table *table, uint32_t phase);

/* Workers that have not been reaped. */
int64_t worker_table_count(const struct worker_table *table);

#endif
