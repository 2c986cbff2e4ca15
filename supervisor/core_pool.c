/* SPDX-License-Identifier: MIT
 *
 * core_pool - see core_pool.h.
 */
#include "supervisor/core_pool.h"

#include "lib/clock.h"
#include "lib/memory.h"

#include <assert.h>

struct core_pool *core_pool_find(const struct core *core, unsigned id)
{
    for (size_t i = 0; id != 0 && i < core->pool_count; i++)
        if (core->pools[i].id == id)
            return &core->pools[i];
    return NULL;
}

void core_pool_enter(struct core_pool *pool, enum core_pool_state state, int64_t deadline_ms)
{
    assert(state > pool->state || (state == CORE_POOL_BORN && pool->state == CORE_POOL_BORN));
    pool->state = state;
    pool->deadline_ms = deadline_ms;
}

static struct core_pool *append(struct core *core)
{
    core->pools = memory_resize(core->pools, (core->pool_count + 1) * sizeof *core->pools);
    return &core->pools[core->pool_count++];
}

unsigned core_pool_add(struct core *core, unsigned service, const struct core_settings *settings,
                       int64_t now_ms)
{
    struct core_pool *pool = append(core);
    *pool = (struct core_pool){.id = ++core->last_pool,
                               .service = service,
                               .graceful_ms = settings->graceful_timeout,
                               .kill_ms = settings->kill_timeout};
    core_pool_enter(pool, CORE_POOL_BORN, now_ms + settings->start_timeout);
    return pool->id;
}

void core_pool_remove(struct core *core, unsigned id)
{
    struct core_pool *pool = core_pool_find(core, id);
    assert(pool);
    *pool = core->pools[--core->pool_count];
}

/* It has the place that it can have. */
unsigned core_pool_adopt(struct core *core, const struct core_pool *pool, enum core_place place)
{
    struct core_pool *own = append(core);
    struct core_service *service = core_service_find(core, pool->service);
    *own = *pool;
    own->id = ++core->last_pool;
    own->service = service ? service->id : 0;
    if (service && place == CORE_PLACE_CURRENT && own->state == CORE_POOL_READY &&
        !service->current)
        service->current = own->id;
    if (service && place == CORE_PLACE_COMING && own->state == CORE_POOL_BORN && !service->coming)
        service->coming = own->id;
    return own->id;
}

/* Its workers have MS, then kill_timeout, and what these leave behind has that once more. */
static int64_t leave_deadline(const struct core_pool *pool, int64_t ms, int64_t now_ms)
{
    return now_ms + ms + 2 * pool->kill_ms + CORE_LEAVE_SPARE_MS;
}

void core_pool_leaves(struct core_pool *pool, int64_t now_ms)
{
    core_pool_enter(pool, CORE_POOL_LEAVING, leave_deadline(pool, pool->graceful_ms, now_ms));
}

void core_pool_drain(struct core *core, unsigned id, int64_t ms, int64_t now_ms,
                     struct core_actions *actions)
{
    struct core_pool *pool = core_pool_find(core, id);
    if (!pool || pool->state >= CORE_POOL_LEAVING)
        return;
    core_pool_enter(pool, CORE_POOL_LEAVING, leave_deadline(pool, ms, now_ms));
    core_actions_add(actions,
                     (struct core_action){.type = CORE_DO_DRAIN_POOL, .pool = id, .ms = ms});
}

void core_pool_stop(struct core_pool *pool, int64_t now_ms, struct core_actions *actions)
{
    int64_t deadline = now_ms + CORE_LEAVE_SPARE_MS;
    if (pool->state >= CORE_POOL_STOPPED)
        return;
    if (pool->state == CORE_POOL_LEAVING)
        deadline = clock_earlier(deadline, pool->deadline_ms);
    core_pool_enter(pool, CORE_POOL_STOPPED, deadline);
    core_actions_add(actions, (struct core_action){.type = CORE_DO_STOP_POOL, .pool = pool->id});
}

void core_pool_kill(struct core_pool *pool, const char *why, struct core_actions *actions)
{
    if (pool->state == CORE_POOL_KILLED)
        return;
    core_pool_enter(pool, CORE_POOL_KILLED, CLOCK_NEVER);
    core_actions_add(actions,
                     (struct core_action){.type = CORE_DO_KILL_POOL, .pool = pool->id, .why = why});
}

void core_pool_check(struct core *core, int64_t now_ms, struct core_actions *actions)
{
    for (size_t i = 0; i < core->pool_count; i++) {
        struct core_pool *pool = &core->pools[i];
        if (now_ms >= pool->deadline_ms)
            core_pool_kill(pool,
                           pool->state == CORE_POOL_BORN ? "was not ready in time"
                                                         : "did not leave in time",
                           actions);
    }
}

unsigned core_pool_count_leaving(const struct core *core, unsigned service, unsigned *oldest)
{
    unsigned count = 0;
    *oldest = 0;
    for (size_t i = 0; i < core->pool_count; i++) {
        const struct core_pool *pool = &core->pools[i];
        if (pool->service != service || pool->state < CORE_POOL_LEAVING)
            continue;
        count++;
        if (*oldest == 0 || pool->id < *oldest)
            *oldest = pool->id;
    }
    return count;
}
