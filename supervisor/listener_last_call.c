/* SPDX-License-Identifier: MIT
 *
 * listener_last_call - see listener_last_call.h.
 */
#include "supervisor/listener_last_call.h"

#include "lib/log.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <poll.h>
#include <unistd.h>

static bool is_tcp(const struct listener *l)
{
    return l->type == SOCK_STREAM && l->address.socket.any.sa_family != AF_UNIX;
}

/* Those that are inherited are their owner's affair. A program that is handed a socket of datagrams
 * takes as many of them as it likes. */
static bool is_served(const struct listener *l, const struct config_service *service)
{
    return !address_is_inherited(&l->address) &&
           (l->type != SOCK_DGRAM || service->kind != CONFIG_EXEC);
}

static int filter(int fd, struct sock_filter *code, unsigned short length)
{
    const struct sock_fprog program = {.len = length, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* In a filter of a TCP socket the packet begins with the TCP header (RFC 9293, section 3.1). */
static int drop_syn(int fd)
{
    enum { FLAGS = 13, SYN = 2 };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)};
    return filter(fd, code, sizeof code / sizeof *code);
}

static int drop_all(int fd)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    return filter(fd, code, 1);
}

/* Numbers of network interfaces are given out from 1. Anybody may do that once. */
static int bind_to_nowhere(int fd)
{
    int interface = INT_MAX;
    return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &interface, sizeof interface);
}

static int close_door(const struct listener *l)
{
    const char *path = address_path(&l->address);
    if (path && unlink(path) < 0 && errno != ENOENT)
        return -1;
    if (l->type == SOCK_DGRAM)
        return drop_all(l->fd);
    if (path || (is_tcp(l) && (drop_syn(l->fd) == 0 || bind_to_nowhere(l->fd) == 0)))
        return 0;
    return listen(l->fd, 0);
}

static bool is_empty(const struct listener *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLIN};
    return poll(&p, 1, 0) <= 0;
}

void listener_last_call(const struct listener_table *table, const struct config_service *service)
{
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < service->listen_count; i++)
        for (int k = 0; k < service->listens[i].count; k++) {
            const struct listener *l =
                listener_find(table, service->name, &service->listens[i].found[k]);
            if (l && is_served(l, service) && close_door(l) < 0)
                log_warning("cannot keep new clients from %s while the last ones are served: %s",
                            address_print(&l->address, text), strerror(errno));
        }
}

bool listener_last_call_is_empty(const struct listener_table *table,
                                 const struct config_service *service)
{
    bool empty = true;
    for (size_t i = 0; i < service->listen_count; i++)
        for (int k = 0; k < service->listens[i].count; k++) {
            const struct listener *l =
                listener_find(table, service->name, &service->listens[i].found[k]);
            empty = empty && (!l || !is_served(l, service) || is_empty(l));
        }
    return empty;
}
