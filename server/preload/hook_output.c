/* SPDX-License-Identifier: MIT
 *
 * hook_output - writing to 0 or 1, and moving bytes between them and something else.
 */
#include "server/preload/hook.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

HOOK ssize_t write(int fd, const void *bytes, size_t size)
{
    client_touch(fd);
    return REAL(write)(fd, bytes, size);
}

HOOK ssize_t writev(int fd, const struct iovec *parts, int count)
{
    client_touch(fd);
    return REAL(writev)(fd, parts, count);
}

HOOK ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    client_touch(fd);
    return REAL(pwritev2)(fd, parts, count, offset, flags);
}

HOOK ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    client_touch(fd);
    return REAL(send)(fd, bytes, size, flags);
}

HOOK ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to,
                    socklen_t length)
{
    client_touch(fd);
    return REAL(sendto)(fd, bytes, size, flags, to, length);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    client_touch(fd);
    return REAL(sendmsg)(fd, message, flags);
}

HOOK ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
    client_touch(to);
    client_touch(from);
    return REAL(sendfile)(to, from, offset, size);
}

HOOK ssize_t splice(int from, off_t *from_offset, int to, off_t *to_offset, size_t size,
                    unsigned flags)
{
    client_touch(from);
    client_touch(to);
    return REAL(splice)(from, from_offset, to, to_offset, size, flags);
}

HOOK ssize_t tee(int from, int to, size_t size, unsigned flags)
{
    client_touch(from);
    client_touch(to);
    return REAL(tee)(from, to, size, flags);
}

HOOK ssize_t vmsplice(int fd, const struct iovec *parts, size_t count, unsigned flags)
{
    client_touch(fd);
    return REAL(vmsplice)(fd, parts, count, flags);
}

HOOK ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t size,
                             unsigned flags)
{
    client_touch(from);
    client_touch(to);
    return REAL(copy_file_range)(from, from_offset, to, to_offset, size, flags);
}

HOOK int vdprintf(int fd, const char *format, va_list arguments)
{
    client_touch(fd);
    return REAL(vdprintf)(fd, format, arguments);
}

HOOK int dprintf(int fd, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vdprintf(fd, format, arguments);
    va_end(arguments);
    return length;
}

#ifdef __GLIBC__
HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    client_touch(fd);
    return REAL(sendmmsg)(fd, messages, count, flags);
}

ssize_t __write(int fd, const void *bytes, size_t size);
ssize_t __send(int fd, const void *bytes, size_t size, int flags);
int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments);
int __dprintf_chk(int fd, int flag, const char *format, ...);

HOOK_ALIAS("write") ssize_t __write(int fd, const void *bytes, size_t size);
HOOK_ALIAS("send") ssize_t __send(int fd, const void *bytes, size_t size, int flags);
#if __SIZEOF_POINTER__ == 8 /* off_t and off64_t are the same */
HOOK_ALIAS("sendfile") ssize_t sendfile64(int to, int from, off64_t *offset, size_t size);
#endif

HOOK int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments)
{
    client_touch(fd);
    return REAL(__vdprintf_chk)(fd, flag, format, arguments);
}

HOOK int __dprintf_chk(int fd, int flag, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = __vdprintf_chk(fd, flag, format, arguments);
    va_end(arguments);
    return length;
}
#endif
