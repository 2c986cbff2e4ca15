/* SPDX-License-Identifier: MIT
 *
 * config_check - what must be true across the keys of a configuration.
 */
#include "lib/config_reader.h"

#include "include/channel.h"
#include "lib/cidr.h"
#include "lib/config_auto.h"
#include "lib/control_path.h"
#include "lib/memory.h"

const config_setting_t *config_place(const config_setting_t *group, const char *key)
{
    const config_setting_t *setting = config_setting_get_member(group, key);
    return setting ? setting : group;
}

bool config_given(const config_setting_t *group, const char *key)
{
    return config_setting_get_member(group, key) != NULL;
}

/* Where only one of two keys is given, the other's default makes way. */
static void check_order(struct config_reader *reader, const config_setting_t *group,
                        const char *low_name, int64_t *low, const char *high_name, int64_t *high)
{
    if (*low <= *high)
        return;
    if (!config_given(group, low_name))
        *low = *high;
    else if (!config_given(group, high_name))
        *high = *low;
    else
        config_complain(reader, config_place(group, low_name),
                        "%s is greater than %s (line %u); it may be at most equal", low_name,
                        high_name, config_setting_source_line(config_place(group, high_name)));
}

static void check_limit(struct config_reader *reader, const config_setting_t *group,
                        const char *name, int64_t *value, int64_t max_workers)
{
    if (*value <= max_workers)
        return;
    if (!config_given(group, name))
        *value = max_workers;
    else
        config_complain(reader, config_place(group, name),
                        "%s is greater than max_workers, which is %lld; raise that, or lower this",
                        name, (long long)max_workers);
}

static void check_sockets(struct config_reader *reader, const config_setting_t *group,
                          const struct config_service *service)
{
    int sockets = config_sockets(service);
    if (sockets > CHANNEL_LISTENERS_MAX)
        config_complain(reader, config_place(group, "listen"),
                        "%d sockets are too many for one service (%d at most); make it two",
                        sockets, CHANNEL_LISTENERS_MAX);
}

static bool takes_datagrams(const struct config_service *service)
{
    for (size_t i = 0; i < service->listen_count; i++)
        if (address_type(service->listens[i].text) == SOCK_DGRAM)
            return true;
    return false;
}

/* A program that is handed a datagram socket reads all that comes there: one at a time, inetd's
 * "wait". */
static void check_wait_service(struct config_reader *reader, const config_setting_t *group,
                               struct config_service *service)
{
    if (service->listen_count > 1 || config_sockets(service) > 1)
        config_complain(reader, config_place(group, "listen"),
                        "a program that is handed datagrams has one address; make it two services");
    if (service->workers > 1)
        config_complain(reader, config_place(group, "workers"),
                        "a program that is handed datagrams reads them all: workers can only be 1");
    if (service->program.warm != WARM_OFF)
        config_complain(reader, config_place(group, "handler"),
                        "a program that is handed datagrams cannot be started warm");
    service->workers = service->start_workers = service->max_workers = 1;
    service->min_spare = service->max_spare = 1;
}

/* A limit that cannot be kept is refused, not ignored. A program may compute or wait as long as it
 * likes, as under any other super-server: idle_timeout has to be asked for. */
static void check_kind(struct config_reader *reader, const config_setting_t *group,
                       struct config_service *service)
{
    static const char *const theirs[] = {"idle_timeout", "max_lifetime",
                                         "max_connections_per_worker"};
    const int64_t values[] = {service->idle_timeout, service->max_lifetime,
                              service->max_connections_per_worker};
    if (config_is_program(service) && !config_given(group, "idle_timeout"))
        service->idle_timeout = 0;
    if (service->kind == CONFIG_LISTEN && service->program.ready_after >= service->start_timeout)
        config_complain(
            reader, config_place(group, "start_timeout"),
            "start_timeout has to be longer than ready_after of the handler, or nothing "
            "ever gets ready");
    if (service->kind == CONFIG_EXEC && takes_datagrams(service))
        check_wait_service(reader, group, service);
    for (int i = 0; service->kind == CONFIG_LISTEN && i < 3; i++)
        if (config_given(group, theirs[i]) && values[i] != 0)
            config_complain(reader, config_place(group, theirs[i]),
                            "%s is not possible here: programs of type \"listen\" accept by "
                            "themselves, nobody else sees their connections",
                            theirs[i]);
}

/* A program for one connection is not replaced after it, it ends with it. */
static void check_memory(struct config_reader *reader, const config_setting_t *group,
                         struct config_service *service)
{
    if (service->max_worker_memory_hard != CONFIG_NOT_SET)
        check_order(reader, group, "max_worker_memory", &service->max_worker_memory,
                    "max_worker_memory_hard", &service->max_worker_memory_hard);
    if (service->kind == CONFIG_EXEC && service->max_worker_memory != CONFIG_NOT_SET)
        config_complain(
            reader, config_place(group, "max_worker_memory"),
            "max_worker_memory is not possible here: a program of type \"exec\" ends with "
            "its connection; use max_worker_memory_hard, or limits.as of the handler");
}

