/* SPDX-License-Identifier: MIT
 *
 * service - one service of the configuration in force, and the pools that serve it.
 *
 * At most two pools matter: `current` serves, `coming` was started and has not said READY. When it
 * says so it becomes current and the other one drains, which from then on is nobody's: it only has
 * to leave. Decides by itself when a lost pool is replaced; during a reload the reload decides when
 * `coming` takes over.
 */
#ifndef SUPERVISOR_SERVICE_H
#define SUPERVISOR_SERVICE_H

#include "lib/backoff.h"
#include "lib/rate.h"
#include "supervisor/pool_process.h"

/* What a service is doing. Which pools it has tells the state (service_derive); why is in
 * `trouble`. One phrase each: */
#define SERVICE_STATES(STATE)                                                                      \
    STATE(STARTING, "starting") /* never had a pool that was READY */                              \
    STATE(RUNNING, "running")   /* a pool serves at full strength */                               \
    STATE(DEGRADED, "degraded") /* below strength, or without a pool until the next try */         \
    STATE(DRAINING, "draining") /* told to end: connections in hand are finished */                \
    STATE(FAILED, "failed")     /* was not READY at the start of the daemon, which ends for it */

enum service_state {
#define STATE(id, name) SERVICE_##id,
    SERVICE_STATES(STATE)
#undef STATE
};

extern const char *const service_state_names[];

struct service {
    char *name;
    const struct config_service *config; /* in force; of the supervisor's struct config */
    struct pool_process *current;
    struct pool_process *coming;
    enum service_state state; /* set by service_update() only */
    bool was_ready;           /* some pool was READY */
    bool reloading;           /* coming belongs to the reload */
    bool restart;             /* the next reload replaces its pool, changed or not */
    bool failed;
    unsigned generation;    /* of the newest pool */
    int64_t workers;        /* wanted, where SCALE or TTIN changed it; 0: as configured */
    struct backoff backoff; /* pools that died before READY */
    struct rate rate;       /* of replacements of pools that were READY */
    int64_t retry_ms;       /* when to start the next pool; CLOCK_NEVER: not waiting */
    char trouble[512];
    enum exit_code trouble_code; /* of a pool that could not even be started; else 0 */
    /* Of pools that are gone, no workers in it. For display only: it comes from what they showed.
     */
    struct scoreboard_totals sums;
};

struct service *service_new(const char *name, const struct config_service *config, int64_t now_ms);
void service_free(struct service *service);

/* What the pools and flags of a service amount to. Pure. */
enum service_state service_derive(const struct service *service, bool stopping);

/* Bring `state` up to date; a change is logged. */
void service_update(struct service *service, bool stopping);

/* Its coming pool takes over; the old one drains and is no longer the service's. */
void service_promote(struct service *service, int64_t now_ms);

/* A pool of it ended: decide when the next one starts (retry_ms). Returns the words for the
 * obituary. */
const char *service_lost_pool(struct service *service, const struct pool_process *pool,
                              int64_t now_ms, uint32_t dice, char text[96]);

/* A pool that drains without having been told by us (a signal was sent to it) is lost already. */
void service_leaving(struct service *service, struct pool_process *pool, int64_t now_ms);

/* A pool could not even be started: the next try, as for a death before READY. Returns words. */
const char *service_start_refused(struct service *service, int64_t now_ms, uint32_t dice,
                                  char text[96]);

/* Add what a pool that is gone had counted. */
void service_settle(struct service *service, const struct pool_process *pool);

#endif
