/* SPDX-License-Identifier: MIT
 *
 * worker_table - the workers of a pool: forking, signalling and reaping them.
 *
 * Decides nothing: who is to be forked, cut or killed is said by pool_policy and deadline. The
 * scoreboard slot of the same index shows the entry to others; the entry here is what we act on.
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
    enum scoreboard_state state; /* set by set_state() in worker_table.c only */
    bool killed;                 /* we sent SIGKILL */
    bool released;               /* by worker_table_release() */
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
     * its maker, or -1 and errno. worker_table_copied() comes later, or worker_table_uncopied(). */
    int (*order)(struct worker_table *table, uint32_t slot, int error_fd);
    struct worker_entry *entries;
    struct slot_set by_state[SCOREBOARD_DRAINING + 1]; /* which entries are in each state */
    struct pid_index pids;                             /* of those that have a child */
    int64_t starting, ready, draining;                 /* entries in each state */
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

/* Fork one into the lowest free slot. 0, or -1 and errno (EBUSY: every slot is taken). */
int worker_table_fork(struct worker_table *table);

/* The copy for SLOT, as MAKER says: the child PID, or -errno. What was not ordered is ignored. 0,
 * or -1 and errno: there is no copy, the slot is free. */
int worker_table_copied(struct worker_table *table, int maker, uint32_t slot, pid_t pid);

/* No order that is open will be answered by MAKER. */
void worker_table_uncopied(struct worker_table *table, int maker);

/* Entries whose workers have said READY change state; got_ready() is called where any did. */
void worker_table_notice_ready(struct worker_table *table);

/* The worker whose pid that is, NULL where there is none; and the slot of an entry. */
struct worker_entry *worker_table_find(struct worker_table *table, pid_t pid);
uint32_t worker_table_slot(const struct worker_table *table, const struct worker_entry *entry);

/* A program that accepts by itself is READY. Nothing where it is not STARTING. */
void worker_table_ready(struct worker_table *table, uint32_t slot);

/* SIGKILL to one; WHY completes "worker 4711 …" in the log. */
void worker_table_kill(struct worker_table *table, uint32_t slot, const char *why);

/* Tell COUNT workers to leave, idle ones first, from the highest slot down; connections that they
 * have in hand may go on until LEAVE_BY_MS. Already leaving ones are not counted. */
void worker_table_drain(struct worker_table *table, int64_t count, int64_t now_ms,
                        int64_t leave_by_ms);

/* Tell up to COUNT workers to leave that are READY and have no client, from the highest slot down.
 * One that takes a client at this very moment may serve it for as long as any other, and leaves
 * then. */
void worker_table_release(struct worker_table *table, int64_t count, int64_t now_ms);

/* Is there a worker in SLOT that has no client? What it says of itself is believed. */
bool worker_table_may_accept(const struct worker_table *table, uint32_t slot);

/* Tell all that write to the log themselves to take the new one (WORKER_REOPEN). */
void worker_table_reopen_log(struct worker_table *table);

/* SIGKILL to all. */
void worker_table_kill_all(struct worker_table *table);

/* Is it, or will it be, no code of ours? PHASE of its slot. */
bool worker_table_is_program(const struct worker_table *table, uint32_t phase);

/* Workers that have not been reaped. */
int64_t worker_table_count(const struct worker_table *table);

#endif
