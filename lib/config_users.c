/* SPDX-License-Identifier: MIT
 *
 * config_users - whom pools and workers run as: looking the names up, and what may be.
 */
#include "lib/config_reader.h"

#include "lib/memory.h"

#include <unistd.h>

static const config_setting_t *handler_place(const config_setting_t *root, const char *service)
{
    const config_setting_t *services = config_setting_get_member(root, "services");
    const config_setting_t *group = config_setting_get_member(services, service);
    return config_place(group, "handler");
}

/* May workers run as these? WHERE: the group that has the keys user and group, if any has. Without
 * a GROUP to ask for, whoever is not root stays in the one he has. */
static void check_credentials(struct config_reader *reader, const config_setting_t *where,
                              const struct credentials *credentials, const char *user,
                              const char *group)
{
    if (geteuid() == 0 && credentials->uid == 0 && !reader->config->allow_root)
        config_complain(reader, config_place(where, "user"),
                        "workers would run as root; name another user, or add allow_root = true;");
    if (geteuid() != 0 && credentials->uid != geteuid())
        config_complain(reader, config_place(where, "user"),
                        "only root can run workers as \"%s\"; remove this key or start as root",
                        user);
    else if (geteuid() != 0 && group && credentials->gid != getegid())
        config_complain(reader, config_place(where, "group"),
                        "only root can run workers in the group \"%s\"; remove this key or start "
                        "as root",
                        group);
}

/* NULL and a complaint where there is no such user or group. GROUP may be NULL. */
static struct credentials *find_credentials(struct config_reader *reader,
                                            const config_setting_t *where, const char *user,
                                            const char *group)
{
    struct credentials *found = memory_zeroed(1, sizeof *found);
    struct error error;
    bool known = true;
    if (credentials_lookup(found, user, &error) < 0) {
        config_complain(reader, config_place(where, "user"), "%s", error.text);
        known = false;
    } else if (group && credentials_set_group(found, group, &error) < 0) {
        config_complain(reader, config_place(where, "group"), "%s", error.text);
        known = false;
    }
    if (known) {
        check_credentials(reader, where, found, user, group);
        if (geteuid() == 0)
            return found;
    }
    credentials_free(found);
    return NULL;
}

static void check_service_user(struct config_reader *reader, const config_setting_t *root,
                               struct config_service *service)
{
    const struct config_program *program = &service->program;
    if (!config_is_program(service) || (!program->user && !program->group))
        return;
    const config_setting_t *where = handler_place(root, service->name);
    const char *user = program->user ? program->user : reader->config->user;
    if (user)
        service->credentials = find_credentials(reader, where, user, program->group);
    else
        config_complain(reader, config_place(where, "group"), "group needs user here, too");
}

void config_check_users(struct config_reader *reader, const config_setting_t *root)
{
    struct config *config = reader->config;
    if (!config->user && geteuid() == 0)
        config->user = memory_string("nobody");
    int before = reader->error_count;
    if (config->user)
        config->credentials = find_credentials(reader, root, config->user, NULL);
    bool sound = reader->error_count == before; /* otherwise it was told, once is enough */
    for (size_t i = 0; i < config->service_count; i++)
        if (sound || config->services[i].program.user)
            check_service_user(reader, root, &config->services[i]);
}
