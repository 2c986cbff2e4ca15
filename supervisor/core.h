/* SPDX-License-Identifier: MIT
 *
 * core - what the supervisor does next: (state, event) to (state, actions). Pure.
 *
 * No system call, no clock, no dice of its own: the loop hands in what happened (core_event), the
 * core changes its state and answers with what has to be done (core_actions), and dispatch.c has it
 * done, in order. Pools and services are numbers here; 0 is none. The same function runs against
 * millions of random sequences of events in tests/unit/core_random_test.c; what holds after each of
 * them is listed in supervisor/README.md.
 *
 * core.c            events: what pools say, their ends, what is due
 * core_stop.c       stopping the daemon
 * core_change.c     reload and upgrade: one change at a time
 * core_service.c    which pool serves, when a lost one is replaced
 * core_pool.c       a pool from birth to end, and its deadlines
 */
#ifndef SUPERVISOR_CORE_H
#define SUPERVISOR_CORE_H

#include "lib/backoff.h"
#include "lib/rate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long a pool that was told to stop may take beyond the limits of its workers. */
#define CORE_LEAVE_SPARE_MS 2000
/* A pool is replaced for the sake of a fresh address layout no more often than that. */
#define CORE_FRESH_PAUSE_MS 10000

/* Who waits for a change is kept waiting that long until old pools take no more clients. */
#define CORE_SETTLE_MS 1000

/* No new generation of a service is started while more old ones have not left. */
#define CORE_OLD_GENERATIONS 1

enum core_phase {
    CORE_STARTING, /* until every service has had a pool that was READY */
    CORE_RUNNING,
    CORE_STOPPING, /* for good; over when no pool is left */
};

/* A reload goes NONE, READING, WAITING, BINDING, STARTING, SETTLING, NONE; an upgrade NONE,
 * CHECKING and then, in the new program, as a reload that replaces every pool. Any failure leads
 * back to NONE, with the old pools serving as before; but in SETTLING it has succeeded. */
enum core_change {
    CORE_CHANGE_NONE,
    CORE_CHANGE_READING,  /* the file is being read */
    CORE_CHANGE_WAITING,  /* old generations have to leave first, see CORE_OLD_GENERATIONS */
    CORE_CHANGE_BINDING,  /* the addresses it wants are being bound */
    CORE_CHANGE_STARTING, /* its pools are getting ready; they wait until they are all to serve */
    CORE_CHANGE_SETTLING, /* in force; who connects from its end on is served by new pools only */
    CORE_CHANGE_CHECKING, /* the new program is asked whether it can take over */
};

/* What the configuration says about a service, as far as it matters here; milliseconds. */
struct core_settings {
    int64_t start_timeout, graceful_timeout, kill_timeout, restart_delay, restart_delay_max;
    bool fresh_after_crash; /* replace the pool after a worker crashed while it served */
    bool drain_backlog;     /* at a stop: serve who is in the queue already */
};

/* A service of a configuration: its number here, which stays the same across reloads. */
struct core_row {
    unsigned service;
    bool changed; /* against the configuration in force; also where it is new */
    struct core_settings settings;
};

/* A pool is BORN, becomes READY, and is LEAVING when it was told to finish or said that it does; a
 * stop makes it STOPPED at once, and one that is late is KILLED. It ends in any of these. */
enum core_pool_state {
    CORE_POOL_BORN,    /* has not said READY; killed after start_timeout */
    CORE_POOL_READY,   /* can serve, and does where it is `current`; no deadline */
    CORE_POOL_LEAVING, /* finishes what it has in hand; killed after its timeouts */
    CORE_POOL_STOPPED, /* ends now; killed soon */
    CORE_POOL_KILLED,  /* its end is a matter of the kernel */
};

struct core_pool {
    unsigned id;
    unsigned service;           /* 0: its service is gone, it only has to leave */
    enum core_pool_state state; /* set by core_pool_enter() only */
    int64_t deadline_ms;        /* killed then; CLOCK_NEVER: never */
    int64_t graceful_ms, kill_ms;
    bool accepts; /* it has been told to serve, and not said that it takes no more clients */
};

