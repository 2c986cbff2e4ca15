/* SPDX-License-Identifier: MIT
 *
 * listener - see listener.h.
 */
#include "supervisor/listener.h"

#include "include/channel.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "lib/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

static bool matches(const struct listener *l, const char *service, const struct address *a)
{
    if (address_equal(&l->address, a))
        return true;
    /* Port 0 equals nothing, but a service keeps the port it was given. */
    return address_is_ephemeral(a) && strcmp(l->service, service) == 0 &&
           l->address.length == a->length && l->address.dual_stack == a->dual_stack &&
           memcmp(&l->address.socket, &a->socket, a->length) == 0;
}

static struct listener *find(const struct listener_table *table, const char *service,
                             const struct address *address)
{
    for (size_t i = 0; i < table->count; i++)
        if (matches(table->entries[i], service, address))
            return table->entries[i];
    return NULL;
}

const struct listener *listener_find(const struct listener_table *table, const char *service,
                                     const struct address *address)
{
    return find(table, service, address);
}

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof value); /* a refusal costs comfort, not service */
}

/* Accepted sockets inherit these on Linux, so that no call per connection is needed. */
static void prepare_tcp(int fd, const struct address *address)
{
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (address->socket.any.sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->dual_stack);
}

/* A machine without IPv6 serves host "*" on IPv4 alone. */
static void fall_back_to_ipv4(struct address *a)
{
    in_port_t port = a->socket.in6.sin6_port;
    *a = (struct address){.length = sizeof a->socket.in};
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

static int bind_tcp(struct address address, struct error *error)
{
    int type = SOCK_STREAM | SOCK_CLOEXEC;
    int fd = socket(address.socket.any.sa_family, type, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && address.dual_stack) {
        fall_back_to_ipv4(&address);
        fd = socket(AF_INET, type, 0);
    }
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot make a socket");
    prepare_tcp(fd, &address);
    if (bind(fd, &address.socket.any, address.length) == 0)
        return fd;
    return cannot_bind(fd, error);
}

/* A socket file without a live server behind it is left over from a crash. We hold the lock, so no
 * preforkd is behind it; another program is asked by connecting. */
static int remove_stale(const struct address *address, struct error *error)
{
    const char *path = address_path(address);
    struct stat about;
    if (lstat(path, &about) < 0)
        return 0;
    if (!S_ISSOCK(about.st_mode))
        return error_set(error, EXIT_CODE_UNAVAILABLE, "%s exists and is not a socket", path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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

static void release(struct listener *l)
{
    const char *path = address_path(&l->address);
    /* For every process that holds it: pools that have yet to hear of it must not keep the address
     * from whoever wants it next. */
    if (l->fd >= 0)
        shutdown(l->fd, SHUT_RDWR);
    if (path && l->fd >= 0 && l->lock.fd >= 0)
        unlink(path);
    fds_close(&l->fd);
    lockfile_release(&l->lock);
    free(l->service);
    free(l);
}

static struct listener *open_listener(const struct config_service *service,
                                      const struct address *address, struct error *error)
{
    struct listener *l = memory_zeroed(1, sizeof *l);
    *l = (struct listener){.address = *address, .lock = LOCKFILE_NONE};
    l->mode = (mode_t)service->socket_mode;
    l->service = memory_string(service->name);
    l->fd = address->socket.any.sa_family == AF_UNIX
                ? listener_bind_unix(address, (mode_t)service->socket_mode, &l->lock, error)
                : bind_tcp(*address, error);
    if (l->fd >= 0 && listen(l->fd, (int)service->backlog) == 0)
        return l;
    if (l->fd >= 0)
        error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot listen");
    release(l);
    return NULL;
}

static int open_address(struct listener_table *table, const struct config_service *service,
                        const struct address *address, struct error *error)
{
    struct listener *l = find(table, service->name, address);
    if (l)
        return l->fd;
    l = open_listener(service, address, error);
    if (!l)
        return -1;
    table->entries = memory_resize(table->entries, (table->count + 1) * sizeof(struct listener *));
    table->entries[table->count++] = l;
    return l->fd;
}

/* A worker of several listeners polls them and must not block in accept on one; a worker of one
 * blocks, so that the kernel wakes exactly one, and polls where it finds the socket non-blocking.
 * Programs that accept by themselves find it as it was made, and what they change stays. */
static void set_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);
    int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    if (flags >= 0 && flags != wanted)
        fcntl(fd, F_SETFL, wanted);
}

int listener_open_service(struct listener_table *table, const char *file,
                          const struct config_service *service, int *fds, struct error *error)
{
    struct error why;
    int count = 0;
    for (size_t i = 0; i < service->listen_count; i++) {
        const struct config_listen *listen = &service->listens[i];
        for (int k = 0; k < listen->count; k++) {
            int fd = open_address(table, service, &listen->found[k], &why);
            if (fd < 0) {
                error_set(error, why.code, "%s:%d: service %s: %s: %.1024s", file, listen->line,
                          service->name, listen->text, why.text);
                error->in_use = why.in_use;
                return -1;
            }
            fds[count++] = fd;
        }
    }
    /* Before the first worker of this configuration; the way back is the sweep's. */
    for (int i = 0; i < count && count > 1 && service->kind != CONFIG_LISTEN; i++)
        set_blocking(fds[i], false);
    return count;
}

int listener_open_all(struct listener_table *table, const struct config *config,
                      struct error *error)
{
    int fds[CHANNEL_LISTENERS_MAX];
    for (size_t i = 0; i < config->service_count; i++)
        if (listener_open_service(table, config->file, &config->services[i], fds, error) < 0)
            return -1;
    return 0;
}

/* The path is ours for as long as we hold its lock. */
static void apply_mode(struct listener *l, mode_t mode)
{
    const char *path = address_path(&l->address);
    if (path && mode != l->mode && fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) < 0)
        log_warning("cannot change the permissions of %s: %s", path, strerror(errno));
    l->mode = mode;
}

