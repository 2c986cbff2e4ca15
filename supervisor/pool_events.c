/* SPDX-License-Identifier: MIT
 *
 * pool_events - see pool_events.h.
 */
#include "supervisor/pool_events.h"

#include "lib/clock.h"
#include "lib/signals.h"
#include "supervisor/reopening.h"
#include "supervisor/services.h"

/* Is it the one that serves, or the one that will? */
static bool matters(const struct supervisor *s, const struct pool_process *pool)
{
    const struct core_service *core =
        pool->service ? core_service_find(&s->core, pool->service->number) : NULL;
    return core && (core->current == pool->number || core->coming == pool->number);
}

static const char *sequel_text(const struct core_action *action, char text[static 96])
{
    static const char *const texts[] = {
#define SEQUEL(id, words) [CORE_SEQUEL_##id] = words,
        CORE_SEQUELS(SEQUEL)
#undef SEQUEL
    };
    if (action->sequel != CORE_SEQUEL_HOLD_OFF)
        return texts[action->sequel];
    snprintf(text, 96, "died before it was ready: next try in %lld ms", (long long)action->ms);
    return text;
}

void pool_events_mourn(struct supervisor *s, const struct core_action *action)
{
    struct log_line line;
    char text[96];
    const struct pool_process *pool = services_find_pool(s, action->pool);
    bool expected = pool->leaving && !pool->end.signalled && pool->end.number == 0;
    log_begin(&line, expected ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
              expected ? "pool left" : "pool died");
    log_text(&line, "service", pool->name);
    log_int(&line, "generation", pool->generation);
    log_int(&line, "pool_pid", pool->child.pid);
    log_seconds(&line, "age_s", (clock_now_ms() - pool->born_ms) * 1000);
    child_log_end(&line, &pool->end);
    if (pool->trouble[0] != '\0')
        log_text(&line, "reason", pool->trouble);
    log_text(&line, "next", sequel_text(action, text));
    log_end(&line);
}

static void describe_death(const struct pool_process *pool, char *text, size_t size)
{
    char name[SIGNALS_NAME_MAX];
    if (pool->trouble[0] != '\0')
        snprintf(text, size, "%s", pool->trouble);
    else if (pool->killed && !pool->ready)
        snprintf(text, size, "it was not ready in time (start_timeout)");
    else if (pool->end.signalled)
        snprintf(text, size, "its pool was ended by %s%s", signals_name(pool->end.number, name),
                 pool->ready ? "" : " before it was ready");
    else
        snprintf(text, size, "its pool ended with status %d%s", pool->end.number,
                 pool->ready ? "" : " before it was ready");
}

static void on_pool_ended(void *owner, struct pool_process *pool)
{
    struct supervisor *s = owner;
    struct error why = {0};
    char text[sizeof pool->trouble];
    describe_death(pool, text, sizeof text);
    error_set(&why, EXIT_CODE_FAILURE, "service %s: %s", pool->name, text);
    if (pool->service)
        service_settle(pool->service, pool);
    if (matters(s, pool))
        snprintf(pool->service->trouble, sizeof pool->service->trouble, "%s", text);
    dispatch_event(s, (struct core_event){.type = CORE_ON_POOL_ENDED,
                                          .pool = pool->number,
                                          .well = !pool->end.signalled && pool->end.number == 0,
                                          .said = !pool->end.signalled && pool->trouble[0] != '\0',
                                          .why = why.text});
    services_forget_pool(s, pool);
    reopening_check(s);
}

static void on_pool_ready(void *owner, struct pool_process *pool)
{
    struct log_line line;
    log_begin(&line, LOG_LEVEL_INFO, "service ready");
    log_text(&line, "service", pool->name);
    log_int(&line, "generation", pool->generation);
    log_int(&line, "pool_pid", pool->child.pid);
    log_seconds(&line, "after_s", (clock_now_ms() - pool->born_ms) * 1000);
    log_end(&line);
    dispatch_event(owner, (struct core_event){.type = CORE_ON_POOL_READY, .pool = pool->number});
}

static void on_pool_health(void *owner, struct pool_process *pool)
{
    if (matters(owner, pool))
        snprintf(pool->service->trouble, sizeof pool->service->trouble, "%s", pool->trouble);
}

static void on_pool_reopened(void *owner)
{
    reopening_check(owner);
}

static void on_pool_leaving(void *owner, struct pool_process *pool)
{
    struct error why;
    log_warning("pool %d of %s leaves, a signal told it to", (int)pool->child.pid, pool->name);
    error_set(&why, EXIT_CODE_FAILURE, "service %s: a pool of it is leaving meanwhile", pool->name);
    dispatch_event(owner, (struct core_event){
                              .type = CORE_ON_POOL_LEAVING, .pool = pool->number, .why = why.text});
}

static void on_pool_drained(void *owner, struct pool_process *pool)
{
    dispatch_event(owner, (struct core_event){.type = CORE_ON_POOL_DRAINED, .pool = pool->number});
}

static void on_pool_crashed(void *owner, struct pool_process *pool)
{
    if (matters(owner, pool) && pool->service->config->fresh_after_crash)
        log_info("a worker of %s crashed: its pool is replaced, for another address layout",
                 pool->name);
    dispatch_event(owner, (struct core_event){.type = CORE_ON_POOL_CRASHED, .pool = pool->number});
}

static void on_pool_floods(void *owner, struct pool_process *pool)
{
    dispatch_event(owner, (struct core_event){.type = CORE_ON_POOL_FLOODS, .pool = pool->number});
}

const struct pool_process_events pool_events = {
    .ready = on_pool_ready,
    .health = on_pool_health,
    .leaving = on_pool_leaving,
    .drained = on_pool_drained,
    .crashed = on_pool_crashed,
    .floods = on_pool_floods,
    .reopened = on_pool_reopened,
    .ended = on_pool_ended,
};
