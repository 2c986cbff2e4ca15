/* SPDX-License-Identifier: MIT
 *
 * handover - see handover.h.
 */
#include "server/handover.h"

#include "lib/buffer.h"
#include "lib/memory.h"

struct list {
    char **out;
    int count;
};

/* TEXT is on the heap. */
static void add(struct list *list, char *text)
{
    list->out[list->count++] = text;
}

/* NAME=value, value taken over from VALUE. */
static void add_built(struct list *list, const char *name, struct buffer *value)
{
    add(list, memory_printf("%s=%s", name, buffer_text(value)));
    buffer_release(value);
}

static void add_systemd(struct list *list, const struct handover *h)
{
    struct buffer names = {0};
    for (int i = 0; i < h->count; i++)
        buffer_printf(&names, "%s%s", i > 0 ? ":" : "", h->service);
    add(list, memory_printf("LISTEN_FDS=%d", h->count));
    add(list, memory_printf("LISTEN_PID=%d", (int)h->pid));
    add_built(list, "LISTEN_FDNAMES", &names);
}

/* HOST:PORT, [HOST]:PORT, PORT alone for every address, /PATH. NULL where there is no way to say
 * it: nothing can be escaped, and one odd entry makes clients refuse all of them. */
static const char *starter_name(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
    static const char tcp[] = "tcp://", all[] = "*:";
    const char *path = address_path(address);
    if (address->socket.any.sa_family == AF_UNIX)
        return path && path[strcspn(path, ";=")] == '\0' ? path : NULL;
    const char *name = address_print(address, text) + sizeof tcp - 1;
    return strncmp(name, all, sizeof all - 1) == 0 ? name + sizeof all - 1 : name;
}

static void add_server_starter(struct list *list, const struct handover *h)
{
    struct buffer ports = {0};
    for (int i = 0; i < h->count; i++) {
        char text[ADDRESS_TEXT_MAX];
        const char *name = starter_name(&h->addresses[i], text);
        if (name)
            buffer_printf(&ports, "%s%s=%d", ports.length > 0 ? ";" : "", name, h->first + i);
    }
    add_built(list, "SERVER_STARTER_PORT", &ports);
    add(list, memory_printf("SERVER_STARTER_GENERATION=%u", h->generation));
}

static const char *family_name(const struct address *address)
{
    switch (address->socket.any.sa_family) {
    case AF_INET6:
        return "AF_INET6";
    case AF_UNIX:
        return "AF_UNIX";
    default:
        return "AF_INET";
    }
}

static void add_einhorn(struct list *list, const struct handover *h)
{
    struct buffer numbers = {0};
    add(list, memory_printf("EINHORN_FD_COUNT=%d", h->count));
    for (int i = 0; i < h->count; i++) {
        add(list, memory_printf("EINHORN_FD_%d=%d", i, h->first + i));
        add(list, memory_printf("EINHORN_FD_FAMILY_%d=%s", i, family_name(&h->addresses[i])));
        buffer_printf(&numbers, "%s%d", i > 0 ? " " : "", h->first + i);
    }
    add_built(list, "EINHORN_FDS", &numbers);
    add(list, memory_printf("EINHORN_CHILD_INDEX=%u", h->slot));
    add(list, memory_printf("EINHORN_MASTER_PID=%d", (int)h->pool_pid));
    if (h->einhorn)
        add(list, memory_printf("EINHORN_SOCK_PATH=%s", h->einhorn));
}

static void add_notify(struct list *list, const struct handover *h)
{
    add(list, memory_printf("NOTIFY_SOCKET=%s", h->notify));
    if (h->watchdog_ms <= 0)
        return;
    add(list, memory_printf("WATCHDOG_USEC=%lld", (long long)h->watchdog_ms * 1000));
    add(list, memory_printf("WATCHDOG_PID=%d", (int)h->pid));
}

int handover_environment(const struct handover *handover, char *out[HANDOVER_VARIABLES + 1])
{
    struct list list = {.out = out};
    if (handover->protocols & HANDOVER_SYSTEMD)
        add_systemd(&list, handover);
    if (handover->protocols & HANDOVER_SERVER_STARTER)
        add_server_starter(&list, handover);
    if (handover->protocols & HANDOVER_EINHORN)
        add_einhorn(&list, handover);
    if (handover->notify)
        add_notify(&list, handover);
    out[list.count] = NULL;
    return list.count;
}

int handover_address(int fd, struct address *address)
{
    int v6_only = 1;
    socklen_t size = sizeof v6_only;
    socklen_t type_size = sizeof address->type;
    *address = (struct address){.length = sizeof address->socket};
    if (getsockname(fd, &address->socket.any, &address->length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &address->type, &type_size) < 0)
        return -1;
    if (address->socket.any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&address->socket.in6.sin6_addr) &&
        getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size) == 0)
        address->dual_stack = !v6_only;
    return 0;
}