static void mark_service(struct listener_table *table, const struct config_service *service)
{
    for (size_t i = 0; i < service->listen_count; i++)
        for (int k = 0; k < service->listens[i].count; k++) {
            struct listener *l = find(table, service->name, &service->listens[i].found[k]);
            if (!l)
                continue;
            l->wanted = true;
            listen(l->fd, (int)service->backlog);
            if (service->kind != CONFIG_LISTEN)
                set_blocking(l->fd, config_sockets(service) == 1);
            apply_mode(l, (mode_t)service->socket_mode);
        }
}

void listener_sweep(struct listener_table *table, const struct config *config)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++)
        table->entries[i]->wanted = false;
    for (size_t i = 0; config && i < config->service_count; i++)
        mark_service(table, &config->services[i]);
    for (size_t i = 0; i < table->count; i++) {
        struct listener *l = table->entries[i];
        if (l->wanted)
            table->entries[kept++] = l;
        else
            release(l);
    }
    table->count = kept;
    if (kept == 0) {
        free(table->entries);
        table->entries = NULL;
    }
}

char *listener_print(const struct listener *l, char text[static ADDRESS_TEXT_MAX])
{
    struct address bound = {.dual_stack = l->address.dual_stack, .length = sizeof bound.socket};
    if (l->address.socket.any.sa_family == AF_UNIX ||
        getsockname(l->fd, &bound.socket.any, &bound.length) < 0)
        return address_print(&l->address, text);
    if (bound.socket.any.sa_family == AF_INET)
        bound.dual_stack = false;
    return address_print(&bound, text);
}

void listener_queue(const struct listener *l, unsigned *length, unsigned *limit)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    *length = *limit = 0;
    if (l->address.socket.any.sa_family == AF_UNIX ||
        getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return;
    /* For a listening socket the kernel reports its queue in these two fields. */
    *length = info.tcpi_unacked;
    *limit = info.tcpi_sacked;
}
