/* SPDX-License-Identifier: MIT
 *
 * listener_bind - see listener_bind.h.
 */
#include "supervisor/listener_bind.h"

#include "lib/fds.h"
#include "lib/memory.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof value); /* a refusal costs comfort, not service */
}

/* A machine without IPv6 serves host "*" on IPv4 alone. */
static void fall_back_to_ipv4(struct address *a)
{
    in_port_t port = a->socket.in6.sin6_port;
    *a = (struct address){.length = sizeof a->socket.in, .type = a->type};
    a->socket.in.sin_family = AF_INET;
    a->socket.in.sin_port = port;
}

static int cannot_bind(int fd, struct error *error)
{
    bool in_use = errno == EADDRINUSE;
    error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot bind");
    error->in_use = in_use;
    close(fd);
    return -1;
}

static int bind_inet(struct address address, struct error *error)
{
    int type = address.type | SOCK_CLOEXEC;
    int fd = socket(address.socket.any.sa_family, type, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && address.dual_stack) {
        fall_back_to_ipv4(&address);
        fd = socket(AF_INET, type, 0);
    }
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot make a socket");
    /* For TCP it passes over connections that are past; of two UDP servers that set it, the later
     * silently takes the port from the other. */
    if (address.type == SOCK_STREAM)
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address.socket.any.sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address.dual_stack);
    if (bind(fd, &address.socket.any, address.length) == 0)
        return fd;
    return cannot_bind(fd, error);
}

/* A socket file without a live server behind it is left over from a crash. We hold the lock, so no
 * preforkd is behind it; another program is asked by connecting, which fails in another way where
 * it has a socket of another type. */
static int remove_stale(const struct address *address, struct error *error)
{
    const char *path = address_path(address);
    struct stat about;
    if (lstat(path, &about) < 0)
        return 0;
    if (!S_ISSOCK(about.st_mode))
        return error_set(error, EXIT_CODE_UNAVAILABLE, "%s exists and is not a socket", path);
    int probe = socket(AF_UNIX, address->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int status = connect(probe, &address->socket.any, address->length);
    bool stale = status < 0 && errno == ECONNREFUSED;
    fds_close(&probe);
    if (!stale) {
        error_set(error, EXIT_CODE_UNAVAILABLE, "another program is serving %s", path);
        error->in_use = true;
        return -1;
    }
    if (unlink(path) < 0)
        return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot remove the stale %s", path);
    return 0;
}

int listener_bind_unix(const struct address *address, mode_t mode, struct lockfile *lock,
                       struct error *error)
{
    const char *path = address_path(address);
    if (path) {
        char *lock_path = memory_printf("%s.lock", path);
        int status = lockfile_acquire(lock, lock_path, 0600, error);
        free(lock_path);
        if (status < 0 || remove_stale(address, error) < 0)
            return -1;
    }
    int fd = socket(AF_UNIX, address->type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot make a socket");
    /* The mode is on the socket before it has a name: there is no moment with another one. */
    mode_t before = umask(0);
    int status = fchmod(fd, mode) < 0 ? -1 : bind(fd, &address->socket.any, address->length);
    umask(before);
    if (status == 0)
        return fd;
    return cannot_bind(fd, error);
}

int listener_bind(const struct address *address, mode_t mode, struct lockfile *lock,
                  struct error *error)
{
    return address->socket.any.sa_family == AF_UNIX ? listener_bind_unix(address, mode, lock, error)
                                                    : bind_inet(*address, error);
}

/* The address that a datagram was sent to is the one to answer from; where the socket has several,
 * the kernel is to tell which it was. Of IPv4 clients of an IPv6 socket it tells both ways, and
 * only IPv4's says which address is ours where everybody was asked. */
static void prepare_datagrams(int fd, const union socket_address *bound)
{
    bool any4 = bound->any.sa_family == AF_INET && bound->in.sin_addr.s_addr == htonl(INADDR_ANY);
    bool any6 = bound->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&bound->in6.sin6_addr);
    if (any4 || any6)
        set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
    if (any6)
        set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

/* Accepted sockets inherit these on Linux, so that no call per connection is needed. */
static void prepare_connections(int fd)
{
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void listener_bind_prepare(int fd)
{
    union socket_address bound = {0};
    socklen_t length = sizeof bound, size = sizeof(int);
    int type = 0;
    if (getsockname(fd, &bound.any, &length) < 0 || bound.any.sa_family == AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return;
    if (type == SOCK_DGRAM)
        prepare_datagrams(fd, &bound);
    else
        prepare_connections(fd);
}