/* A header from anybody would let anybody be anybody. */
static void check_proxy(struct config_reader *reader, const config_setting_t *group,
                        const struct config_service *service)
{
    bool required = service->proxy_protocol == CONFIG_PROXY_REQUIRED;
    struct cidr ignored;
    struct error error;
    for (size_t i = 0; i < service->proxy_trusted.count; i++)
        if (cidr_parse(service->proxy_trusted.words[i], &ignored, &error) < 0)
            config_complain(reader, config_place(group, "proxy_trusted"), "proxy_trusted: %s",
                            error.text);
    if (required && service->proxy_trusted.count == 0)
        config_complain(
            reader, config_place(group, "proxy_protocol"),
            "proxy_protocol needs proxy_trusted = [ \"ADDRESS/BITS\" ]: who may say for "
            "whom a connection is");
    if (!required && service->proxy_trusted.count > 0)
        config_complain(reader, config_place(group, "proxy_trusted"),
                        "proxy_trusted does nothing without proxy_protocol = \"required\"");
    if (required && service->kind == CONFIG_LISTEN)
        config_complain(reader, config_place(group, "proxy_protocol"),
                        "programs of type \"listen\" accept by themselves, and have to read PROXY "
                        "headers by themselves");
    if (required && takes_datagrams(service))
        config_complain(reader, config_place(group, "proxy_protocol"),
                        "PROXY headers are for connections, not for datagrams");
}

/* Here, where the file is read: a reload looks again, and what travels to a pool is a number. */
static void count_workers(struct config_reader *reader, const config_setting_t *group,
                          struct config_service *service)
{
    struct cpu_budget budget;
    char reason[CONFIG_AUTO_REASON_MAX];
    if (service->workers != CONFIG_AUTO)
        return;
    if (!reader->lookup) {
        config_complain(reader, config_place(group, "workers"), "\"auto\" is a number by now");
        return;
    }
    cpu_budget_look(&budget);
    service->workers = config_auto_workers(service, &budget, reason);
    service->workers_reason = memory_string(reason);
}

void config_check_service(struct config_reader *reader, const config_setting_t *group,
                          struct config_service *service)
{
    if (!service->handler && !config_given(group, "handler"))
        config_complain(reader, group,
                        "service \"%s\" has no handler; add for example handler = \"echo\";",
                        service->name);
    if (service->listen_count == 0 && !config_given(group, "listen"))
        config_complain(
            reader, group,
            "service \"%s\" has no address; add for example listen = [ \"tcp://127.0.0.1:7000\" ];",
            service->name);
    check_sockets(reader, group, service);
    check_order(reader, group, "min_spare", &service->min_spare, "max_spare", &service->max_spare);
    check_order(reader, group, "restart_delay", &service->restart_delay, "restart_delay_max",
                &service->restart_delay_max);
    check_kind(reader, group, service);
    check_memory(reader, group, service);
    check_proxy(reader, group, service);
    count_workers(reader, group, service);
    if (service->workers > service->max_workers && !config_given(group, "max_workers"))
        service->max_workers = service->workers;
    check_limit(reader, group, "workers", &service->workers, service->max_workers);
    check_limit(reader, group, "min_spare", &service->min_spare, service->max_workers);
    check_limit(reader, group, "start_workers", &service->start_workers, service->max_workers);
}

static const config_setting_t *listen_place(const config_setting_t *root, const char *service,
                                            unsigned element)
{
    const config_setting_t *services = config_setting_get_member(root, "services");
    const config_setting_t *group = config_setting_get_member(services, service);
    const config_setting_t *listen = config_setting_get_member(group, "listen");
    const config_setting_t *entry = config_setting_type(listen) == CONFIG_TYPE_STRING
                                        ? listen
                                        : config_setting_get_elem(listen, element);
    return entry ? entry : listen;
}

static bool overlap(const struct config_listen *a, const struct config_listen *b)
{
    for (int i = 0; i < a->count; i++)
        for (int k = 0; k < b->count; k++)
            if (address_collide(&a->found[i], &b->found[k]))
                return true;
    return false;
}

/* Complain where an earlier service, or an earlier entry of the same one, has the address. */
static void check_duplicates_of(struct config_reader *reader, const config_setting_t *root,
                                size_t service, size_t index)
{
    const struct config *config = reader->config;
    const struct config_listen *mine = &config->services[service].listens[index];
    for (size_t s = 0; s <= service; s++) {
        const struct config_service *other = &config->services[s];
        size_t end = s == service ? index : other->listen_count;
        for (size_t i = 0; i < end; i++)
            if (overlap(mine, &other->listens[i])) {
                config_complain(reader,
                                listen_place(root, config->services[service].name, mine->element),
                                "%s is taken already by service \"%s\" (line %d)", mine->text,
                                other->name, other->listens[i].line);
                return;
            }
    }
}

static void check_duplicates(struct config_reader *reader, const config_setting_t *root)
{
    for (size_t s = 0; s < reader->config->service_count; s++)
        for (size_t i = 0; i < reader->config->services[s].listen_count; i++)
            check_duplicates_of(reader, root, s, i);
}

/* A daemon works in /, and a reload must find what the start found. */
static void check_path(struct config_reader *reader, const config_setting_t *group, const char *key,
                       const char *path)
{
    if (path && path[0] != '/')
        config_complain(reader, config_place(group, key), "%s must be an absolute path, not \"%s\"",
                        key, path);
}

void config_check_global(struct config_reader *reader, const config_setting_t *root)
{
    struct config *config = reader->config;
    if (config->service_count == 0 && !config_given(root, "services"))
        config_complain(reader, root, "there is no service; add services = { NAME = { … }; };");
    if (!reader->lookup)
        return;
    check_duplicates(reader, root);
    config_check_users(reader, root);
    if (!config->control)
        config->control = control_path_default();
    check_path(reader, root, "control", config->control);
    check_path(reader, root, "pid_file", config->pid_file);
    if (config->log.file)
        check_path(reader, config_setting_get_member(root, "log"), "file", config->log.file);
}
