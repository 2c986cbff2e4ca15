/* SPDX-License-Identifier: MIT
 *
 * listener_last_call - see listener_last_call.h.
 */
#include "supervisor/listener_last_call.h"

#include "lib/log.h"

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <unistd.h>

static bool is_tcp(const struct listener *l)
{
    return l->type == SOCK_STREAM && l->address.socket.any.sa_family != AF_UNIX;
}

static bool can_close_door(const struct listener *l)
{
    if (address_is_inherited(&l->address))
        return false;
    return is_tcp(l) || (l->type != SOCK_DGRAM && address_path(&l->address));
}

/* In a filter of a TCP socket the packet begins with the TCP header (RFC 9293, section 3.1). */
static int drop_syn(int fd)
{
    enum { FLAGS = 13, SYN = 2 };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)};
    const struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static void close_door(const struct listener *l)
{
    char text[ADDRESS_TEXT_MAX];
    int status = is_tcp(l) ? drop_syn(l->fd) : unlink(address_path(&l->address));
    if (status < 0 && is_tcp(l))
        status = listen(l->fd, 0);
    if (status < 0)
        log_warning("cannot keep new clients from %s while the last ones are served: %s",
                    address_print(&l->address, text), strerror(errno));
}

static bool is_empty(const struct listener *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLIN};
    return poll(&p, 1, 0) <= 0;
}

void listener_last_call(const struct listener_table *table, const struct config_service *service)
{
    for (size_t i = 0; i < service->listen_count; i++)
        for (int k = 0; k < service->listens[i].count; k++) {
            const struct listener *l =
                listener_find(table, service->name, &service->listens[i].found[k]);
            if (l && can_close_door(l))
                close_door(l);
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
            empty = empty && (!l || !can_close_door(l) || is_empty(l));
        }
    return empty;
}
