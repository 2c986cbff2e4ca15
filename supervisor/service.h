/* SPDX-License-Identifier: MIT
 *
 * service - one service of a configuration, as it is shown and configured. What is done about it is
 * decided by the core, which knows it by its number.
 */
#ifndef SUPERVISOR_SERVICE_H
#define SUPERVISOR_SERVICE_H

#include "supervisor/core.h"
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
    unsigned number; /* of the core's struct core_service */
    char *name;
    const struct config_service *config; /* in force; of the supervisor's struct config */
    enum service_state state;            /* set by service_update() only */
    bool failed;
    unsigned generation; /* of the newest pool */
    int64_t workers;     /* wanted, where SCALE or TTIN changed it; 0: as configured */
    bool scaled;         /* after the last reload was asked for: its number does not count */
    char trouble[512];
    enum exit_code trouble_code; /* of a pool that could not even be started; else 0 */
    int64_t look_ms;             /* in the last call: when to look at its queue again, */
    int64_t quiet_ms;            /* and since when it was found empty */
    /* Of pools that are gone, no workers in it. For display only: it comes from what they showed.
     */
    struct scoreboard_totals sums;
};

struct service *service_new(unsigned number, const struct config_service *config);
void service_free(struct service *service);

/* The part of its configuration that the core decides by. */
struct core_settings service_settings(const struct config_service *config);

/* What the pools and flags of a service amount to; CURRENT: the pool that serves, NULL for none.
 * Pure. */
enum service_state service_derive(const struct service *service, const struct core_service *core,
                                  const struct pool_process *current, bool stopping);

/* Bring `state` up to date; a change is logged. */
void service_update(struct service *service, enum service_state state);

/* Add what a pool that is gone had counted. */
void service_settle(struct service *service, const struct pool_process *pool);

#endif
