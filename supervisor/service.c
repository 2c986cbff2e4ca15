/* SPDX-License-Identifier: MIT
 *
 * service - see service.h.
 */
#include "supervisor/service.h"

#include "include/channel.h"
#include "lib/clock.h"
#include "lib/memory.h"

#include <inttypes.h>

/* Pools that were READY and died are replaced at once, but not more often than that. */
#define REPLACE_BURST      5
#define REPLACE_PER_SECOND 1

const char *const service_state_names[] = {
#define STATE(id, name) [SERVICE_##id] = name,
    SERVICE_STATES(STATE)
#undef STATE
};

struct service *service_new(const char *name, const struct config_service *config, int64_t now_ms)
{
    struct service *service = memory_zeroed(1, sizeof *service);
    service->name = memory_string(name);
    service->config = config;
    service->retry_ms = CLOCK_NEVER;
    rate_init(&service->rate, REPLACE_BURST, REPLACE_PER_SECOND, now_ms);
    return service;
}

void service_free(struct service *service)
{
    free(service->name);
    free(service);
}

enum service_state service_derive(const struct service *service, bool stopping)
{
    if (stopping)
        return SERVICE_DRAINING;
    if (service->failed)
        return SERVICE_FAILED;
    if (service->current)
        return service->current->degraded ? SERVICE_DEGRADED : SERVICE_RUNNING;
    return service->was_ready ? SERVICE_DEGRADED : SERVICE_STARTING;
}

/* A first start is told by "service ready"; the rest is for whoever is on call. */
static enum log_level level_of(enum service_state from, enum service_state to)
{
    if (to == SERVICE_DEGRADED)
        return LOG_LEVEL_WARNING;
    return from == SERVICE_STARTING || to == SERVICE_DRAINING ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

void service_update(struct service *service, bool stopping)
{
    struct log_line line;
    enum service_state state = service_derive(service, stopping);
    if (state == service->state)
        return;
    log_begin(&line, level_of(service->state, state), "service changed state");
    log_text(&line, "service", service->name);
    log_text(&line, "from", service_state_names[service->state]);
    log_text(&line, "to", service_state_names[state]);
    if (state == SERVICE_DEGRADED && service->trouble[0] != '\0')
        log_text(&line, "reason", service->trouble);
    log_end(&line);
    service->state = state;
}

void service_promote(struct service *service, int64_t now_ms)
{
    struct pool_process *old = service->current;
    service->current = service->coming;
    service->coming = NULL;
    service->reloading = false;
    service->was_ready = true;
    service->trouble[0] = '\0';
    service->retry_ms = CLOCK_NEVER;
    backoff_succeeded(&service->backoff);
    if (service->workers > 0)
        pool_process_tell(service->current, CHANNEL_SET_WORKERS, (uint32_t)service->workers, -1);
    pool_process_tell(service->current, CHANNEL_SERVE, 0, -1);
    if (old)
        pool_process_drain(old, now_ms);
}

static const char *replace_served(struct service *service, int64_t now_ms)
{
    service->retry_ms = now_ms;
    if (rate_take(&service->rate, 1, now_ms) == 1)
        return "replaced at once";
    service->retry_ms = rate_next_ms(&service->rate, now_ms);
    return "replaced as soon as the restart rate allows";
}

static int64_t hold_off(struct service *service, int64_t now_ms, uint32_t dice)
{
    service->backoff.initial_ms = service->config->restart_delay;
    service->backoff.max_ms = service->config->restart_delay_max;
    int64_t delay = backoff_failed(&service->backoff, now_ms, 0, dice);
    service->retry_ms = now_ms + delay;
    return delay;
}

const char *service_start_refused(struct service *service, int64_t now_ms, uint32_t dice,
                                  char text[96])
{
    snprintf(text, 96, "next try in %" PRId64 " ms", hold_off(service, now_ms, dice));
    return text;
}

static const char *replace_failed(struct service *service, int64_t now_ms, uint32_t dice,
                                  char text[96])
{
    snprintf(text, 96, "died before it was ready: next try in %" PRId64 " ms",
             hold_off(service, now_ms, dice));
    return text;
}

const char *service_lost_pool(struct service *service, const struct pool_process *pool,
                              int64_t now_ms, uint32_t dice, char text[96])
{
    if (pool == service->current) {
        service->current = NULL;
        return service->coming ? "another one is starting already"
                               : replace_served(service, now_ms);
    }
    if (pool == service->coming) {
        service->coming = NULL;
        return service->reloading ? "none, the reload has failed"
                                  : replace_failed(service, now_ms, dice, text);
    }
    return "none, it was leaving";
}

void service_leaving(struct service *service, struct pool_process *pool, int64_t now_ms)
{
    pool_process_leaving(pool, now_ms);
    if (pool == service->current) {
        service->current = NULL;
        if (!service->coming)
            replace_served(service, now_ms);
    }
}

void service_settle(struct service *service, const struct pool_process *pool)
{
    struct scoreboard_totals *sums = &service->sums;
    scoreboard_sum(pool->board, pool->slots, sums);
    sums->starting = sums->idle = sums->busy = sums->draining = 0;
}
