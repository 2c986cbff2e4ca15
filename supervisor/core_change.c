/* SPDX-License-Identifier: MIT
 *
 * core_change - see core_change.h.
 */
#include "supervisor/core_change.h"

#include "lib/clock.h"
#include "supervisor/core_pool.h"
#include "supervisor/core_service.h"

#include <assert.h>

#define STOPPING "preforkd is stopping"

static void act(struct core_actions *actions, enum core_action_type type)
{
    core_actions_add(actions, (struct core_action){.type = type});
}

static void answer(struct core_actions *actions, bool upgrade, const char *why)
{
    core_actions_add(actions,
                     (struct core_action){.type = CORE_DO_ANSWER, .upgrade = upgrade, .why = why});
}

/* NONE again. */
static void conclude(struct core *c, const char *why, struct core_actions *actions)
{
    c->change = CORE_CHANGE_NONE;
    c->hindrance = 0;
    answer(actions, c->upgrading, why);
    c->upgrading = false;
}

/* RESTART counts for the reload that begins after it: one that goes on may have failed already. */
static void begin_reload(struct core *c, struct core_actions *actions)
{
    c->reload_pending = false;
    c->change = CORE_CHANGE_READING;
    for (size_t i = 0; i < c->service_count; i++) {
        c->services[i].restarting = c->services[i].restart;
        c->services[i].restart = false;
    }
    act(actions, CORE_DO_ADVANCE);
    act(actions, CORE_DO_READ);
}

static void begin_next(struct core *c, struct core_actions *actions)
{
    if (c->phase != CORE_RUNNING || c->change != CORE_CHANGE_NONE)
        return;
    if (c->reload_pending) {
        begin_reload(c, actions);
    } else if (c->upgrade_pending) {
        c->upgrade_pending = false;
        c->upgrading = true;
        c->change = CORE_CHANGE_CHECKING;
        act(actions, CORE_DO_CHECK);
    }
}

void core_change_reload(struct core *c, struct core_actions *actions)
{
    if (c->phase == CORE_STOPPING)
        answer(actions, false, STOPPING);
    else
        c->reload_pending = true;
}

/* What is being checked is what they want; what is being put into force may be older. */
void core_change_upgrade(struct core *c, struct core_actions *actions)
{
    if (c->phase == CORE_STOPPING)
        answer(actions, true, STOPPING);
    else if (c->change != CORE_CHANGE_CHECKING)
        c->upgrade_pending = true;
}

/* Nobody needs a pool that has no place. */
static void settle_pools(struct core *c, int64_t now_ms, struct core_actions *actions)
{
    for (size_t i = 0; i < c->pool_count; i++) {
        const struct core_pool *pool = &c->pools[i];
        const struct core_service *service = core_service_find(c, pool->service);
        if (!service || (service->current != pool->id && service->coming != pool->id))
            core_pool_drain(c, pool->id, pool->graceful_ms, now_ms, actions);
    }
}

void core_change_resume_upgrade(struct core *c, int64_t now_ms, struct core_actions *actions)
{
    c->phase = CORE_RUNNING;
    c->upgrading = true;
    c->change = CORE_CHANGE_READING;
    settle_pools(c, now_ms, actions);
    for (size_t i = 0; i < c->service_count; i++) {
        struct core_service *service = &c->services[i];
        service->restarting = true;
        if (!service->current && !service->coming && service->retry_ms == CLOCK_NEVER)
            service->retry_ms = now_ms;
    }
    act(actions, CORE_DO_READ);
}

static void take_row(struct core *c, const struct core_row *row, int64_t now_ms)
{
    struct core_service *service = core_service_find(c, row->service);
    if (!service)
        service = core_service_add(c, row, now_ms);
    service->in_next = true;
    service->next = row->settings;
    service->changes = row->changed || service->restarting || !service->in_force;
}

void core_change_read(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    if (c->change != CORE_CHANGE_READING)
        return; /* it was abandoned meanwhile */
    if (!e->well) {
        core_change_fail(c, e->why, e->now_ms, actions);
        return;
    }
    for (size_t i = 0; i < e->row_count; i++)
        take_row(c, &e->rows[i], e->now_ms);
    c->change = CORE_CHANGE_WAITING;
}

/* A pool that has to be gone before there may be another generation; 0: there is none. The one that
 * is replaced mostly leaves at once, so one older one may still be there. */
static unsigned find_hindrance(const struct core *c)
{
    unsigned oldest;
    for (size_t i = 0; i < c->service_count; i++) {
        const struct core_service *service = &c->services[i];
        if (service->in_next && service->changes && service->current &&
            core_pool_count_leaving(c, service->id, &oldest) > CORE_OLD_GENERATIONS)
            return oldest;
    }
    return 0;
}

