/* SPDX-License-Identifier: MIT
 *
 * services - see services.h.
 */
#include "supervisor/services.h"

#include "include/warm.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/dice.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/quantity.h"
#include "supervisor/pool_events.h"

#include <inttypes.h>
#include <unistd.h>

struct service *services_find(const struct supervisor *s, const char *name)
{
    for (size_t i = 0; i < s->service_count; i++)
        if (strcmp(s->services[i]->name, name) == 0)
            return s->services[i];
    return NULL;
}

void services_add(struct supervisor *s, const struct config *config)
{
    int64_t now = clock_now_ms();
    for (size_t i = 0; i < config->service_count; i++) {
        const struct config_service *row = &config->services[i];
        if (services_find(s, row->name))
            continue;
        size_t size = (s->service_count + 1) * sizeof(struct service *);
        s->services = memory_resize(s->services, size);
        s->services[s->service_count++] = service_new(row->name, row, now);
    }
}

void services_drop(struct supervisor *s, struct service *service)
{
    int64_t now = clock_now_ms();
    for (size_t i = 0; i < s->pool_count; i++)
        if (s->pools[i]->service == service) {
            pool_process_drain(s->pools[i], now);
            s->pools[i]->service = NULL;
        }
    for (size_t i = 0; i < s->service_count; i++)
        if (s->services[i] == service) {
            s->service_count--;
            memmove(&s->services[i], &s->services[i + 1],
                    (s->service_count - i) * sizeof *s->services);
            break;
        }
    service_free(service);
}

void services_check_reopened(struct supervisor *s)
{
    for (size_t i = 0; i < s->pool_count; i++)
        if (s->pools[i]->reopening)
            return;
    control_answer_waiting(&s->control, CONTROL_WAIT_REOPEN, NULL);
}

int services_start_pool(struct supervisor *s, struct service *service, const struct config *from,
                        const struct config_service *config, struct error *error)
{
    int fds[CHANNEL_LISTENERS_MAX];
    struct pool_process_plan plan = {
        .config = from,
        .service = config,
        .generation = ++service->generation,
        .listeners = fds,
        .program = s->program,
        .library = s->library >= 0 ? s->library : s->null,
        .null = s->null,
        .environment = s->environment,
        .own_session = s->has_terminal,
        .log = from == s->reload.next && s->reload.log >= 0 ? s->reload.log : STDERR_FILENO};
    plan.listener_count = listener_open_service(&s->listeners, from->file, config, fds, error);
    if (plan.listener_count < 0)
        return -1;
    struct pool_process *pool = pool_process_start(&plan, &s->loop, &pool_events, s, error);
    if (!pool)
        return -1;
    s->pools = memory_resize(s->pools, (s->pool_count + 1) * sizeof(struct pool_process *));
    s->pools[s->pool_count++] = pool;
    pool->service = service;
    service->coming = pool;
    service->retry_ms = CLOCK_NEVER;
    return 0;
}

/* Descriptors of the supervisor besides those of services: standard ones, loop, signals, control,
 * files, air. */
#define DESCRIPTORS_SPARE (16 + CONTROL_CLIENTS_MAX)
/* Of one service besides its sockets: pidfd and channel of two pools, and what a birth needs. */
#define DESCRIPTORS_SERVICE 8

int services_check_limits(const struct config *config, struct error *error)
{
    unsigned long ours = DESCRIPTORS_SPARE, pool = 0;
    for (size_t i = 0; i < config->service_count; i++) {
        const struct config_service *service = &config->services[i];
        ours += DESCRIPTORS_SERVICE + 2 * (unsigned long)config_sockets(service); /* and locks */
        if (config_pool_descriptors(service) > pool)
            pool = config_pool_descriptors(service);
    }
    return fds_raise_limit(ours > pool ? ours : pool, error);
}

