/* SPDX-License-Identifier: MIT
 *
 * core - see core.h.
 */
#include "supervisor/core.h"

#include "lib/clock.h"
#include "lib/memory.h"
#include "supervisor/core_change.h"
#include "supervisor/core_pool.h"
#include "supervisor/core_service.h"
#include "supervisor/core_stop.h"

#include <assert.h>
#include <stdlib.h>

const char *const core_phase_names[] = {
    [CORE_STARTING] = "starting", [CORE_RUNNING] = "running", [CORE_STOPPING] = "stopping"};

void core_actions_add(struct core_actions *actions, struct core_action action)
{
    if (actions->count == actions->room) {
        actions->room = actions->room ? 2 * actions->room : 16;
        actions->list = memory_resize(actions->list, actions->room * sizeof *actions->list);
    }
    actions->list[actions->count++] = action;
}

void core_actions_release(struct core_actions *actions)
{
    free(actions->list);
    *actions = (struct core_actions){0};
}

void core_init(struct core *c, const struct core_row *rows, size_t count, int64_t now_ms)
{
    *c = (struct core){.started_ms = now_ms};
    for (size_t i = 0; i < count; i++) {
        struct core_service *service = core_service_add(c, &rows[i], now_ms);
        service->in_force = true;
        service->retry_ms = now_ms;
    }
}

void core_release(struct core *c)
{
    free(c->pools);
    free(c->services);
    *c = (struct core){0};
}

/* What is due. */

static void tick_service(struct core *c, struct core_service *service, int64_t now_ms,
                         struct core_actions *actions)
{
    if (c->phase != CORE_STOPPING && now_ms >= core_service_due_ms(c, service))
        core_service_start(c, service, false, now_ms, actions);
    core_stop_check(c, service, now_ms, actions);
}

static bool start_is_late(const struct core *c, const struct core_service *service, int64_t now_ms)
{
    return c->phase == CORE_STARTING && !service->was_ready &&
           now_ms >= c->started_ms + service->settings.start_timeout;
}

static void on_tick(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    core_pool_check(c, e->now_ms, actions);
    for (size_t i = 0; i < c->service_count; i++)
        if (start_is_late(c, &c->services[i], e->now_ms))
            core_stop_give_up(c, &c->services[i], NULL, e->now_ms, actions);
    for (size_t i = 0; i < c->service_count; i++)
        tick_service(c, &c->services[i], e->now_ms, actions);
}

int64_t core_next_ms(const struct core *c)
{
    int64_t next = c->change == CORE_CHANGE_SETTLING ? c->settle_ms : CLOCK_NEVER;
    for (size_t i = 0; i < c->pool_count; i++)
        next = clock_earlier(next, c->pools[i].deadline_ms);
    for (size_t i = 0; i < c->service_count; i++) {
        const struct core_service *service = &c->services[i];
        if (c->phase != CORE_STOPPING)
            next = clock_earlier(next, core_service_due_ms(c, service));
        if (c->phase == CORE_STARTING && !service->was_ready)
            next = clock_earlier(next, c->started_ms + service->settings.start_timeout);
        next = clock_earlier(next, service->last_call_ms);
    }
    return next;
}

/* What a pool says, and its end. What it says in a state in which that means nothing is ignored. */

static void on_pool_ready(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    struct core_pool *pool = core_pool_find(c, e->pool);
    if (!pool || pool->state != CORE_POOL_BORN)
        return;
    core_pool_enter(pool, CORE_POOL_READY, CLOCK_NEVER);
    struct core_service *service = core_service_find(c, pool->service);
    if (service && service->coming == pool->id && !service->reloading)
        core_service_promote(c, service, e->now_ms, actions);
}

static void on_pool_leaving(struct core *c, const struct core_event *e,
                            struct core_actions *actions)
{
    struct core_pool *pool = core_pool_find(c, e->pool);
    struct core_service *service = pool ? core_service_find(c, pool->service) : NULL;
    if (!service || pool->state != CORE_POOL_READY)
        return; /* one that was not READY ends before it was needed, and that is dealt with */
    core_pool_leaves(pool, e->now_ms);
    if (service->current == pool->id)
        core_service_lost(service, e->now_ms);
    if (service->reloading)
        core_change_fail(c, e->why, e->now_ms, actions);
}

static void on_pool_drained(struct core *c, const struct core_event *e,
                            struct core_actions *actions)
{
    struct core_pool *pool = core_pool_find(c, e->pool);
    (void)actions;
    if (pool && pool->state >= CORE_POOL_LEAVING)
        pool->accepts = false;
}

static void on_pool_crashed(struct core *c, const struct core_event *e,
                            struct core_actions *actions)
{
    const struct core_pool *pool = core_pool_find(c, e->pool);
    struct core_service *service = pool ? core_service_find(c, pool->service) : NULL;
    (void)actions;
    if (service && service->current == pool->id && pool->state == CORE_POOL_READY)
        core_service_crashed(service);
}

static void on_pool_floods(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    struct core_pool *pool = core_pool_find(c, e->pool);
    if (pool)
        core_pool_kill(pool, "talks too much", actions);
}