struct core_service {
    unsigned id;
    unsigned current, coming;      /* the pool that serves; the one that was started and does not */
    struct core_settings settings; /* in force; of a new service those of `next` */
    struct core_settings next;     /* of the configuration that a reload brings */
    bool in_force, in_next;        /* which of the two configurations have it */
    bool changes;                  /* it needs a new pool for `next` */
    bool reloading;                /* coming belongs to the reload */
    bool restart;                  /* the next reload replaces its pool, changed or not, */
    bool restarting;               /* and the one that goes on does */
    bool stale;                    /* a worker of `current` crashed */
    bool was_ready;                /* some pool was */
    bool last_call;                /* at a stop: its queue is served, but nobody can queue up */
    struct backoff backoff;        /* pools that died before READY */
    struct rate rate;              /* of replacements of pools that served */
    int64_t retry_ms;              /* when the next pool is started; CLOCK_NEVER: not waiting */
    int64_t fresh_ms;              /* no pool is replaced for being stale before */
    int64_t last_call_ms;          /* the end of last_call, whoever is in the queue */
};

struct core {
    enum core_phase phase;
    enum core_change change;
    bool upgrading;                       /* the change is what remains of an upgrade */
    bool reload_pending, upgrade_pending; /* asked for while another change went on */
    unsigned hindrance;                   /* the pool that WAITING was said to wait for */
    int64_t settle_ms;                    /* the end of SETTLING */
    int64_t started_ms;
    unsigned last_pool; /* the newest number */
    struct core_pool *pools;
    size_t pool_count;
    struct core_service *services;
    size_t service_count;
};

/* What happened. One row per event: name, and which fields of struct core_event it has besides
 * now_ms and dice. */
#define CORE_EVENTS(EVENT)                                                                         \
    EVENT(TICK)           /* before each wait; then what is due is done */                         \
    EVENT(POOL_READY)     /* pool: it said so */                                                   \
    EVENT(POOL_LEAVING)   /* pool: it said that a signal told it to; why, for a reload */          \
    EVENT(POOL_DRAINED)   /* pool: it said that it takes no more clients */                        \
    EVENT(POOL_CRASHED)   /* pool: it said that a worker crashed while it served */                \
    EVENT(POOL_FLOODS)    /* pool: it says more than a sound one would */                          \
    EVENT(POOL_ENDED)     /* pool, well: with status 0, why; said: by the pool, which gives up */  \
    EVENT(START_FAILED)   /* pool: it could not be started, why */                                 \
    EVENT(RELOAD)         /* is wanted */                                                          \
    EVENT(RESTART)        /* service: replace its pool with the next reload */                     \
    EVENT(READ)           /* well: rows; else why */                                               \
    EVENT(BOUND)          /* well; else why */                                                     \
    EVENT(UPGRADE)        /* is wanted */                                                          \
    EVENT(CHECKED)        /* well: the new program can take over; else why */                      \
    EVENT(EXECUTE_FAILED) /* why */                                                                \
    EVENT(QUEUE_EMPTY)    /* service, in its last call */                                          \
    EVENT(STOP)           /* finish what is in hand; the second one: now */                        \
    EVENT(STOP_NOW)

enum core_event_type {
#define EVENT(id) CORE_ON_##id,
    CORE_EVENTS(EVENT)
#undef EVENT
};

struct core_event {
    enum core_event_type type;
    int64_t now_ms;
    uint32_t dice;
    unsigned service, pool;
    bool well, said;
    const char *why; /* the caller's, until the actions were done; NULL: nothing to say */
    const struct core_row *rows;
    size_t row_count;
};