static void try_to_bind(struct core *c, struct core_actions *actions)
{
    unsigned hindrance = find_hindrance(c);
    if (hindrance == 0) {
        c->change = CORE_CHANGE_BINDING;
        act(actions, CORE_DO_BIND);
    } else if (hindrance != c->hindrance) {
        core_actions_add(actions, (struct core_action){.type = CORE_DO_WAITING, .pool = hindrance});
    }
    c->hindrance = hindrance;
}

/* A pool that was being started with the configuration in force makes way. */
void core_change_bound(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    if (c->change != CORE_CHANGE_BINDING)
        return;
    if (!e->well) {
        core_change_fail(c, e->why, e->now_ms, actions);
        return;
    }
    c->change = CORE_CHANGE_STARTING;
    for (size_t i = 0; i < c->service_count; i++) {
        struct core_service *service = &c->services[i];
        if (!service->in_next || !service->changes)
            continue;
        core_service_recall(c, service, e->now_ms, actions);
        core_service_start(c, service, true, e->now_ms, actions);
        service->reloading = true;
    }
}

void core_change_checked(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    if (c->change != CORE_CHANGE_CHECKING)
        return;
    if (e->type == CORE_ON_CHECKED && e->well)
        act(actions, CORE_DO_EXECUTE);
    else
        conclude(c, e->why, actions);
}

static void roll_back(struct core *c, const char *why, int64_t now_ms, struct core_actions *actions)
{
    for (size_t i = c->service_count; i-- > 0;) {
        struct core_service *service = &c->services[i];
        if (service->reloading)
            core_service_recall(c, service, now_ms, actions);
        service->reloading = service->restarting = service->in_next = false;
        if (!service->in_force)
            core_service_drop(c, service->id, now_ms, actions);
        else if (!service->current && !service->coming && service->retry_ms == CLOCK_NEVER)
            service->retry_ms = now_ms; /* lost while the next one was being prepared */
    }
    core_actions_add(actions, (struct core_action){.type = CORE_DO_ROLL_BACK, .why = why});
}

void core_change_fail(struct core *c, const char *why, int64_t now_ms, struct core_actions *actions)
{
    assert(c->change != CORE_CHANGE_NONE && c->change != CORE_CHANGE_SETTLING);
    if (c->change != CORE_CHANGE_CHECKING)
        roll_back(c, why, now_ms, actions);
    conclude(c, why, actions);
}

void core_change_abandon(struct core *c, int64_t now_ms, struct core_actions *actions)
{
    if (c->change == CORE_CHANGE_SETTLING)
        conclude(c, NULL, actions);
    else if (c->change != CORE_CHANGE_NONE)
        core_change_fail(c, STOPPING, now_ms, actions);
    if (c->reload_pending) {
        act(actions, CORE_DO_ADVANCE);
        answer(actions, false, STOPPING);
    }
    if (c->upgrade_pending)
        answer(actions, true, STOPPING);
    c->reload_pending = c->upgrade_pending = false;
}

/* From here on the next configuration is the one in force. */
static void commit(struct core *c, int64_t now_ms, struct core_actions *actions)
{
    act(actions, CORE_DO_COMMIT);
    for (size_t i = c->service_count; i-- > 0;) {
        struct core_service *service = &c->services[i];
        if (!service->in_next) {
            core_service_drop(c, service->id, now_ms, actions);
            continue;
        }
        service->settings = service->next;
        service->in_force = true;
        service->restarting = service->in_next = false;
        if (service->reloading)
            core_service_promote(c, service, now_ms, actions);
    }
    act(actions, CORE_DO_COMMITTED);
    c->change = CORE_CHANGE_SETTLING;
    c->settle_ms = now_ms + CORE_SETTLE_MS;
}

static bool is_settled(const struct core *c, int64_t now_ms)
{
    for (size_t i = 0; i < c->pool_count && now_ms < c->settle_ms; i++)
        if (c->pools[i].state >= CORE_POOL_LEAVING && c->pools[i].accepts)
            return false;
    return true;
}

static bool all_ready(const struct core *c)
{
    for (size_t i = 0; i < c->service_count; i++) {
        const struct core_service *service = &c->services[i];
        if (service->reloading && core_pool_find(c, service->coming)->state != CORE_POOL_READY)
            return false;
    }
    return true;
}

void core_change_proceed(struct core *c, int64_t now_ms, struct core_actions *actions)
{
    if (c->change == CORE_CHANGE_WAITING)
        try_to_bind(c, actions);
    if (c->change == CORE_CHANGE_STARTING && all_ready(c))
        commit(c, now_ms, actions);
    if (c->change == CORE_CHANGE_SETTLING && is_settled(c, now_ms))
        conclude(c, NULL, actions);
    begin_next(c, actions);
}

bool core_change_is_reload(const struct core *c)
{
    return c->change != CORE_CHANGE_NONE && c->change != CORE_CHANGE_CHECKING;
}