/* What the end of a pool means for its service. */
static struct core_action mourn(const struct core *c, struct core_service *service,
                                const struct core_event *e)
{
    struct core_action action = {.type = CORE_DO_MOURN, .pool = e->pool};
    if (service && service->current == e->pool)
        action.sequel = core_service_lost(service, e->now_ms);
    else if (service && service->coming == e->pool && service->reloading) {
        service->coming = 0;
        action.sequel = CORE_SEQUEL_CHANGE_FAILED;
    } else if (service && service->coming == e->pool) {
        action.ms = core_service_hold_off(service, e->now_ms, e->dice);
        action.sequel = CORE_SEQUEL_HOLD_OFF;
    } else
        action.sequel = service ? CORE_SEQUEL_LEFT : CORE_SEQUEL_NOBODY;
    if (c->phase == CORE_STOPPING)
        action.sequel = CORE_SEQUEL_STOPPING;
    return action;
}

static void on_pool_ended(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    const struct core_pool *pool = core_pool_find(c, e->pool);
    assert(pool);
    struct core_service *service = core_service_find(c, pool->service);
    bool mattered = service && (service->current == e->pool || service->coming == e->pool);
    /* It said itself why it cannot start, and nobody has been served yet. */
    bool hopeless = c->phase == CORE_STARTING && service && service->coming == e->pool &&
                    !service->was_ready && pool->state == CORE_POOL_BORN && e->said;
    /* The time of what it had in hand is over where it was to leave and did, or was killed. */
    bool over = (e->well && pool->state >= CORE_POOL_LEAVING) || pool->state == CORE_POOL_KILLED;
    core_actions_add(actions, (struct core_action){.type = CORE_DO_ADOPT,
                                                   .pool = e->pool,
                                                   .ms = over ? 0 : pool->graceful_ms,
                                                   .kill_ms = pool->kill_ms});
    struct core_action action = mourn(c, service, e);
    if (hopeless)
        action.sequel = CORE_SEQUEL_GIVE_UP;
    core_pool_remove(c, e->pool);
    core_actions_add(actions, action);
    if (mattered && service->reloading) /* it does not wait for the rest of a reload */
        core_change_fail(c, e->why, e->now_ms, actions);
    else if (hopeless)
        core_stop_give_up(c, service, e->why, e->now_ms, actions);
}

static void on_start_failed(struct core *c, const struct core_event *e,
                            struct core_actions *actions)
{
    const struct core_pool *pool = core_pool_find(c, e->pool);
    assert(pool);
    struct core_service *service = core_service_find(c, pool->service);
    core_pool_remove(c, e->pool);
    if (!service || service->coming != e->pool)
        return;
    if (service->reloading) {
        service->coming = 0;
        core_change_fail(c, e->why, e->now_ms, actions);
        return;
    }
    int64_t delay = core_service_hold_off(service, e->now_ms, e->dice);
    core_actions_add(
        actions, (struct core_action){
                     .type = CORE_DO_HOLD_OFF, .service = service->id, .ms = delay, .why = e->why});
}

/* Requests. */

static void on_reload(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    (void)e;
    core_change_reload(c, actions);
}

static void on_upgrade(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    (void)e;
    core_change_upgrade(c, actions);
}

static void on_restart(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    struct core_service *service = core_service_find(c, e->service);
    (void)actions;
    if (service)
        service->restart = true;
}

static void on_queue_empty(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    struct core_service *service = core_service_find(c, e->service);
    if (service && service->last_call)
        core_stop_end_last_call(c, service, e->now_ms, actions);
}

static void check_started(struct core *c, struct core_actions *actions)
{
    if (c->phase != CORE_STARTING)
        return;
    for (size_t i = 0; i < c->service_count; i++)
        if (!c->services[i].was_ready)
            return;
    c->phase = CORE_RUNNING;
    core_actions_add(actions, (struct core_action){.type = CORE_DO_READY});
}

void core_step(struct core *c, const struct core_event *event, struct core_actions *actions)
{
    static void (*const handlers[])(struct core *, const struct core_event *,
                                    struct core_actions *) = {
        [CORE_ON_TICK] = on_tick,
        [CORE_ON_POOL_READY] = on_pool_ready,
        [CORE_ON_POOL_LEAVING] = on_pool_leaving,
        [CORE_ON_POOL_DRAINED] = on_pool_drained,
        [CORE_ON_POOL_CRASHED] = on_pool_crashed,
        [CORE_ON_POOL_FLOODS] = on_pool_floods,
        [CORE_ON_POOL_ENDED] = on_pool_ended,
        [CORE_ON_START_FAILED] = on_start_failed,
        [CORE_ON_RELOAD] = on_reload,
        [CORE_ON_RESTART] = on_restart,
        [CORE_ON_READ] = core_change_read,
        [CORE_ON_BOUND] = core_change_bound,
        [CORE_ON_UPGRADE] = on_upgrade,
        [CORE_ON_CHECKED] = core_change_checked,
        [CORE_ON_EXECUTE_FAILED] = core_change_checked,
        [CORE_ON_QUEUE_EMPTY] = on_queue_empty,
        [CORE_ON_STOP] = core_stop,
        [CORE_ON_STOP_NOW] = core_stop,
    };
    handlers[event->type](c, event, actions);
    core_change_proceed(c, event->now_ms, actions); /* so a start is over before a change begins */
    check_started(c, actions);
}

bool core_is_finished(const struct core *c)
{
    return c->phase == CORE_STOPPING && c->pool_count == 0;
}

static void keep_latest(int64_t *latest, int64_t ms)
{
    if (ms != CLOCK_NEVER && ms > *latest)
        *latest = ms;
}

int64_t core_last_ms(const struct core *c)
{
    int64_t latest = 0;
    for (size_t i = 0; i < c->pool_count; i++)
        keep_latest(&latest, c->pools[i].deadline_ms);
    for (size_t i = 0; i < c->service_count; i++)
        keep_latest(&latest, c->services[i].last_call_ms);
    return latest;
}
