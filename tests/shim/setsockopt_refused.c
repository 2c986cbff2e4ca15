/* SPDX-License-Identifier: MIT
 *
 * setsockopt_refused - a system that does not permit the socket options with the numbers in
 * $PREFORKD_SHIM_SETSOCKOPT ("26 62"), of level SOL_SOCKET.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

static int is_refused(int name)
{
    char *rest = getenv("PREFORKD_SHIM_SETSOCKOPT");
    while (rest && *rest)
        if (strtol(rest, &rest, 10) == name)
            return 1;
    return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    static int (*real)(int, int, int, const void *, socklen_t);
    if (level == SOL_SOCKET && is_refused(name)) {
        errno = EPERM;
        return -1;
    }
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "setsockopt");
    return real(fd, level, name, value, length);
}
