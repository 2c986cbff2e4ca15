/* SPDX-License-Identifier: MIT
 *
 * accept_errno - accept4() that fails: for each number in $PREFORKD_SHIM_ACCEPT ("103 24 23"), once
 * per process and in that order, before it works as it should. A connection that waits stays in the
 * queue. With $PREFORKD_SHIM_ACCEPT_DELAY it takes that many milliseconds to begin, so that several
 * workers go for the same connection. In the supervisor (control socket) it does not interfere.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char *program_invocation_short_name;

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    static int (*real)(int, struct sockaddr *, socklen_t *, int);
    static char *rest;
    const char *delay = getenv("PREFORKD_SHIM_ACCEPT_DELAY");
    int in_worker = strcmp(program_invocation_short_name, "preforkd-pool") == 0;
    if (!rest)
        rest = getenv("PREFORKD_SHIM_ACCEPT");
    if (rest && *rest && in_worker) {
        errno = (int)strtol(rest, &rest, 10);
        return -1;
    }
    if (delay && in_worker)
        usleep((useconds_t)atoi(delay) * 1000);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "accept4");
    return real(fd, address, length, flags);
}
