/* SPDX-License-Identifier: MIT
 *
 * upgrade_memfd - the state in a file without a name that nobody can change any more
 * (memfd_create(2), F_ADD_SEALS of fcntl(2)): what was checked is what is used.
 */
#ifndef SUPERVISOR_UPGRADE_MEMFD_H
#define SUPERVISOR_UPGRADE_MEMFD_H

#include "supervisor/upgrade_state.h"

/* The descriptor is close-on-exec and the caller's; -1 with ERROR. */
int upgrade_memfd_create(const struct upgrade_state *state, struct error *error);

/* NULL with ERROR: FD is no such file, or what is in it cannot be read. FD stays open. */
struct upgrade_state *upgrade_memfd_read(int fd, struct error *error);

#endif
