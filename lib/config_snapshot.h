/* SPDX-License-Identifier: MIT
 *
 * config_snapshot - configuration in a sealed memfd (memfd_create(2)): one service's from the
 * supervisor to its pool, and what a process that read the file has found, to the supervisor.
 */
#ifndef LIB_CONFIG_SNAPSHOT_H
#define LIB_CONFIG_SNAPSHOT_H

#include "lib/config.h"

/* A memfd that nobody can change any more. The caller's; -1 with ERROR. */
int config_snapshot_create(const struct config *config, const struct config_service *service,
                           struct error *error);

/* Read it back: a configuration with that one service. NULL with ERROR. */
struct config *config_snapshot_read(int fd, struct error *error);

/* An empty one, for another process to write. The caller's; -1 with ERROR. */
int config_snapshot_open(struct error *error);

/* Write TEXT into an empty one, and seal it. 0, or -1 with ERROR. */
int config_snapshot_write(int fd, const struct buffer *text, struct error *error);

/* Append what is in a sealed one of at most LIMIT bytes to TEXT. 0; -1: it is none. */
int config_snapshot_take(int fd, size_t limit, struct buffer *text);

#endif
