/* SPDX-License-Identifier: MIT
 *
 * hook_socket - asking or changing 0 or 1 as a socket.
 */
#include "server/preload/hook.h"

#include <sys/socket.h>

HOOK int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    client_touch(fd);
    return REAL(getpeername)(fd, address, length);
}

HOOK int getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    client_touch(fd);
    return REAL(getsockname)(fd, address, length);
}

HOOK int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict length)
{
    client_touch(fd);
    return REAL(getsockopt)(fd, level, name, value, length);
}

HOOK int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    client_touch(fd);
    return REAL(setsockopt)(fd, level, name, value, length);
}

HOOK int shutdown(int fd, int how)
{
    client_touch(fd);
    return REAL(shutdown)(fd, how);
}

HOOK int sockatmark(int fd)
{
    client_touch(fd);
    return REAL(sockatmark)(fd);
}