static void start_due_pool(struct supervisor *s, struct service *service, int64_t now)
{
    struct error error;
    char text[96];
    if (services_start_pool(s, service, s->config, service->config, &error) == 0)
        return;
    snprintf(service->trouble, sizeof service->trouble, "%.500s", error.text);
    service->trouble_code = error.code;
    log_warning("service %s: cannot start a pool: %s; %s", service->name, error.text,
                service_start_refused(service, now, dice_roll(), text));
}

/* Where nothing else is known. */
static const char *hint(const struct config_service *config)
{
    bool waits = config->kind == CONFIG_EXEC && config->program.warm == WARM_IO;
    return waits
               ? ": with warm = \"io\" a program is ready when it uses its standard input or output"
               : "";
}

static void check_first_start(struct supervisor *s, struct service *service, int64_t now)
{
    char text[768], limit[QUANTITY_TEXT_MAX];
    if (s->phase != SUPERVISOR_STARTING || service->was_ready ||
        now < s->started_ms + service->config->start_timeout)
        return;
    snprintf(text, sizeof text, "not ready within %s (start_timeout)%s%s",
             quantity_print_duration(service->config->start_timeout, limit),
             service->trouble[0] ? ": " : hint(service->config), service->trouble);
    pool_events_give_up(
        s, service, service->trouble_code ? service->trouble_code : EXIT_CODE_UNAVAILABLE, text);
}

static int64_t check_service(struct supervisor *s, struct service *service, int64_t now)
{
    bool stopping = s->phase == SUPERVISOR_STOPPING;
    if (!stopping && !service->coming && now >= service->retry_ms)
        start_due_pool(s, service, now);
    check_first_start(s, service, now);
    service_update(service, s->phase == SUPERVISOR_STOPPING);
    int64_t next = stopping ? CLOCK_NEVER : service->retry_ms;
    if (s->phase == SUPERVISOR_STARTING && !service->was_ready)
        next = clock_earlier(next, s->started_ms + service->config->start_timeout);
    return next;
}

int64_t services_check(struct supervisor *s, int64_t now_ms)
{
    int64_t next = CLOCK_NEVER;
    for (size_t i = 0; i < s->pool_count; i++)
        next = clock_earlier(next, pool_process_check(s->pools[i], now_ms));
    for (size_t i = 0; i < s->service_count; i++)
        next = clock_earlier(next, check_service(s, s->services[i], now_ms));
    return next;
}

static int scale_one(struct service *service, int64_t value, bool relative, struct error *error)
{
    if (service->config->workers == 0)
        return error_set(error, EXIT_CODE_FAILURE, "service %s has no fixed number of workers",
                         service->name);
    int64_t before = service->workers ? service->workers : service->config->workers;
    int64_t wanted = relative ? before + value : value;
    int64_t most = config_most_workers(service->config);
    if (wanted < 1 || wanted > most)
        return error_set(error, EXIT_CODE_FAILURE,
                         "service %s can have 1 to %" PRId64 " workers (max_workers), not %" PRId64,
                         service->name, most, wanted);
    if (service->current &&
        pool_process_tell(service->current, CHANNEL_SET_WORKERS, (uint32_t)wanted, -1) < 0)
        return error_set(error, EXIT_CODE_FAILURE, "the pool of %s does not take messages",
                         service->name);
    service->workers = wanted;
    log_info("service %s: %" PRId64 " workers wanted, before %" PRId64, service->name, wanted,
             before);
    return 0;
}

int services_scale(struct supervisor *s, const char *name, int64_t value, bool relative,
                   struct error *error)
{
    int changed = 0;
    if (name && !services_find(s, name)) {
        error_set(error, EXIT_CODE_FAILURE, "there is no service \"%s\"", name);
        return 0;
    }
    for (size_t i = 0; i < s->service_count; i++)
        if (!name || strcmp(name, s->services[i]->name) == 0)
            changed += scale_one(s->services[i], value, relative, error) == 0;
    return changed;
}
