/* SPDX-License-Identifier: MIT
 *
 * pool_events - see pool_events.h.
 */
#include "supervisor/pool_events.h"

#include "lib/clock.h"
#include "lib/dice.h"
#include "lib/signals.h"
#include "supervisor/services.h"

static void forget_pool(struct supervisor *s, const struct pool_process *pool)
{
    for (size_t i = 0; i < s->pool_count; i++)
        if (s->pools[i] == pool) {
            s->pools[i] = s->pools[--s->pool_count];
            return;
        }
}

static void log_pool_end(const struct pool_process *pool, const struct child_end *end,
                         const char *next)
{
    struct log_line line;
    bool expected = pool->draining && !end->signalled && end->number == 0;
    log_begin(&line, expected ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
              expected ? "pool left" : "pool died");
    log_text(&line, "service", pool->name);
    log_int(&line, "generation", pool->generation);
    log_int(&line, "pool_pid", pool->child.pid);
    log_seconds(&line, "age_s", (clock_now_ms() - pool->born_ms) * 1000);
    child_log_end(&line, end);
    if (pool->trouble[0] != '\0')
        log_text(&line, "reason", pool->trouble);
    log_text(&line, "next", next);
    log_end(&line);
}

/* A start that cannot succeed ends the daemon; later the same is a hold-off. */
void pool_events_give_up(struct supervisor *s, struct service *service, enum exit_code code,
                         const char *why)
{
    if (s->phase != SUPERVISOR_STARTING)
        return;
    error_set(&s->outcome, code, "service %s: %s", service->name, why);
    log_error("%s", s->outcome.text);
    service->failed = true;
    service_update(service, false);
    supervisor_stop(s, true);
}

static void describe_death(const struct pool_process *pool, const struct child_end *end, char *text,
                           size_t size)
{
    char name[SIGNALS_NAME_MAX];
    if (pool->trouble[0] != '\0')
        snprintf(text, size, "%s", pool->trouble);
    else if (pool->killed && !pool->ready)
        snprintf(text, size, "it was not ready in time (start_timeout)");
    else if (end->signalled)
        snprintf(text, size, "its pool was ended by %s%s", signals_name(end->number, name),
                 pool->ready ? "" : " before it was ready");
    else
        snprintf(text, size, "its pool ended with status %d%s", end->number,
                 pool->ready ? "" : " before it was ready");
}

/* What its end means for the service; returns the words for the obituary. */
static const char *account_for(struct supervisor *s, struct service *service,
                               const struct pool_process *pool, const struct child_end *end,
                               bool hopeless, char text[96])
{
    bool coming = pool == service->coming;
    bool current = pool == service->current;
    service_settle(service, pool);
    const char *next = service_lost_pool(service, pool, clock_now_ms(), dice_roll(), text);
    if (current || coming)
        describe_death(pool, end, service->trouble, sizeof service->trouble);
    if (s->phase == SUPERVISOR_STOPPING)
        return "none, preforkd is stopping";
    return hopeless ? "none, preforkd gives up" : next;
}

static void on_pool_ended(void *owner, struct pool_process *pool, const struct child_end *end)
{
    struct supervisor *s = owner;
    struct service *service = pool->service;
    char text[96];
    const char *next = "none";
    bool coming = service && pool == service->coming;
    bool current = service && pool == service->current;
    /* It said itself why it cannot start, and nobody has been served yet. */
    bool hopeless = coming && s->phase == SUPERVISOR_STARTING && !pool->killed && !end->signalled &&
                    pool->trouble[0] != '\0';
    forget_pool(s, pool);
    bool left = pool->draining && !end->signalled && end->number == 0;
    orphans_pool_died(&s->orphans, left || pool->killed ? 0 : pool->graceful_ms, pool->kill_ms,
                      clock_now_ms());
    if (service)
        next = account_for(s, service, pool, end, hopeless, text);
    log_pool_end(pool, end, next);
    /* A service that lost its pool does not wait for the rest of a reload. */
    if ((coming || current) && service->reloading)
        reload_pool_failed(s, service, service->trouble);
    else if (hopeless)
        pool_events_give_up(s, service, EXIT_CODE_UNAVAILABLE, service->trouble);
    pool_process_free(pool);
    services_check_reopened(s);
}

static void log_ready(const struct pool_process *pool)
{
    struct log_line line;
    log_begin(&line, LOG_LEVEL_INFO, "service ready");
    log_text(&line, "service", pool->name);
    log_int(&line, "generation", pool->generation);
    log_int(&line, "pool_pid", pool->child.pid);
    log_seconds(&line, "after_s", (clock_now_ms() - pool->born_ms) * 1000);
    log_end(&line);
}

static void on_pool_ready(void *owner, struct pool_process *pool)
{
    struct supervisor *s = owner;
    struct service *service = pool->service;
    log_ready(pool);
    if (!service || pool != service->coming)
        return;
    if (service->reloading)
        reload_pool_ready(s);
    else
        service_promote(service, clock_now_ms());
}

static void on_pool_health(void *owner, struct pool_process *pool)
{
    (void)owner;
    if (pool->service && (pool == pool->service->current || pool == pool->service->coming))
        snprintf(pool->service->trouble, sizeof pool->service->trouble, "%s", pool->trouble);
}

static void on_pool_reopened(void *owner)
{
    services_check_reopened(owner);
}

static void on_pool_leaving(void *owner, struct pool_process *pool)
{
    struct supervisor *s = owner;
    struct service *service = pool->service;
    log_warning("pool %d of %s leaves, a signal told it to", (int)pool->child.pid, pool->name);
    if (!service || pool == service->coming)
        return; /* it ends without having been READY, and that is dealt with */
    bool serving = pool == service->current;
    service_leaving(service, pool, clock_now_ms());
    if (serving && service->reloading)
        reload_pool_failed(s, service, "its present pool is leaving meanwhile");
}

const struct pool_process_events pool_events = {
    .ready = on_pool_ready,
    .health = on_pool_health,
    .leaving = on_pool_leaving,
    .reopened = on_pool_reopened,
    .ended = on_pool_ended,
};
