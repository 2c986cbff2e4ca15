/* SPDX-License-Identifier: MIT
 *
 * session - see session.h.
 */
#include "server/session.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/host.h"
#include "server/stream.h"

#define CLOSE_MASK (PREFORKD_RETIRE - 1)

/* The access log; a connection that the host ended is logged in any case. */
static void log_connection(const struct session_plan *plan, struct preforkd_connection *c)
{
    struct log_line line;
    bool ended_by_us = c->end != WORKER_END_CLIENT && c->end != WORKER_END_SERVER &&
                       c->end != WORKER_END_GONE && c->end != WORKER_END_REFUSED;
    if (!plan->access_log && !ended_by_us)
        return;
    int64_t us = c->accepted_us ? clock_now_us() - c->accepted_us
                                : (clock_coarse_ms() - c->slot->started_ms) * 1000;
    log_begin(&line, LOG_LEVEL_INFO, "connection");
    log_text(&line, "peer", connection_peer(c));
    if (c->proxied)
        log_text(&line, "proxy", connection_transport(c));
    log_int(&line, "bytes_in", (int64_t)c->bytes_in);
    log_int(&line, "bytes_out", (int64_t)c->bytes_out);
    log_seconds(&line, "duration_s", us);
    log_text(&line, "end", worker_end_names[c->end]);
    log_end(&line);
}

/* Where a proxy has to tell the client: has it? */
static bool passes_gate(const struct session_plan *plan, struct preforkd_connection *c)
{
    struct proxy_header header;
    if (!proxy_gate_pass(plan->gate, c->fd, &c->peer, &c->cut, plan->access_log, &header))
        return false;
    if (proxy_header_names_client(&header))
        connection_set_client(c, &header.source, &header.destination);
    return true;
}

static void refuse(struct preforkd_connection *c)
{
    c->end = WORKER_END_REFUSED;
    SCOREBOARD_STORE(c->slot->refused, SCOREBOARD_LOAD(c->slot->refused) + 1);
}

/* A reset drops it; who was given a duplicate of the descriptor may be sending by now. */
static bool sends_rest(int how)
{
    return (how & CLOSE_MASK) == PREFORKD_CLOSE || (how & CLOSE_MASK) == PREFORKD_LINGER;
}

/* As handle(): how to close it. */
static int converse(const struct session_plan *plan, struct preforkd_connection *c)
{
    const struct preforkd_handler *handler = plan->handler;
    int how = PREFORKD_CLOSE;
    if (handler->verify && handler->verify(&host_functions, c, plan->state) != 0) {
        stream_flush(c);
        refuse(c);
        return c->bytes_out > 0 ? PREFORKD_LINGER : PREFORKD_CLOSE; /* it has said why */
    }
    if (!handler->setup || handler->setup(&host_functions, c, plan->state) == 0)
        how = handler->handle(&host_functions, c, plan->state);
    if (handler->finish)
        handler->finish(&host_functions, c, plan->state);
    if (sends_rest(how))
        stream_flush(c);
    return how;
}

bool session_serve(const struct session_plan *plan, struct preforkd_connection *c, int fd,
                   const union socket_address *peer, int listener)
{
    int how = PREFORKD_CLOSE;
    c->records = plan->records[listener];
    connection_begin(c, fd, peer, plan->access_log);
    c->listener = plan->listeners[listener];
    bool passed = !plan->gate->required || passes_gate(plan, c);
    if (passed)
        how = converse(plan, c);
    else
        refuse(c); /* and has been logged */
    connection_finish(c, (enum preforkd_close)(how & CLOSE_MASK));
    host_forget_status();
    if (passed)
        log_connection(plan, c);
    return (how & PREFORKD_RETIRE) != 0;
}
