/* SPDX-License-Identifier: MIT
 *
 * core_service - see core_service.h.
 */
#include "supervisor/core_service.h"

#include "lib/clock.h"
#include "lib/memory.h"
#include "supervisor/core_pool.h"

#include <assert.h>
#include <string.h>

/* Pools that were READY and died are replaced at once, but not more often than that. */
#define REPLACE_BURST      5
#define REPLACE_PER_SECOND 1

struct core_service *core_service_find(const struct core *core, unsigned id)
{
    for (size_t i = 0; id != 0 && i < core->service_count; i++)
        if (core->services[i].id == id)
            return &core->services[i];
    return NULL;
}

bool core_service_restarts(const struct core *core, unsigned id)
{
    const struct core_service *service = core_service_find(core, id);
    return service && service->restarting;
}

struct core_service *core_service_add(struct core *core, const struct core_row *row, int64_t now_ms)
{
    size_t size = (core->service_count + 1) * sizeof *core->services;
    core->services = memory_resize(core->services, size);
    struct core_service *service = &core->services[core->service_count++];
    *service = (struct core_service){.id = row->service,
                                     .settings = row->settings,
                                     .retry_ms = CLOCK_NEVER,
                                     .fresh_ms = now_ms,
                                     .last_call_ms = CLOCK_NEVER};
    rate_init(&service->rate, REPLACE_BURST, REPLACE_PER_SECOND, now_ms);
    return service;
}

void core_service_adopt(struct core *core, const struct core_row *row,
                        const struct core_service *before, int64_t now_ms)
{
    struct core_service *service = core_service_add(core, row, now_ms);
    service->in_force = service->was_ready = true;
    service->retry_ms = before->retry_ms;
    service->fresh_ms = before->fresh_ms;
    service->restart = before->restart;
    service->stale = before->stale;
    service->backoff.failures = before->backoff.failures;
    service->rate.spent_us = before->rate.spent_us;
    service->rate.seen_ms = before->rate.seen_ms;
}

void core_service_drop(struct core *core, unsigned id, int64_t now_ms, struct core_actions *actions)
{
    struct core_service *service = core_service_find(core, id);
    assert(service);
    for (size_t i = 0; i < core->pool_count; i++)
        if (core->pools[i].service == id) {
            core_pool_drain(core, core->pools[i].id, core->pools[i].graceful_ms, now_ms, actions);
            core->pools[i].service = 0;
        }
    core_actions_add(actions, (struct core_action){.type = CORE_DO_DROP, .service = id});
    size_t after = (size_t)(&core->services[--core->service_count] - service);
    memmove(service, service + 1, after * sizeof *service);
}

void core_service_start(struct core *core, struct core_service *service, bool next, int64_t now_ms,
                        struct core_actions *actions)
{
    assert(service->coming == 0);
    if (service->current)
        service->fresh_ms = now_ms + CORE_FRESH_PAUSE_MS;
    service->coming =
        core_pool_add(core, service->id, next ? &service->next : &service->settings, now_ms);
    service->retry_ms = CLOCK_NEVER;
    core_actions_add(actions, (struct core_action){.type = CORE_DO_START_POOL,
                                                   .service = service->id,
                                                   .pool = service->coming,
                                                   .next = next});
}

static void drain(struct core *core, unsigned id, int64_t now_ms, struct core_actions *actions)
{
    const struct core_pool *pool = core_pool_find(core, id);
    if (pool)
        core_pool_drain(core, id, pool->graceful_ms, now_ms, actions);
}

void core_service_promote(struct core *core, struct core_service *service, int64_t now_ms,
                          struct core_actions *actions)
{
    unsigned before = service->current;
    service->current = service->coming;
    service->coming = 0;
    core_pool_find(core, service->current)->accepts = true;
    service->was_ready = true;
    service->stale = false;
    service->retry_ms = CLOCK_NEVER;
    backoff_succeeded(&service->backoff);
    core_actions_add(actions, (struct core_action){.type = CORE_DO_PROMOTE,
                                                   .service = service->id,
                                                   .pool = service->current,
                                                   .next = service->reloading});
    service->reloading = false;
    drain(core, before, now_ms, actions);
}

void core_service_recall(struct core *core, struct core_service *service, int64_t now_ms,
                         struct core_actions *actions)
{
    drain(core, service->coming, now_ms, actions);
    service->coming = 0;
}

/* One that is stale serves on until its predecessor has left, and during a hold-off. */
static int64_t fresh_due_ms(const struct core *core, const struct core_service *service)
{
    unsigned oldest;
    if (!service->stale || core_pool_count_leaving(core, service->id, &oldest) > 0)
        return CLOCK_NEVER;
    return service->retry_ms != CLOCK_NEVER ? service->retry_ms : service->fresh_ms;
}

int64_t core_service_due_ms(const struct core *core, const struct core_service *service)
{
    if (service->coming)
        return CLOCK_NEVER;
    return service->current ? fresh_due_ms(core, service) : service->retry_ms;
}

void core_service_crashed(struct core_service *service)
{
    service->stale = service->settings.fresh_after_crash;
}

enum core_sequel core_service_lost(struct core_service *service, int64_t now_ms)
{
    service->current = 0;
    service->stale = false;
    if (service->coming && !service->reloading) /* that of a reload is recalled with it */
        return CORE_SEQUEL_COMING;
    service->retry_ms = now_ms;
    if (rate_take(&service->rate, 1, now_ms) == 1)
        return CORE_SEQUEL_AT_ONCE;
    service->retry_ms = rate_next_ms(&service->rate, now_ms);
    return CORE_SEQUEL_RATED;
}

int64_t core_service_hold_off(struct core_service *service, int64_t now_ms, uint32_t dice)
{
    service->coming = 0;
    service->backoff.initial_ms = service->settings.restart_delay;
    service->backoff.max_ms = service->settings.restart_delay_max;
    int64_t delay = backoff_failed(&service->backoff, now_ms, 0, dice);
    service->retry_ms = now_ms + delay;
    return delay;
}
