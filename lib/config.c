/* SPDX-License-Identifier: MIT
 *
 * config - see config.h: looking things up in the model, and freeing it.
 */
#include "lib/config.h"

#include "include/channel.h"

struct config_service *config_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (strcmp(config->services[i].name, name) == 0)
            return &config->services[i];
    return NULL;
}

bool config_is_program(const struct config_service *service)
{
    return service->kind == CONFIG_EXEC || service->kind == CONFIG_LISTEN;
}

bool config_is_elastic(const struct config_service *service)
{
    return service->workers == 0 && service->kind != CONFIG_LISTEN;
}

int64_t config_start_workers(const struct config_service *service)
{
    return service->workers > 0 ? service->workers : service->start_workers;
}

int64_t config_most_workers(const struct config_service *service)
{
    return service->max_workers;
}

/* Between what many copies of a process cost, and what nobody wants to wait for. */
#define START_MANY      256
#define START_WORKER_MS 10

int64_t config_start_limit(const struct config_service *service)
{
    int64_t many = config_most_workers(service) - START_MANY;
    return service->start_timeout + (many > 0 ? many * START_WORKER_MS : 0);
}

int config_sockets(const struct config_service *service)
{
    int sockets = 0;
    for (size_t i = 0; i < service->listen_count; i++)
        sockets += service->listens[i].count;
    return sockets;
}

uint32_t config_scoreboard_slots(const struct config_service *service)
{
    return (uint32_t)(2 * config_most_workers(service));
}

/* The standard ones, channel, loop, listeners, and some air. */
#define POOL_DESCRIPTORS (32 + CHANNEL_LISTENERS_MAX)

/* Of programs that accept by themselves: their ways to speak to the pool. */
#define LISTEN_DESCRIPTORS 72

/* A pidfd for each, and where a program's errors come from. */
unsigned long config_pool_descriptors(const struct config_service *service, int64_t workers)
{
    unsigned long each = config_is_program(service) ? 2 : 1;
    return each * (unsigned long)workers + POOL_DESCRIPTORS +
           (service->kind == CONFIG_LISTEN ? LISTEN_DESCRIPTORS : 0);
}

static void release_service(struct config_service *service)
{
    for (size_t i = 0; i < service->listen_count; i++) {
        free(service->listens[i].text);
        free(service->listens[i].found);
    }
    for (size_t i = 0; i < service->option_count; i++) {
        free(service->options[i].name);
        free(service->options[i].value);
        free(service->options[i].place);
    }
    config_key_release(config_service_keys, service);
    if (service->kind == CONFIG_EXEC)
        config_key_release(config_exec_keys, &service->program);
    else if (service->kind == CONFIG_LISTEN)
        config_key_release(config_listen_keys, &service->program);
    credentials_free(service->credentials);
    free(service->listens);
    free(service->options);
    free(service->handler);
    free(service->handler_place);
    free(service->workers_reason);
    free(service->plugin);
    free(service->name);
}

void config_release(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->service_count; i++)
        release_service(&config->services[i]);
    config_key_release(config_global_keys, config);
    config_key_release(config_log_keys, &config->log);
    credentials_free(config->credentials);
    free(config->services);
    free(config->udp_ports);
    free(config->file);
    free(config);
}
