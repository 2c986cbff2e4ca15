/* SPDX-License-Identifier: MIT
 *
 * load_connection - one connection of a load, from the dial to the outcome of its attempt.
 *
 * The caller begins an attempt, calls load_connection_advance() for each event that epoll reports
 * with the connection as its data, and once an outcome other than OUTCOME_PENDING is returned
 * either closes the connection or begins the next attempt on it.
 */
#ifndef CLIENT_LOAD_CONNECTION_H
#define CLIENT_LOAD_CONNECTION_H

#include "client/load.h"

enum load_connection_state {
    LOAD_CONNECTION_IDLE,   /* no attempt; open or closed */
    LOAD_CONNECTION_PAUSED, /* waits for deadline_ms before the next attempt */
    LOAD_CONNECTION_QUEUED, /* the server's Unix queue is full: dial again */
    LOAD_CONNECTION_ACTIVE, /* in an attempt */
};

struct load_connection {
    int fd; /* -1: closed */
    enum load_connection_state state;
    uint32_t interest; /* what epoll watches for; 0: not registered */
    uint32_t offset;   /* which message of the payload is this connection's */
    bool greeted;      /* the server has got what the connection begins with */
    bool mute;         /* the server takes no more; only read what it has sent */
    uint64_t to_send;  /* bytes of this attempt; stream: grows by a message at a time */
    uint64_t sent;     /* of them; to_send at most */
    uint64_t received; /* for them */
    int64_t begun_us;  /* the attempt */
    int64_t deadline_ms;
};

void load_connection_init(const struct load *load, struct load_connection *c, uint32_t number);

/* Begin an attempt, on a new connection where there is none. The caller has taken a message
 * (load_take) and has counted the attempt. */
enum outcome load_connection_begin(struct load *load, struct load_connection *c);

/* Dial again for a connection in LOAD_CONNECTION_QUEUED. */
enum outcome load_connection_dial(struct load *load, struct load_connection *c);

/* Send and receive what can be. EVENTS as from epoll; 0 only looks whether the attempt is over now
 * that load->stopping is set. */
enum outcome load_connection_advance(struct load *load, struct load_connection *c, uint32_t events);

/* Keep the connection open without hearing of it any more. */
void load_connection_hold(const struct load *load, struct load_connection *c);

/* Close it if it is open. */
void load_connection_close(struct load_connection *c);

#endif
