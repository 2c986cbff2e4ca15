/* SPDX-License-Identifier: MIT
 *
 * serve - see serve.h.
 */
#include "server/serve.h"

#include "server/accept.h"
#include "server/accept_log.h"
#include "server/acceptors.h"
#include "server/datagram.h"
#include "server/datagram_wait.h"
#include "server/handover.h"
#include "server/host.h"
#include "server/program.h"
#include "server/session.h"
#include "server/slot.h"
#include "server/tick.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static const struct serve *ticking; /* the one of this process */

void serve_prepare(struct serve *s, const struct worker_plan *plan)
{
    struct address address = {0};
    ticking = s;
    s->plan = plan;
    for (int i = 0; i < plan->listener_count; i++) {
        int type = SOCK_STREAM;
        socklen_t size = sizeof type;
        getsockopt(plan->listeners[i], SOL_SOCKET, SO_TYPE, &type, &size);
        s->datagram[i] = type == SOCK_DGRAM;
        s->records[i] = type == SOCK_SEQPACKET;
        if (handover_address(plan->listeners[i], &address) == 0)
            address_print(&address, s->listeners[i]);
        s->sockets[i] = (struct datagram_socket){
            .reply_fd = -1, .bound = address.socket, .listener = s->listeners[i]};
    }
    proxy_gate_init(&s->gate, plan->service);
}

bool serve_takes_datagrams(const struct serve *s)
{
    for (int i = 0; i < s->plan->listener_count; i++)
        if (s->datagram[i])
            return true;
    return false;
}

int serve_guard_datagrams(struct serve *s, struct error *error)
{
    const struct config *config = s->plan->config;
    if (s->plan->service->kind != CONFIG_BUILT_IN || !serve_takes_datagrams(s))
        return 0;
    if (datagram_guard_init(&s->guard, s->plan->service->datagram_rate, error) < 0)
        return -1;
    for (size_t i = 0; i < config->udp_port_count; i++)
        datagram_guard_add(&s->guard, config->udp_ports[i]);
    for (int i = 0; i < s->plan->listener_count; i++)
        if (s->datagram[i])
            datagram_guard_watch(&s->guard, &s->sockets[i]);
    return 0;
}

void serve_open_replies(struct serve *s)
{
    for (int i = 0; i < s->plan->listener_count; i++)
        if (s->datagram[i])
            s->sockets[i].reply_fd =
                fcntl(s->plan->listeners[i], F_DUPFD_CLOEXEC, s->plan->keep_below);
}

void serve_close_replies(const struct serve *s)
{
    for (int i = 0; i < s->plan->listener_count; i++)
        if (s->sockets[i].reply_fd >= 0)
            close(s->sockets[i].reply_fd);
}

static void on_woken_parked(void)
{
    if (tick_due() && ticking->handler && ticking->handler->tick)
        ticking->handler->tick(&host_functions, ticking->state);
}

/* A tick may take its time, and its worker is not in accept4 meanwhile. */
static void on_woken(void)
{
    acceptors_leave();
    on_woken_parked();
    acceptors_enter(ticking->stopping, on_woken_parked);
}

static void on_pause(int ms)
{
    acceptors_leave();
    poll(NULL, 0, ms);
    acceptors_enter(ticking->stopping, on_woken_parked);
}

static int next_client(struct acceptor *acceptor, union socket_address *peer)
{
    tick_allow();
    acceptors_enter(acceptor->stopping, on_woken_parked);
    int fd = accept_next(acceptor, peer);
    tick_block();
    acceptors_leave();
    return fd;
}

static _Noreturn void become_program(const struct serve *s, int fd,
                                     const union socket_address *peer,
                                     const struct proxy_header *header)
{
    struct program_client client = {.environment = program.environment};
    program_become(&client, fd, peer, header, s->connection->slot);
    _exit(WORKER_EXIT_EXEC);
}

/* Returns only where a proxy did not say whom to serve. */
static void serve_program(const struct serve *s, int fd, const union socket_address *peer)
{
    struct scoreboard_worker *slot = s->connection->slot;
    struct proxy_header header;
    slot_begin(slot, peer);
    if (proxy_gate_pass(&s->gate, fd, peer, NULL, s->plan->service->access_log, &header))
        become_program(s, fd, peer, &header);
    SCOREBOARD_STORE(slot->refused, SCOREBOARD_LOAD(slot->refused) + 1);
    close(fd);
    slot_end(slot);
}

/* After each client, or batch of datagrams: false where this worker is to leave. */
static bool goes_on(struct serve *s)
{
    if (!wear_lasts(s->wear, s->connection->slot->connections))
        s->retired = true;
    return !s->retired;
}

/* False where this worker is to leave after it. */
static bool serve_connection(struct serve *s, const struct session_plan *session, int fd,
                             const union socket_address *peer, int listener)
{
    struct preforkd_connection *c = s->connection;
    if (s->plan->service->kind == CONFIG_EXEC) {
        serve_program(s, fd, peer);
        return true;
    }
    if (session_serve(session, c, fd, peer, listener))
        s->retired = true;
    return goes_on(s);
}

/* As inetd's "wait": the program gets the socket itself, with what has come, and reads on for as
 * long as it likes; nobody else reads there meanwhile. */
static void hand_datagrams_over(const struct serve *s, int listener)
{
    const union socket_address nobody = {.any.sa_family = AF_UNSPEC};
    int fd = datagram_wait_take(s->plan->listeners[listener], s->plan->keep_below, s->stopping);
    if (fd < 0)
        return;
    slot_begin(s->connection->slot, &nobody);
    become_program(s, fd, &nobody, NULL);
}

static bool serve_next(struct serve *s, const struct session_plan *session,
                       const struct datagram_plan *datagrams, struct acceptor *acceptor)
{
    union socket_address peer;
    int fd = next_client(acceptor, &peer);
    if (fd >= 0)
        return serve_connection(s, session, fd, &peer, acceptor->next);
    if (fd != ACCEPT_DATAGRAM)
        return false;
    if (s->plan->service->kind == CONFIG_EXEC) {
        hand_datagrams_over(s, acceptor->next);
        return false;
    }
    return datagram_serve_next(datagrams, s->plan->listeners[acceptor->next],
                               &s->sockets[acceptor->next],
                               acceptor->count > 1 ? MSG_DONTWAIT : 0) &&
           !*s->stopping && goes_on(s);
}

/* Handlers of ours do not wait; those of others may, and datagrams should not wait with them. */
static int batch_size(const struct serve *s)
{
    return s->plan->service->kind == CONFIG_BUILT_IN ? DATAGRAM_BATCH_MAX : 1;
}

bool serve_clients(struct serve *s)
{
    const struct config_service *service = s->plan->service;
    struct session_plan session = {.handler = s->handler,
                                   .state = s->state,
                                   .access_log = service->access_log,
                                   .gate = &s->gate,
                                   .listeners = s->listeners,
                                   .records = s->records};
    struct datagram_plan datagrams = {.handler = s->handler,
                                      .state = s->state,
                                      .slot = s->connection->slot,
                                      .batch = batch_size(s),
                                      .access_log = service->access_log,
                                      .stopping = s->stopping,
                                      .woken = on_woken};
    struct acceptor acceptor = {.listeners = s->plan->listeners,
                                .count = s->plan->listener_count,
                                .wait_fd = s->plan->wait_fd,
                                .datagram = s->datagram,
                                .stopping = s->stopping,
                                .tell = accept_log,
                                .woken = on_woken,
                                .pause = on_pause};
    while (serve_next(s, &session, &datagrams, &acceptor))
        ;
    return *s->stopping || s->retired;
}
