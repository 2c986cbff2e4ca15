/* SPDX-License-Identifier: MIT
 *
 * stray - processes that programs left behind, found and ended.
 *
 * The pool is a subreaper: what outlives its parent below a worker becomes a child of the pool.
 * Whose it is and what is to be done with it says stray_policy; here it is seen, signalled and
 * reaped. A look costs one read of the list of children. It happens after a worker ended or a
 * child did (SIGCHLD), at most every STRAY_PAUSE_MS, and never on behalf of a single connection.
 *
 * Everything that is a child of the pool and not listed by workers() is taken for a stray. What
 * else the pool has forked and holds (templates) must be listed too. A child that may be a worker
 * which its maker has not announced yet is left alone until that is known; nobody else has to wait
 * for it.
 */
#ifndef POOL_STRAY_H
#define POOL_STRAY_H

#include "lib/children.h"
#include "supervisor/pool/stray_policy.h"

#define STRAY_PAUSE_MS 100 /* between two looks */

struct stray_events {
    /* Write all living workers that are known (not reaped yet) to WORKERS, which has room for as
     * many as stray_init() was told. Returns how many. */
    size_t (*workers)(void *owner, struct stray_worker *workers);
    /* What those have been ordered and have answered who make workers. */
    void (*makers)(void *owner, struct stray_maker makers[static STRAY_MAKERS]);
    /* Which worker's program was a process started by that has ENVIRONMENT, LENGTH bytes as
     * stray_policy_variable() takes them? Foreign text, to be compared and nothing else. False: it
     * does not tell; else *WORKER is its pid, 0: it is gone. */
    bool (*whose)(void *owner, const char *environment, size_t length, pid_t *worker);
};

struct strays {
    const struct stray_events *events;
    void *owner;
    struct stray_scene scene;
    struct stray_worker *workers;
    struct stray_ended *ended;
    struct stray *list; /* sorted by pid */
    size_t most_workers, ended_room, count, room;
    struct children children;
    bool owed;       /* something may have come since the last look */
    bool blind;      /* the list of children cannot be read */
    int64_t due_ms;  /* next look, CLOCK_NEVER: none is needed */
    int64_t look_ms; /* the last one */
};

/* The pool becomes a subreaper. MOST_WORKERS: what workers() writes at most. */
void stray_init(struct strays *strays, const struct stray_events *events, void *owner,
                size_t most_workers, int64_t kill_timeout_ms);
void stray_release(struct strays *strays);

/* A worker was reaped; what it left behind is told to end now and killed at KILL_MS. CLOCK_NEVER:
 * it ended by itself; what it left has STRAY_SPARE_MS, and then kill_timeout. */
void stray_ended(struct strays *strays, pid_t worker, int64_t kill_ms, int64_t now_ms);

/* Something may be there: SIGCHLD came, a connection is ended by force. */
void stray_due(struct strays *strays, int64_t now_ms);

/* Look, where that is due. Returns when to call again, CLOCK_NEVER: after stray_due(). */
int64_t stray_check(struct strays *strays, int64_t now_ms);

/* Signal everybody in the group that worker LEADER has led from its birth, itself included. LEADER
 * must not have been reaped: the number is nobody else's until then. */
void stray_end_group(pid_t leader, int signal);

/* The pool is stopping and has no workers left: everything else ends too. Now with NOW, else
 * SIGTERM first and SIGKILL after kill_timeout. May be called again and again. */
void stray_stop_all(struct strays *strays, bool now, int64_t now_ms);

/* Strays that can be waited for; what may have come since the last look counts as one. 0: the pool
 * may exit. Those that take no signals, or live on after SIGKILL, are left to the supervisor. */
size_t stray_count(const struct strays *strays);

#endif
