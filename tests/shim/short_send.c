/* SPDX-License-Identifier: MIT
 *
 * short_send - send() that takes at most 7 bytes at a time, as a full socket buffer would.
 */
#include <dlfcn.h>
#include <sys/socket.h>

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    static ssize_t (*real)(int, const void *, size_t, int);
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "send");
    /* Only clients of a service: packets between our own processes cannot be cut. */
    if (size > 7 && getsockname(fd, (struct sockaddr *)&name, &length) == 0 &&
        name.ss_family != AF_UNIX)
        size = 7;
    return real(fd, bytes, size, flags);
}
