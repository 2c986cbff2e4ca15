/* SPDX-License-Identifier: MIT
 *
 * scoreboard.h - what the processes of one pool show of themselves, in one shared mapping.
 *
 * Every field has exactly one writing process, told by the structure it stands in:
 *
 *     scoreboard_header, scoreboard_keeper   the pool
 *     scoreboard_worker                      the worker that holds the slot (the pool again while
 *                                            no code of ours runs in it: before its birth, after
 *                                            its end, and while it is a program)
 *
 * Each structure fills cache lines of its own, so that no line is written by two processes, but for
 * scoreboard_spare, which only elastic pools use. There is no lock, pointer or index in it. The
 * supervisor maps it read-only and displays it, clamped; it acts on nothing here. The pool takes
 * deadlines and the number of workers from it: pool and workers are the same user and guard nothing
 * against each other that this mapping could give away.
 *
 * Loads and stores are relaxed atomics: each field is true on its own, a set of fields read while
 * they change may be from two moments. `peer` is guarded by `sequence` (see below).
 */
#ifndef SCOREBOARD_H
#define SCOREBOARD_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SCOREBOARD_MAGIC 0x70665343u
#define SCOREBOARD_LINE  64

/* Room for what a program or handler says of itself, NUL included. */
#define SCOREBOARD_SAID_MAX 88

/* Counters of a handler, and room for the name of one, NUL included (preforkd/handler.h). */
#define SCOREBOARD_COUNTERS         8
#define SCOREBOARD_COUNTER_NAME_MAX 24

/* States of a worker's slot, as the pool sees it. One phrase per state. */
#define SCOREBOARD_STATES(STATE)                                                                   \
    STATE(FREE, "free")         /* no process */                                                   \
    STATE(STARTING, "starting") /* forked, has not said READY */                                   \
    STATE(READY, "ready")       /* accepts; idle or busy, the worker's phase tells */              \
    STATE(DRAINING, "draining") /* told to leave after the connection in hand */

enum scoreboard_state {
#define STATE(id, name) SCOREBOARD_##id,
    SCOREBOARD_STATES(STATE)
#undef STATE
};

/* What a worker says of itself. */
enum scoreboard_phase {
    SCOREBOARD_UNBORN,  /* not ready yet */
    SCOREBOARD_IDLE,    /* READY: in accept */
    SCOREBOARD_PARKED,  /* READY: waits until too few are in accept (acceptors.h) */
    SCOREBOARD_BUSY,    /* serves a connection */
    SCOREBOARD_LEAVING, /* about to exit as it should; an exit without it is a death */
    SCOREBOARD_PROGRAM, /* has become a program that serves a connection; the slot is the pool's */
};

/* Has it a client? PHASE as read. */
static inline bool scoreboard_is_busy(uint32_t phase)
{
    return phase == SCOREBOARD_BUSY || phase == SCOREBOARD_PROGRAM;
}

/* Could it have one the next moment? */
static inline bool scoreboard_is_idle(uint32_t phase)
{
    return phase == SCOREBOARD_IDLE || phase == SCOREBOARD_PARKED;
}

struct scoreboard_header {
    alignas(SCOREBOARD_LINE) uint32_t magic;
    uint32_t slot_count;
    _Atomic uint32_t target;   /* workers wanted now */
    uint32_t elastic;          /* do workers use scoreboard_spare? Written before the first one */
    _Atomic uint64_t crashes;  /* deaths of workers, by signal or unexpected exit */
    _Atomic uint64_t restarts; /* workers forked in place of others */
    _Atomic uint64_t connections; /* sums of workers that have left */
    _Atomic uint64_t bytes_in;
    _Atomic uint64_t bytes_out;
    _Atomic uint64_t refused;
    _Atomic uint64_t counters[SCOREBOARD_COUNTERS];
    /* Written before the first worker is forked. */
    char counter_names[SCOREBOARD_COUNTERS][SCOREBOARD_COUNTER_NAME_MAX];
};

