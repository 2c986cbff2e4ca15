/* SPDX-License-Identifier: MIT
 *
 * core_stop - see core_stop.h.
 */
#include "supervisor/core_stop.h"

#include "lib/clock.h"
#include "supervisor/core_change.h"
#include "supervisor/core_pool.h"
#include "supervisor/core_service.h"

static void close_listeners(struct core_service *service, struct core_actions *actions)
{
    service->last_call = false;
    service->last_call_ms = CLOCK_NEVER;
    core_actions_add(actions, (struct core_action){.type = CORE_DO_CLOSE, .service = service->id});
}

/* All pools of SERVICE finish; those who are still in hand at UNTIL are cut off. */
static void drain_service(struct core *c, const struct core_service *service, int64_t until_ms,
                          int64_t now_ms, struct core_actions *actions)
{
    for (size_t i = 0; i < c->pool_count; i++) {
        const struct core_pool *pool = &c->pools[i];
        int64_t left = clock_earlier(pool->graceful_ms, until_ms - now_ms);
        if (pool->service == service->id)
            core_pool_drain(c, pool->id, left > 0 ? left : 0, now_ms, actions);
    }
}

void core_stop_end_last_call(struct core *c, struct core_service *service, int64_t now_ms,
                             struct core_actions *actions)
{
    int64_t until = service->last_call_ms;
    close_listeners(service, actions);
    drain_service(c, service, until, now_ms, actions);
}

static bool can_serve(const struct core *c, const struct core_service *service)
{
    const struct core_pool *pool = core_pool_find(c, service->current);
    return pool && pool->state == CORE_POOL_READY;
}

static void stop_service(struct core *c, struct core_service *service, int64_t now_ms,
                         struct core_actions *actions)
{
    service->retry_ms = CLOCK_NEVER;
    core_service_recall(c, service, now_ms, actions);
    if (service->settings.drain_backlog && can_serve(c, service)) {
        service->last_call = true;
        service->last_call_ms = now_ms + service->settings.graceful_timeout;
        core_actions_add(actions,
                         (struct core_action){.type = CORE_DO_LAST_CALL, .service = service->id});
    } else {
        close_listeners(service, actions);
        drain_service(c, service, CLOCK_NEVER, now_ms, actions);
    }
}

static void enter_stopping(struct core *c, bool now, int64_t now_ms, struct core_actions *actions)
{
    c->phase = CORE_STOPPING;
    core_actions_add(actions, (struct core_action){.type = CORE_DO_STOPPING, .next = now});
    core_change_abandon(c, now_ms, actions);
}

static void stop_now(struct core *c, int64_t now_ms, struct core_actions *actions)
{
    enter_stopping(c, true, now_ms, actions);
    for (size_t i = 0; i < c->service_count; i++) {
        c->services[i].retry_ms = CLOCK_NEVER;
        c->services[i].coming = 0;
        close_listeners(&c->services[i], actions);
    }
    for (size_t i = 0; i < c->pool_count; i++)
        core_pool_stop(&c->pools[i], now_ms, actions);
}

void core_stop(struct core *c, const struct core_event *e, struct core_actions *actions)
{
    if (e->type == CORE_ON_STOP_NOW || c->phase == CORE_STOPPING) {
        stop_now(c, e->now_ms, actions);
        return;
    }
    enter_stopping(c, false, e->now_ms, actions);
    for (size_t i = 0; i < c->service_count; i++)
        stop_service(c, &c->services[i], e->now_ms, actions);
}

void core_stop_give_up(struct core *c, const struct core_service *service, const char *why,
                       int64_t now_ms, struct core_actions *actions)
{
    core_actions_add(
        actions, (struct core_action){.type = CORE_DO_GIVE_UP, .service = service->id, .why = why});
    stop_now(c, now_ms, actions);
}

void core_stop_check(struct core *c, struct core_service *service, int64_t now_ms,
                     struct core_actions *actions)
{
    if (service->last_call && (now_ms >= service->last_call_ms || !can_serve(c, service)))
        core_stop_end_last_call(c, service, now_ms, actions);
}
