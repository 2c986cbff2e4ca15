/* SPDX-License-Identifier: MIT
 *
 * listener_bind - one socket, from its address to its name in the system.
 *
 * No socket that these functions return is listening yet.
 */
#ifndef SUPERVISOR_LISTENER_BIND_H
#define SUPERVISOR_LISTENER_BIND_H

#include "lib/address.h"
#include "lib/lockfile.h"

/* Bind a socket of any scheme but fd://. MODE and LOCK are for Unix sockets, as below. The
 * descriptor is the caller's; -1 with ERROR. */
int listener_bind(const struct address *address, mode_t mode, struct lockfile *lock,
                  struct error *error);

/* Bind a Unix socket with the permissions MODE. A path in the file system is locked with a file
 * beside it (LOCK) first, and a stale socket there is removed. Also used for the control socket.
 * The descriptor is the caller's; -1 with ERROR. */
int listener_bind_unix(const struct address *address, mode_t mode, struct lockfile *lock,
                       struct error *error);

/* Set what is to hold for a bound or inherited socket and for the connections that come of it. */
void listener_bind_prepare(int fd);

#endif
