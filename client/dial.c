/* SPDX-License-Identifier: MIT
 *
 * dial - see dial.h.
 */
#include "client/dial.h"

#include "lib/clock.h"
#include "lib/memory.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

/* How long to wait before asking a full Unix queue again: poll(2) cannot wait for that. */
#define QUEUE_RETRY_MS 1

/* The check comes first: what is wrong with an address is told before a name server is asked. */
static int parse(const char *text, struct address found[ADDRESS_RESOLVED_MAX], struct error *error)
{
    if (address_check(text, error) < 0) {
        error->code = EXIT_CODE_USAGE;
        return -1;
    }
    int count = address_parse(text, found, error);
    if (count < 0)
        error->code = EXIT_CODE_FAILURE;
    else if (address_is_inherited(&found[0]))
        return error_set(error, EXIT_CODE_USAGE,
                         "\"%s\" is a socket that a server inherits; write where it listens", text);
    return count;
}

int dial_resolve(const char *text, struct address found[ADDRESS_RESOLVED_MAX], struct error *error)
{
    char *full = address_complete(text);
    int count = parse(full, found, error);
    free(full);
    return count;
}

/* The port is chosen by connect(), which may use one that is busy with another server. */
static int bind_source(int fd, const struct address *from)
{
    int on = 1;
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0)
        return -1;
    return bind(fd, &from->socket.any, from->length);
}

/* The kernel chooses an abstract name (autobind, unix(7)): a server cannot answer a nameless one.
 */
static int bind_name(int fd)
{
    sa_family_t autobind = AF_UNIX;
    return bind(fd, (const struct sockaddr *)(const void *)&autobind, sizeof autobind);
}

static int start(int fd, const struct address *to, const struct address *from)
{
    bool nameless = to->type == SOCK_DGRAM && to->socket.any.sa_family == AF_UNIX;
    if ((from && bind_source(fd, from) < 0) || (nameless && bind_name(fd) < 0))
        return -1;
    if (connect(fd, &to->socket.any, to->length) == 0 || errno == EINPROGRESS || errno == EINTR)
        return 0;
    return -1;
}

int dial_start(const struct address *to, const struct address *from)
{
    int fd = socket(to->socket.any.sa_family, to->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || start(fd, to, from) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

short dial_wait(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        int64_t left_ms = deadline_ms - clock_now_ms();
        if (left_ms < 0)
            left_ms = 0;
        struct pollfd wait = {.fd = fd, .events = events};
        int ready = poll(&wait, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
        if (ready > 0)
            return wait.revents;
        if (ready == 0 && left_ms <= INT_MAX)
            return 0;
    }
}

/* Wait for the end of a connect() on the way. 0, or -1 with errno set. */
static int finish(int fd, int64_t deadline_ms)
{
    int failure = 0;
    socklen_t length = sizeof failure;
    if (dial_wait(fd, POLLOUT, deadline_ms) == 0)
        failure = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0)
        failure = errno;
    errno = failure;
    return failure == 0 ? 0 : -1;
}

static int connect_one(const struct address *to, int64_t deadline_ms)
{
    int fd;
    while ((fd = dial_start(to, NULL)) < 0) {
        if (errno != EAGAIN || to->socket.any.sa_family != AF_UNIX)
            return -1;
        if (clock_now_ms() >= deadline_ms) {
            errno = ETIMEDOUT;
            return -1;
        }
        poll(NULL, 0, QUEUE_RETRY_MS);
    }
    if (finish(fd, deadline_ms) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int dial_connect(const struct address *found, int count, int64_t timeout_ms)
{
    int64_t deadline_ms = clock_deadline(clock_now_ms(), timeout_ms);
    int fd = -1;
    for (int i = 0; i < count && fd < 0; i++)
        fd = connect_one(&found[i], deadline_ms);
    return fd;
}
