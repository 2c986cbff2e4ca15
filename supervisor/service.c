/* SPDX-License-Identifier: MIT
 *
 * service - see service.h.
 */
#include "supervisor/service.h"

#include "lib/memory.h"

const char *const service_state_names[] = {
#define STATE(id, name) [SERVICE_##id] = name,
    SERVICE_STATES(STATE)
#undef STATE
};

struct service *service_new(unsigned number, const struct config_service *config)
{
    struct service *service = memory_zeroed(1, sizeof *service);
    service->number = number;
    service->name = memory_string(config->name);
    service->config = config;
    return service;
}

void service_free(struct service *service)
{
    free(service->name);
    free(service);
}

struct core_settings service_settings(const struct config_service *config)
{
    return (struct core_settings){.start_timeout = config_start_limit(config),
                                  .graceful_timeout = config->graceful_timeout,
                                  .kill_timeout = config->kill_timeout,
                                  .restart_delay = config->restart_delay,
                                  .restart_delay_max = config->restart_delay_max,
                                  .fresh_after_crash = config->fresh_after_crash,
                                  .drain_backlog = config->drain == CONFIG_DRAIN_BACKLOG};
}

enum service_state service_derive(const struct service *service, const struct core_service *core,
                                  const struct pool_process *current, bool stopping)
{
    if (stopping)
        return SERVICE_DRAINING;
    if (service->failed)
        return SERVICE_FAILED;
    if (current)
        return current->degraded ? SERVICE_DEGRADED : SERVICE_RUNNING;
    return core->was_ready ? SERVICE_DEGRADED : SERVICE_STARTING;
}

/* A first start is told by "service ready"; the rest is for whoever is on call. */
static enum log_level level_of(enum service_state from, enum service_state to)
{
    if (to == SERVICE_DEGRADED)
        return LOG_LEVEL_WARNING;
    return from == SERVICE_STARTING || to == SERVICE_DRAINING ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

void service_update(struct service *service, enum service_state state)
{
    struct log_line line;
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

void service_settle(struct service *service, const struct pool_process *pool)
{
    struct scoreboard_totals *sums = &service->sums;
    scoreboard_sum(pool->board, pool->slots, sums);
    sums->starting = sums->idle = sums->busy = sums->draining = 0;
}
