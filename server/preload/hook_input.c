/* SPDX-License-Identifier: MIT
 *
 * hook_input - reading from 0 or 1.
 */
#include "server/preload/hook.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

HOOK ssize_t read(int fd, void *buffer, size_t size)
{
    client_touch(fd);
    return REAL(read)(fd, buffer, size);
}

HOOK ssize_t readv(int fd, const struct iovec *parts, int count)
{
    client_touch(fd);
    return REAL(readv)(fd, parts, count);
}

HOOK ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    client_touch(fd);
    return REAL(preadv2)(fd, parts, count, offset, flags);
}

HOOK ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    client_touch(fd);
    return REAL(recv)(fd, buffer, size, flags);
}

HOOK ssize_t recvfrom(int fd, void *restrict buffer, size_t size, int flags,
                      struct sockaddr *restrict from, socklen_t *restrict length)
{
    client_touch(fd);
    return REAL(recvfrom)(fd, buffer, size, flags, from, length);
}

HOOK ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    client_touch(fd);
    return REAL(recvmsg)(fd, message, flags);
}

#ifdef __GLIBC__
HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                  struct timespec *timeout)
{
    client_touch(fd);
    return REAL(recvmmsg)(fd, messages, count, flags, timeout);
}

ssize_t __read(int fd, void *buffer, size_t size);
ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *restrict buffer, size_t size, size_t room, int flags,
                       struct sockaddr *restrict from, socklen_t *restrict length);

HOOK_ALIAS("read") ssize_t __read(int fd, void *buffer, size_t size);

HOOK ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
    client_touch(fd);
    return REAL(__read_chk)(fd, buffer, size, room);
}

HOOK ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags)
{
    client_touch(fd);
    return REAL(__recv_chk)(fd, buffer, size, room, flags);
}

HOOK ssize_t __recvfrom_chk(int fd, void *restrict buffer, size_t size, size_t room, int flags,
                            struct sockaddr *restrict from, socklen_t *restrict length)
{
    client_touch(fd);
    return REAL(__recvfrom_chk)(fd, buffer, size, room, flags, from, length);
}
#endif
