/* SPDX-License-Identifier: MIT
 *
 * services - see services.h.
 */
#include "supervisor/services.h"

#include "lib/channel.h"
#include "lib/clock.h"
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

struct service *services_find_number(const struct supervisor *s, unsigned number)
{
    for (size_t i = 0; i < s->service_count; i++)
        if (s->services[i]->number == number)
            return s->services[i];
    return NULL;
}

struct pool_process *services_find_pool(const struct supervisor *s, unsigned number)
{
    for (size_t i = 0; number != 0 && i < s->pool_count; i++)
        if (s->pools[i]->number == number)
            return s->pools[i];
    return NULL;
}

struct pool_process *services_current(const struct supervisor *s, const struct service *service)
{
    return services_find_pool(s, core_service_find(&s->core, service->number)->current);
}

void services_add(struct supervisor *s, const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++) {
        const struct config_service *row = &config->services[i];
        if (services_find(s, row->name))
            continue;
        size_t size = (s->service_count + 1) * sizeof(struct service *);
        s->services = memory_resize(s->services, size);
        s->services[s->service_count++] = service_new(++s->last_service, row);
    }
}

static void forget(struct supervisor *s, struct service *service)
{
    for (size_t i = 0; i < s->pool_count; i++)
        if (s->pools[i]->service == service)
            s->pools[i]->service = NULL;
    for (size_t i = 0; i < s->service_count; i++)
        if (s->services[i] == service) {
            s->service_count--;
            memmove(&s->services[i], &s->services[i + 1],
                    (s->service_count - i) * sizeof *s->services);
            break;
        }
    service_free(service);
}

void services_drop(struct supervisor *s, const struct core_action *action)
{
    forget(s, services_find_number(s, action->service));
}

void services_release(struct supervisor *s)
{
    while (s->service_count > 0)
        forget(s, s->services[0]);
    free(s->services);
    free(s->pools);
}

void services_forget_pool(struct supervisor *s, struct pool_process *pool)
{
    for (size_t i = 0; i < s->pool_count; i++)
        if (s->pools[i] == pool) {
            s->pools[i] = s->pools[--s->pool_count];
            break;
        }
    pool_process_free(pool);
}

/* Pools. */

static int start_pool(struct supervisor *s, struct service *service, unsigned number,
                      const struct config *from, struct error *error)
{
    int fds[CHANNEL_LISTENERS_MAX];
    struct pool_process_plan plan = {
        .config = from,
        .service = config_find(from, service->name),
        .number = number,
        .generation = ++service->generation,
        .listeners = fds,
        .program = s->program,
        .library = s->library >= 0 ? s->library : s->null,
        .null = s->null,
        .environment = s->environment,
        .own_session = s->has_terminal,
        .log = from == s->reload.next && s->reload.log >= 0 ? s->reload.log : STDERR_FILENO};
    plan.listener_count =
        listener_open_service(&s->listeners, from->file, plan.service, fds, error);
    if (plan.listener_count < 0)
        return -1;
    struct pool_process *pool = pool_process_start(&plan, &s->loop, &pool_events, s, error);
    if (!pool)
        return -1;
    s->pools = memory_resize(s->pools, (s->pool_count + 1) * sizeof(struct pool_process *));
    s->pools[s->pool_count++] = pool;
    pool->service = service;
    return 0;
}

void services_start_pool(struct supervisor *s, const struct core_action *action)
{
    struct service *service = services_find_number(s, action->service);
    struct error error, why;
    if (start_pool(s, service, action->pool, action->next ? s->reload.next : s->config, &error) ==
        0)
        return;
    snprintf(service->trouble, sizeof service->trouble, "%.500s", error.text);
    service->trouble_code = error.code;
    error_set(&why, error.code, "service %s: %.1024s", service->name, error.text);
    dispatch_event(s, (struct core_event){
                          .type = CORE_ON_START_FAILED, .pool = action->pool, .why = why.text});
}

void services_held_off(struct supervisor *s, const struct core_action *action)
{
    const struct service *service = services_find_number(s, action->service);
    log_warning("service %s: cannot start a pool: %s; next try in %" PRId64 " ms", service->name,
                service->trouble, action->ms);
}

