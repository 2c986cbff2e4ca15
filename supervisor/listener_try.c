/* SPDX-License-Identifier: MIT
 *
 * listener_try - see listener_try.h.
 */
#include "supervisor/listener_try.h"

#include "lib/fds.h"
#include "supervisor/inherited.h"

#include <unistd.h>

static int try_own(const struct address *address, mode_t mode, struct error *error)
{
    struct lockfile lock = LOCKFILE_NONE;
    int fd = listener_bind(address, mode, &lock, error);
    int status = fd < 0 ? -1 : 0;
    if (fd >= 0 && address_path(address))
        unlink(address_path(address));
    fds_close(&fd);
    lockfile_release(&lock);
    return status;
}

static int try_address(const struct listener_table *live, const struct config_service *service,
                       const struct address *address, struct error *error)
{
    if (listener_find(live, service->name, address))
        return 0;
    if (address_is_inherited(address))
        return inherited_find(address, error) < 0 ? -1 : 0;
    if (listener_check_path(live, address, error) < 0)
        return -1;
    return try_own(address, (mode_t)service->socket_mode, error);
}

static int try_service(const struct listener_table *live, const char *file,
                       const struct config_service *service, struct error *error)
{
    struct error why;
    for (size_t i = 0; i < service->listen_count; i++)
        for (int k = 0; k < service->listens[i].count; k++)
            if (try_address(live, service, &service->listens[i].found[k], &why) < 0)
                return listener_complain(file, service, i, &why, error);
    return 0;
}

int listener_try(const struct listener_table *live, const struct config *config,
                 struct error *error)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (try_service(live, config->file, &config->services[i], error) < 0)
            return -1;
    return 0;
}
