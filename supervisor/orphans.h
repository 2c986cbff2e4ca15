/* SPDX-License-Identifier: MIT
 *
 * orphans - what a pool that died leaves behind: its workers and their programs, which become
 * children of the supervisor.
 *
 * They may finish what they have in hand; after the pool's graceful_timeout they are told to end
 * (SIGTERM), and killed kill_timeout later. Nothing is read that they can write; they are known by
 * being our children, and by nothing else.
 *
 * A living pool keeps what its programs leave behind to itself. So a child that is no pool and
 * comes up while no dead pool has orphans is foreign (those of PID 1 in a container, those that
 * our process had before it executed preforkd): foreign ones are reaped and not signalled, unless
 * we are process 1 and end, which is the end of them, too.
 */
#ifndef SUPERVISOR_ORPHANS_H
#define SUPERVISOR_ORPHANS_H

#include "lib/children.h"

#include <stdint.h>

#define ORPHANS_PAUSE_MS 100 /* between two looks */

/* When each is due; CLOCK_NEVER: not, or it was sent. */
struct orphans_sentence {
    int64_t term_ms, kill_ms;
};

struct orphan {
    pid_t pid;
    bool foreign;
    bool left; /* it takes no signals, or lives on after SIGKILL: nobody waits for it */
    struct orphans_sentence sentence;
    int64_t give_up_ms; /* some time after SIGKILL was sent, CLOCK_NEVER before */
};

struct orphans {
    /* Is PID a child that is held elsewhere (a pool, not reaped yet)? */
    bool (*is_held)(void *owner, pid_t pid);
    void *owner;
    struct orphan *list; /* sorted by pid */
    size_t count;
    struct children children;
    struct orphans_sentence next; /* of those that come up; term_ms CLOCK_NEVER: they are foreign */
    bool owed;                    /* some may have come since the last look */
    bool blind;                   /* the list of children cannot be read */
    bool stopping;
    int64_t due_ms, look_ms; /* the next look, the last one */
};

/* The supervisor becomes a subreaper; what it has for children is foreign. After the process has
 * become a daemon (fork(2) does not pass it on), before the first pool is started. */
void orphans_init(struct orphans *orphans, bool (*is_held)(void *owner, pid_t pid), void *owner);
void orphans_release(struct orphans *orphans);

/* After orphans_init() in the next image of the process: LIST is who was known by then and NEXT the
 * sentence of those that come up. */
void orphans_restore(struct orphans *orphans, const struct orphan *list, size_t count,
                     struct orphans_sentence next, int64_t now_ms);

/* A pool, or something else of ours that had children, was reaped. GRACEFUL_MS: how long what it
 * left may go on; 0 where it has left as it should, for that time was over then. */
void orphans_pool_died(struct orphans *orphans, int64_t graceful_ms, int64_t kill_ms,
                       int64_t now_ms);

/* SIGCHLD came. */
void orphans_look(struct orphans *orphans, int64_t now_ms);

/* In each turn of the loop: look and do what is due. Returns when to call again. */
int64_t orphans_check(struct orphans *orphans, int64_t now_ms);

/* For process 1 that begins to stop: foreign ones end like orphans, told at once and killed KILL_MS
 * later. Without that they are killed by our end, and nothing was said to them. */
void orphans_take_foreign(struct orphans *orphans, int64_t kill_ms, int64_t now_ms);

/* Stop now: SIGKILL to all that are there and to all that come up. */
void orphans_stop(struct orphans *orphans, int64_t now_ms);

/* Those that the end of preforkd has to wait for; what may have come since the last look counts as
 * one. */
size_t orphans_count(const struct orphans *orphans);

#endif
