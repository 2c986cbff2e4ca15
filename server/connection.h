/* SPDX-License-Identifier: MIT
 *
 * connection - one accepted client, from accept to close; runs in the worker.
 *
 * All reading and writing of sockets is here, and so is what EINTR, short writes, resets and
 * broken pipes mean. Sockets are blocking; a deadline ends a blocked call by shutting the socket
 * down (connection_cut, from the signal handler), so that no call per message is needed for it.
 */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include "include/worker.h"

#include <preforkd/handler.h>

#define CONNECTION_BUFFER (16 * 1024)

/* Bytes on their way. Pages nobody uses cost nothing. */
struct connection_room {
    char in[CONNECTION_BUFFER + PREFORKD_RECORD_MAX]; /* a record fits behind what is left */
    char out[CONNECTION_BUFFER];
};
extern struct connection_room connection_room; /* the worker's */

/* struct preforkd_connection is what handlers hold a pointer to. */
struct preforkd_connection {
    volatile sig_atomic_t fd;  /* -1: no client */
    volatile sig_atomic_t cut; /* 0, or 1 + enum worker_end */
    uint32_t sequence;         /* of the slot, while this client is served */
    uint64_t taken;            /* by the client, when that was last asked; 0: never */
    enum worker_end end;       /* as far as known */
    bool client_ended;         /* it has sent its end of file */
    bool records; /* SOCK_SEQPACKET; written by the session before connection_begin() */
    union socket_address peer;
    union socket_address transport; /* who connected, where a proxy told the peer: the proxy */
    bool proxied;
    char transport_text[ADDRESS_TEXT_MAX]; /* as peer_text */
    char peer_text[ADDRESS_TEXT_MAX];      /* made when first asked for */
    struct scoreboard_worker *slot;
    uint64_t bytes_in, bytes_out;      /* of this connection */
    int64_t accepted_us;               /* clock_now_us(); 0 unless somebody will print it */
    int64_t deadline_ms;               /* the handler's own; CLOCK_NEVER: none */
    const char *listener;              /* as the configuration has it */
    char local_text[ADDRESS_TEXT_MAX]; /* as peer_text */
    void *userdata;                    /* the handler's */
    size_t in_at, in_end;              /* stream.c: read and not taken yet, */
    size_t out_length;                 /* written and not sent yet */
    struct connection_room *room;      /* set once, by the worker */
};

/* A client was accepted on FD. TIMED: its duration will be wanted. */
void connection_begin(struct preforkd_connection *c, int fd, const union socket_address *peer,
                      bool timed);

/* A proxy has told that the client is PEER and connected to LOCAL. */
void connection_set_client(struct preforkd_connection *c, const union socket_address *peer,
                           const union socket_address *local);

/* As the host's read_some, wait_some, write_all and sendfile, without buffers. A record that is
 * longer than SIZE cannot be had any more: PREFORKD_FAILED. One without a byte is passed over. */
ptrdiff_t connection_read(struct preforkd_connection *c, void *bytes, size_t size);
int connection_wait(struct preforkd_connection *c, int ms);
int connection_write(struct preforkd_connection *c, const void *bytes, size_t size);
int connection_send_file(struct preforkd_connection *c, int fd, int64_t offset, size_t size);

/* Close the socket the way the handler asked for, and settle why the connection ended. */
void connection_finish(struct preforkd_connection *c, enum preforkd_close how);

/* The pool saw no byte move for idle_timeout. A blocking send tells of none until all is queued:
 * true where the client has taken some of what is queued since this was last asked, or where it is
 * asked for the first time. Async-signal-safe. */
bool connection_is_taking(struct preforkd_connection *c);

/* End the connection in hand for REASON, from a signal handler: async-signal-safe. The client
 * sees an end of file, the blocked call returns, the handler gets PREFORKD_STOPPING
 * or PREFORKD_TIMEOUT. */
void connection_cut(struct preforkd_connection *c, enum worker_end reason);

const char *connection_peer(struct preforkd_connection *c);
const char *connection_local(struct preforkd_connection *c);
const char *connection_transport(struct preforkd_connection *c);

#endif
