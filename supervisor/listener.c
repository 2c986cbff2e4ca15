/* SPDX-License-Identifier: MIT
 *
 * listener - see listener.h.
 */
#include "supervisor/listener.h"

#include "include/channel.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "lib/memory.h"
#include "supervisor/inherited.h"

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
           address_alike(&l->address, a);
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

static bool is_listening(const struct listener *l)
{
    return l->type != SOCK_DGRAM;
}

static void release(struct listener *l)
{
    const char *path = address_path(&l->address);
    /* For every process that holds it: pools that have yet to hear of it must not keep the address
     * from whoever wants it next. With datagrams it would not help, and one that is inherited is
     * not ours alone. */
    if (l->fd >= 0 && is_listening(l) && !address_is_inherited(&l->address))
        shutdown(l->fd, SHUT_RDWR);
    if (path && l->fd >= 0 && l->lock.fd >= 0)
        unlink(path);
    fds_close(&l->fd);
    lockfile_release(&l->lock);
    free(l->service);
    free(l);
}

/* A copy, which lives and dies as other listeners do. */
static int open_inherited(struct listener *l, struct error *error)
{
    socklen_t size = sizeof l->type;
    int fd = inherited_find(&l->address, error);
    if (fd < 0)
        return -1;
    l->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (l->fd < 0 || getsockopt(l->fd, SOL_SOCKET, SO_TYPE, &l->type, &size) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot use the inherited socket");
    return 0;
}

static int open_own(struct listener *l, struct error *error)
{
    l->type = l->address.type;
    l->fd = listener_bind(&l->address, l->mode, &l->lock, error);
    return l->fd < 0 ? -1 : 0;
}

/* The queue of an inherited socket is as long as who made it wanted it. */
static int set_queue(const struct listener *l, int64_t backlog)
{
    if (!is_listening(l) || address_is_inherited(&l->address))
        return 0;
    return listen(l->fd, (int)backlog);
}

static struct listener *open_listener(const struct config_service *service,
                                      const struct address *address, struct error *error)
{
    struct listener *l = memory_zeroed(1, sizeof *l);
    *l = (struct listener){.address = *address, .fd = -1, .lock = LOCKFILE_NONE};
    l->mode = (mode_t)service->socket_mode;
    l->service = memory_string(service->name);
    int status = address_is_inherited(address) ? open_inherited(l, error) : open_own(l, error);
    if (status == 0) {
        listener_bind_prepare(l->fd);
        if (set_queue(l, service->backlog) == 0)
            return l;
        error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot listen");
    }
    release(l);
    return NULL;
}

int listener_check_path(const struct listener_table *table, const struct address *address,
                        struct error *error)
{
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < table->count; i++)
        if (address_collide(&table->entries[i]->address, address))
            return error_set(error, EXIT_CODE_UNAVAILABLE,
                             "%s has that path now; use another one, or reload without it first",
                             address_print(&table->entries[i]->address, text));
    return 0;
}

static void add(struct listener_table *table, struct listener *l)
{
    table->entries = memory_resize(table->entries, (table->count + 1) * sizeof(struct listener *));
    table->entries[table->count++] = l;
}

static int adopt_lock(struct listener *l, int fd, struct error *error)
{
    const char *path = address_path(&l->address);
    if (!path || fd < 0)
        return 0;
    char *lock_path = memory_printf("%s.lock", path);
    int status = lockfile_adopt(&l->lock, lock_path, fd, error);
    free(lock_path);
    return status;
}

int listener_adopt(struct listener_table *table, const struct listener *saved, struct error *error)
{
    int type = 0;
    socklen_t size = sizeof type;
    const char *unfit = inherited_unfit(saved->fd);
    if (unfit)
        return error_set(error, EXIT_CODE_SOFTWARE, "descriptor %d %s", saved->fd, unfit);
    if (getsockopt(saved->fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != saved->type ||
        fcntl(saved->fd, F_SETFD, FD_CLOEXEC) < 0)
        return error_set(error, EXIT_CODE_SOFTWARE, "descriptor %d is of type %d", saved->fd, type);
    struct listener *l = memory_zeroed(1, sizeof *l);
    *l = *saved;
    l->lock = LOCKFILE_NONE;
    if (adopt_lock(l, saved->lock.fd, error) < 0) {
        free(l);
        return -1;
    }
    l->service = memory_string(saved->service);
    add(table, l);
    return 0;
}

static int open_address(struct listener_table *table, const struct config_service *service,
                        const struct address *address, struct error *error)
{
    struct listener *l = find(table, service->name, address);
    if (l)
        return l->fd;
    if (listener_check_path(table, address, error) < 0)
        return -1;
    l = open_listener(service, address, error);
    if (!l)
        return -1;
    add(table, l);
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

int listener_complain(const char *file, const struct config_service *service, size_t listen,
                      const struct error *why, struct error *error)
{
    const struct config_listen *at = &service->listens[listen];
    char line[16] = "";
    if (at->line > 0)
        snprintf(line, sizeof line, ":%d", at->line);
    error_set(error, why->code, "%s%s: service %s: %s: %.1024s", file, line, service->name,
              at->text, why->text);
    error->in_use = why->in_use;
    return -1;
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
            if (fd < 0)
                return listener_complain(file, service, i, &why, error);
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
            set_queue(l, service->backlog);
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

static void close_one(struct listener_table *table, const char *service, const struct address *a)
{
    for (size_t i = 0; i < table->count; i++)
        if (matches(table->entries[i], service, a)) {
            release(table->entries[i]);
            table->entries[i] = table->entries[--table->count];
            return;
        }
}

void listener_close(struct listener_table *table, const struct config_service *service)
{
    for (size_t i = 0; i < service->listen_count; i++)
        for (int k = 0; k < service->listens[i].count; k++)
            close_one(table, service->name, &service->listens[i].found[k]);
}

char *listener_print(const struct listener *l, char text[static ADDRESS_TEXT_MAX])
{
    struct address bound = {.dual_stack = l->address.dual_stack, .length = sizeof bound.socket};
    bound.type = l->type;
    if (l->address.socket.any.sa_family == AF_UNIX || address_is_inherited(&l->address) ||
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
    if (l->address.socket.any.sa_family == AF_UNIX || l->type != SOCK_STREAM ||
        getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return;
    /* For a listening socket the kernel reports its queue in these two fields. */
    *length = info.tcpi_unacked;
    *limit = info.tcpi_sacked;
}
