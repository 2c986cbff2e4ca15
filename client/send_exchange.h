/* SPDX-License-Identifier: MIT
 *
 * send_exchange - one message to the server, and its reply on standard output.
 *
 * In a stream the reply is whatever has arrived once the first bytes are there; one that the
 * network cuts into pieces may continue while the next message is under way, and is printed all the
 * same. Behind the last message a connection's sending side is closed, so that the server sees the
 * end, and everything is printed until the server closes in turn. Datagrams have no end: the last
 * reply is over as the others are.
 */
#ifndef CLIENT_SEND_EXCHANGE_H
#define CLIENT_SEND_EXCHANGE_H

#include "client/encoding.h"
#include "client/outcome.h"

#include <stdbool.h>
#include <stdint.h>

struct send_exchange {
    int fd;
    int type;                  /* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
    struct encoding *encoding; /* NULL: bytes are printed as they come */
    int64_t timeout_ms;
    bool last; /* no message follows */
    /* Private. */
    const char *unsent;
    size_t unsent_length;
    bool sending;
    bool answered;
    bool printed, ends_in_newline;
};

/* Send LENGTH BYTES and print what comes. For any outcome but OUTCOME_SERVED, errno tells more. */
enum outcome send_exchange(struct send_exchange *x, const char *bytes, size_t length);

#endif
