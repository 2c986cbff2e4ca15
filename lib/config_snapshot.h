/* SPDX-License-Identifier: MIT
 *
 * config_snapshot - one service's configuration in a sealed memfd, from the supervisor to its pool.
 */
#ifndef LIB_CONFIG_SNAPSHOT_H
#define LIB_CONFIG_SNAPSHOT_H

#include "lib/config.h"

/* A memfd that nobody can change any more. The caller's; -1 with ERROR. */
int config_snapshot_create(const struct config *config, const struct config_service *service,
                           struct error *error);

/* Read it back: a configuration with that one service. NULL with ERROR. */
struct config *config_snapshot_read(int fd, struct error *error);

#endif