void services_promote(struct supervisor *s, const struct core_action *action)
{
    struct service *service = services_find_number(s, action->service);
    struct pool_process *pool = services_find_pool(s, action->pool);
    service->trouble[0] = '\0';
    service->trouble_code = EXIT_CODE_OK;
    if (action->next && !service->scaled)
        service->workers = 0; /* the file's number counts again */
    if (service->workers > 0)
        pool_process_tell(pool, CHANNEL_SET_WORKERS, (uint32_t)service->workers, -1);
    pool_process_tell(pool, CHANNEL_SERVE, 0, -1);
}

/* Descriptors of the supervisor besides those of services: standard ones, loop, signals, control,
 * files, air. */
#define DESCRIPTORS_SPARE (16 + CONTROL_CLIENTS_MAX)
/* Of one service besides its sockets: pidfd, channel and scoreboard of two pools, and what a birth
 * needs. */
#define DESCRIPTORS_SERVICE 10

int services_check_limits(const struct config *config, struct error *error)
{
    unsigned long ours = DESCRIPTORS_SPARE, pool = 0;
    for (size_t i = 0; i < config->service_count; i++) {
        const struct config_service *service = &config->services[i];
        ours += DESCRIPTORS_SERVICE + 2 * (unsigned long)config_sockets(service); /* and locks */
        unsigned long needed = config_pool_descriptors(service, config_start_workers(service));
        if (needed > pool)
            pool = needed;
    }
    return fds_raise_limit(ours > pool ? ours : pool, error);
}

void services_tell_automatic(const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (config->services[i].workers_reason)
            log_info("service %s: workers = auto: %s", config->services[i].name,
                     config->services[i].workers_reason);
}

/* Where nothing else is known. */
static const char *hint(const struct config_service *config)
{
    bool waits = config->kind == CONFIG_EXEC && config->program.warm == WARM_IO;
    return waits
               ? ": with warm = \"io\" a program is ready when it uses its standard input or output"
               : "";
}

void services_give_up(struct supervisor *s, const struct core_action *action)
{
    struct service *service = services_find_number(s, action->service);
    char limit[QUANTITY_TEXT_MAX];
    enum exit_code code =
        service->trouble_code && !action->why ? service->trouble_code : EXIT_CODE_UNAVAILABLE;
    if (action->why)
        error_set(&s->outcome, code, "%s", action->why);
    else
        error_set(&s->outcome, code, "service %s: not ready within %s (start_timeout)%s%s",
                  service->name,
                  quantity_print_duration(config_start_limit(service->config), limit),
                  service->trouble[0] ? ": " : hint(service->config), service->trouble);
    log_error("%s", s->outcome.text);
    service->failed = true;
    service_update(service, SERVICE_FAILED);
}

void services_update(struct supervisor *s)
{
    for (size_t i = 0; i < s->service_count; i++) {
        struct service *service = s->services[i];
        const struct core_service *core = core_service_find(&s->core, service->number);
        service_update(service, service_derive(service, core, services_find_pool(s, core->current),
                                               s->core.phase == CORE_STOPPING));
    }
}

static int scale_one(struct supervisor *s, struct service *service, int64_t value, bool relative,
                     struct error *error)
{
    if (config_is_elastic(service->config))
        return error_set(
            error, EXIT_CODE_FAILURE,
            "service %s has no fixed number of workers; change min_spare, max_spare or "
            "max_workers in the file and reload",
            service->name);
    int64_t before = service->workers ? service->workers : config_start_workers(service->config);
    int64_t wanted = relative ? before + value : value;
    int64_t most = config_most_workers(service->config);
    struct pool_process *current = services_current(s, service);
    if (wanted < 1 || wanted > most)
        return error_set(error, EXIT_CODE_FAILURE,
                         "service %s can have 1 to %" PRId64 " workers (max_workers), not %" PRId64,
                         service->name, most, wanted);
    if (current && pool_process_tell(current, CHANNEL_SET_WORKERS, (uint32_t)wanted, -1) < 0)
        return error_set(error, EXIT_CODE_FAILURE, "the pool of %s does not take messages",
                         service->name);
    service->workers = wanted;
    service->scaled = true;
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
            changed += scale_one(s, s->services[i], value, relative, error) == 0;
    return changed;
}