/* What has to be done. One row per action: name, and which fields of struct core_action it has. */
#define CORE_ACTIONS(ACTION)                                                                       \
    ACTION(START_POOL) /* service, pool: with that number; next: for the coming configuration */   \
    ACTION(PROMOTE)    /* service, pool: it serves from now on */                                  \
    ACTION(DRAIN_POOL) /* pool, ms: that long for what is in hand */                               \
    ACTION(STOP_POOL)  /* pool */                                                                  \
    ACTION(KILL_POOL)  /* pool, and its workers; next: it was not READY in time */                 \
    ACTION(MOURN)      /* pool, ended: what follows (enum core_sequel), ms */                      \
    ACTION(ADOPT)      /* pool, ended: what it left behind has ms, and then kill_ms */             \
    ACTION(HOLD_OFF)   /* service: its pool could not be started; why; ms until the next try */    \
    ACTION(DROP)       /* service: it is gone */                                                   \
    ACTION(READ)       /* the configuration file; READ follows */                                  \
    ACTION(BIND)       /* what the coming configuration wants; BOUND follows */                    \
    ACTION(COMMIT)     /* the coming configuration is in force */                                  \
    ACTION(COMMITTED)  /* and its pools serve: sockets that nobody wants are closed */             \
    ACTION(ROLL_BACK)  /* the coming configuration is forgotten; why */                            \
    ACTION(CHECK)      /* the new program; CHECKED follows */                                      \
    ACTION(EXECUTE)    /* it; EXECUTE_FAILED follows, or nothing */                                \
    ACTION(ANSWER)     /* who waits for the reload, upgrade: for the upgrade; why: it failed */    \
    ACTION(ADVANCE)    /* who waits for the next reload waits for this one */                      \
    ACTION(WAITING)    /* pool: for its end the change waits */                                    \
    ACTION(READY)      /* every service is: say so */                                              \
    ACTION(GIVE_UP)    /* service: the first start cannot succeed; why, NULL: start_timeout */     \
    ACTION(LAST_CALL)  /* service: nobody may queue up any more; QUEUE_EMPTY follows */            \
    ACTION(CLOSE)      /* service: its listening sockets */                                        \
    ACTION(STOPPING)   /* next: now */

enum core_action_type {
#define ACTION(id) CORE_DO_##id,
    CORE_ACTIONS(ACTION)
#undef ACTION
};

/* What follows the end of a pool. */
#define CORE_SEQUELS(SEQUEL)                                                                       \
    SEQUEL(NOBODY, "none")                                                                         \
    SEQUEL(LEFT, "none, it was leaving")                                                           \
    SEQUEL(COMING, "another one is starting already")                                              \
    SEQUEL(AT_ONCE, "replaced at once")                                                            \
    SEQUEL(RATED, "replaced as soon as the restart rate allows")                                   \
    SEQUEL(HOLD_OFF, "died before it was ready: next try in %lld ms")                              \
    SEQUEL(CHANGE_FAILED, "none, the reload has failed")                                           \
    SEQUEL(STOPPING, "none, preforkd is stopping")                                                 \
    SEQUEL(GIVE_UP, "none, preforkd gives up")

enum core_sequel {
#define SEQUEL(id, text) CORE_SEQUEL_##id,
    CORE_SEQUELS(SEQUEL)
#undef SEQUEL
};

struct core_action {
    enum core_action_type type;
    unsigned service, pool;
    bool next, upgrade;
    enum core_sequel sequel;
    int64_t ms, kill_ms;
    const char *why; /* of the event, or a literal */
};

struct core_actions {
    struct core_action *list;
    size_t count, room;
};

extern const char *const core_phase_names[];

/* STARTING with the services of ROWS, none of which has a pool. */
void core_init(struct core *core, const struct core_row *rows, size_t count, int64_t now_ms);
void core_release(struct core *core);

/* One event. What is to be done is added to ACTIONS. */
void core_step(struct core *core, const struct core_event *event, struct core_actions *actions);

/* When the next TICK is due; CLOCK_NEVER: when something happens. */
int64_t core_next_ms(const struct core *core);

/* The last moment that something is waited for; 0: nothing is. */
int64_t core_last_ms(const struct core *core);

/* Is a configuration being put into force? */
bool core_change_is_reload(const struct core *core);

/* STOPPING, and nothing is left to wait for. */
bool core_is_finished(const struct core *core);

/* What a pool is to its service. */
enum core_place { CORE_PLACE_NONE, CORE_PLACE_CURRENT, CORE_PLACE_COMING };

/* After an upgrade, which the new program finishes: core_init() without a row, then each service
 * and each pool as the old program left them, and core_change_resume_upgrade(). BEFORE is asked for
 * its rate, its failures, restart, stale, retry_ms and fresh_ms. POOL keeps what it has but the
 * number, which is returned. */
void core_service_adopt(struct core *core, const struct core_row *row,
                        const struct core_service *before, int64_t now_ms);
unsigned core_pool_adopt(struct core *core, const struct core_pool *pool, enum core_place place);
void core_change_resume_upgrade(struct core *core, int64_t now_ms, struct core_actions *actions);

struct core_pool *core_pool_find(const struct core *core, unsigned id);
struct core_service *core_service_find(const struct core *core, unsigned id);

/* The change that goes on replaces its pool, changed or not. */
bool core_service_restarts(const struct core *core, unsigned id);

void core_actions_add(struct core_actions *actions, struct core_action action);
void core_actions_release(struct core_actions *actions);

#endif
