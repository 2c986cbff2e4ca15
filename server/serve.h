/* SPDX-License-Identifier: MIT
 *
 * serve - what a READY worker does: it waits for connections and datagrams, has them served, and
 * repeats, until it has to leave.
 */
#ifndef SERVER_SERVE_H
#define SERVER_SERVE_H

#include "include/channel.h"
#include "include/worker.h"
#include "server/connection.h"
#include "server/datagram_guard.h"
#include "server/proxy_gate.h"
#include "server/wear.h"

struct serve {
    const struct worker_plan *plan;
    const struct preforkd_handler *handler;                  /* NULL: it becomes a program */
    void *state;                                             /* the handler's */
    struct preforkd_connection *connection;                  /* the one in hand */
    const volatile sig_atomic_t *stopping;                   /* it has to leave */
    char listeners[CHANNEL_LISTENERS_MAX][ADDRESS_TEXT_MAX]; /* where each listens */
    bool datagram[CHANNEL_LISTENERS_MAX];                    /* which of them have no connections */
    struct datagram_socket sockets[CHANNEL_LISTENERS_MAX];   /* of those alone */
    bool records[CHANNEL_LISTENERS_MAX]; /* whose connections keep messages apart */
    struct datagram_guard guard;
    struct proxy_gate gate;
    const struct wear *wear; /* of a handler's worker */
    bool retired;            /* the handler, or wear, wants this worker to leave */
};

/* In the pool, before any fork: what the listeners are, and who may speak for clients. */
void serve_prepare(struct serve *serve, const struct worker_plan *plan);

/* The same for a handler of ours: which datagrams are answered. 0, or -1 with ERROR. */
int serve_guard_datagrams(struct serve *serve, struct error *error);

/* Does any listener take datagrams? */
bool serve_takes_datagrams(const struct serve *serve);

/* In the worker of a handler. A drain signal takes the listeners away and not these: what has been
 * received is answered. serve_close_replies() is async-signal-safe. */
void serve_open_replies(struct serve *serve);
void serve_close_replies(const struct serve *serve);

/* Until the worker has to leave: true. False where its socket has become unusable. */
bool serve_clients(struct serve *serve);

#endif
