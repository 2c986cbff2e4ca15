/* SPDX-License-Identifier: MIT
 *
 * session - what a handler's functions are called for, in which order, for one connection.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "server/connection.h"
#include "server/proxy_gate.h"

struct session_plan {
    const struct preforkd_handler *handler;
    void *state;
    bool access_log;
    const struct proxy_gate *gate;
    char (*listeners)[ADDRESS_TEXT_MAX]; /* where each listens, */
    const bool *records;                 /* and which of them keep messages apart: seqpacket */
};

/* The client on FD, who came by LISTENER, is served from verify() to finish(), and the connection
 * closed and logged. True where the handler wants this worker to leave. */
bool session_serve(const struct session_plan *plan, struct preforkd_connection *c, int fd,
                   const union socket_address *peer, int listener);

#endif
