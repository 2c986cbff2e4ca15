/* SPDX-License-Identifier: MIT
 *
 * stray_policy - whose a stray is, and what is to be done with it now. Pure.
 *
 * A stray is a process that a program left behind: its parent ended, so it became a child of the
 * pool. It belongs to a connection, and ends with it:
 *
 *   - By its session or group. Each worker leads a session whose number is the worker's pid; that
 *     number is nobody else's as long as anybody is in it.
 *   - A daemon has a session of its own. It belongs to the connection, or the program that accepts
 *     by itself, that the environment it was started with names.
 *   - Where that names none, it may be any program's that ran when it was first seen: it is kept
 *     until none of those is left.
 *
 * What belongs to no living connection is told to end (SIGTERM), and killed kill_timeout later.
 * What a program that ended by itself left has STRAY_SPARE_MS before.
 */
#ifndef POOL_STRAY_POLICY_H
#define POOL_STRAY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum stray_force { STRAY_LIVES, STRAY_TERM, STRAY_KILL }; /* in this order */

/* A living worker, or whatever else the pool has forked and holds. */
struct stray_worker {
    pid_t pid;
    uint32_t slot;          /* what the owner of the table knows it by */
    int64_t program_ms;     /* since when it may have started processes: for a program per
                               connection since it has its client, for one that accepts by
                               itself since its birth. CLOCK_NEVER: not yet. Must not change
                               once it is a time */
    enum stray_force force; /* its connection is being ended: so are the strays of it */
};

/* The pid of a worker that has ended, and when what it left behind is killed. */
struct stray_ended {
    pid_t pid;
    int64_t spare_ms; /* until then it is let finish, by itself */
    int64_t kill_ms;
    bool in_use; /* for the table: somebody is in its session or group */
};

/* Who makes workers on order. Such a worker is a child of the pool as soon as it exists, and gets
 * known when the maker has answered. Both count since the pool began. */
#define STRAY_MAKERS 2
struct stray_maker {
    int64_t ordered;
    int64_t settled; /* of these: answered, or not to be answered any more */
};

struct stray {
    pid_t pid, group, session;
    int64_t seen_ms;                    /* first */
    int64_t unsure_until[STRAY_MAKERS]; /* orders, by maker: until those are settled it may be what
                                           was ordered, and no stray */
    bool examined;                      /* its environment was asked; not again */
    bool named;                         /* session or environment told whose it is: */
    pid_t owner;                        /* that worker's, 0: of one that is gone */
    int64_t owner_ms;                   /* its program_ms */
    int64_t term_ms;                    /* SIGTERM was sent then, CLOCK_NEVER: not yet */
    int64_t killed_ms;                  /* the same for SIGKILL */
    bool untouchable;                   /* it takes no signals from us: set-uid */
};

/* So long what a program left behind, in its session or group, may finish by itself: some have
 * another process pass their bytes on (recordio), which has the last of them when they end. */
#define STRAY_SPARE_MS 1000

/* How long after SIGKILL a stray is waited for. */
#define STRAY_GIVE_UP_MS 1000

/* What strays are judged by; both lists sorted by pid. */
struct stray_scene {
    const struct stray_worker *workers;
    size_t worker_count;
    const struct stray_ended *ended;
    size_t ended_count;
    struct stray_maker makers[STRAY_MAKERS];
    int64_t kill_timeout_ms;
    int64_t oldest_program_ms; /* the least program_ms of all workers, CLOCK_NEVER: of none */
    int64_t newest_program_ms; /* the greatest, INT64_MIN: of none */
    enum stray_force stop;     /* the pool is stopping: for all */
    int64_t stop_kill_ms;      /* and nobody is spared from then on; CLOCK_NEVER */
};

struct stray_verdict {
    enum stray_force action; /* STRAY_LIVES: nothing now */
    bool sentenced;          /* it has to end, now or later */
    int64_t next_ms;         /* judge it again then; CLOCK_NEVER: only after an event */
};

/* A child that nobody knows, seen for the first time. */
struct stray stray_policy_new(pid_t pid, const struct stray_scene *scene, int64_t now_ms);

/* May it be a worker that was not announced yet? Then it must be left as it is, dead or alive. */
bool stray_policy_unsure(const struct stray *stray, const struct stray_scene *scene);

struct stray_verdict stray_policy_judge(const struct stray *stray, const struct stray_scene *scene,
                                        int64_t now_ms);

/* Learn from its session and group whose it is. False: they do not tell, ask its environment. */
bool stray_policy_settle(struct stray *stray, const struct stray_scene *scene);

/* By pid; NULL where there is none. */
const struct stray_worker *stray_policy_worker(const struct stray_scene *scene, pid_t pid);
const struct stray_ended *stray_policy_ended(const struct stray_scene *scene, pid_t pid);

/* The value of NAME in ENVIRONMENT (NUL-terminated entries, LENGTH bytes, the last may be cut).
 * NULL where it is not there, or empty. */
const char *stray_policy_variable(const char *environment, size_t length, const char *name);

#endif