/* Of elastic pools: how many workers have no client, for a pool that wants to know at once when
 * these are too few. Everybody adds to `idle`: the pool when it forks one and when one without a
 * client has ended, each worker when it takes and when it has served a client. A sum of what stands
 * in the slots would need no shared line, but nobody could know it without reading all of them for
 * each client. One line that everybody writes costs little where each client is taken out of one
 * queue under one lock of the kernel before; a pool of a fixed size does without.
 *
 * The pool sets `alarm`; the worker that finds fewer idle ones than that puts SILENT there and adds
 * to notify (worker.h). So the steady state costs no system call. */
struct scoreboard_spare {
    alignas(SCOREBOARD_LINE) _Atomic int32_t idle;
    _Atomic int32_t low; /* fewest idle since the pool set it anew; by whoever sees fewer */
    _Atomic int32_t alarm;
};

#define SCOREBOARD_SPARE_SILENT INT32_MIN

struct scoreboard_keeper {
    alignas(SCOREBOARD_LINE) _Atomic uint32_t state; /* enum scoreboard_state */
    _Atomic int32_t pid;                             /* to print; nobody signals it */
    _Atomic int64_t born_ms;                         /* CLOCK_MONOTONIC */
    _Atomic int32_t worn; /* the pid of a worker that is to ask for its replacement (worker.h) */
    /* The pid of one that is to leave after its client; until the pool takes that back, and finds
     * that it is not LEAVING yet. */
    _Atomic int32_t may_leave;
};

struct scoreboard_worker {
    alignas(SCOREBOARD_LINE) _Atomic uint32_t phase; /* enum scoreboard_phase */
    _Atomic uint32_t sequence;    /* odd while the peer changes; +2 per connection */
    _Atomic uint64_t connections; /* accepted */
    _Atomic uint64_t bytes_in;
    _Atomic uint64_t bytes_out;
    _Atomic int64_t started_ms;     /* of the connection in hand, CLOCK_MONOTONIC_COARSE */
    _Atomic int64_t moved_ms;       /* when a byte was last read or written on it */
    _Atomic int64_t started_us;     /* the same as started_ms, exact; only for programs */
    _Atomic uint64_t peer[4];       /* a union socket_address cut to 32 bytes: IPv4, IPv6, family */
    _Atomic uint64_t proxy[4];      /* the same for the proxy that told the peer; all 0: none did */
    _Atomic uint64_t refused;       /* connections that were closed before they were served */
    _Atomic uint32_t said_sequence; /* odd while `said` changes */
    _Atomic uint64_t said[SCOREBOARD_SAID_MAX / 8]; /* what handler or program says of itself, NUL-
                                                       terminated; of STATUS= of sd_notify(3) the
                                                       pool is the writer */
    _Atomic uint64_t counters[SCOREBOARD_COUNTERS]; /* the handler's */
};

struct scoreboard_slot {
    struct scoreboard_keeper keeper;
    struct scoreboard_worker worker;
};

/* The mapping: header and spare, then slot_count slots. */
struct scoreboard {
    struct scoreboard_header header;
    struct scoreboard_spare spare;
    struct scoreboard_slot slots[];
};

/* How every field is read, written by its one writer, and added to by it. */
#define SCOREBOARD_LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define SCOREBOARD_STORE(field, value)                                                             \
    atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define SCOREBOARD_ADD(field, value)                                                               \
    atomic_fetch_add_explicit(&(field), (value), memory_order_relaxed)

_Static_assert(sizeof(struct scoreboard_header) == 5 * SCOREBOARD_LINE, "whole lines");
_Static_assert(sizeof(struct scoreboard) == 6 * SCOREBOARD_LINE, "the header's and one");
_Static_assert(sizeof(struct scoreboard_slot) == 6 * SCOREBOARD_LINE, "one line and five");

#endif
