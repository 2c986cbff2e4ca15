/* SPDX-License-Identifier: MIT
 *
 * dial - from an address a person typed to a connected socket.
 */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include "lib/address.h"

#include <stdint.h>

/* address_parse() that also takes HOST:PORT for tcp://HOST:PORT, but no fd://. All entries are of
 * one type. Returns how many it wrote, or -1; ERROR's code tells a wrong address (EXIT_CODE_USAGE)
 * from a name that does not resolve (EXIT_CODE_FAILURE). */
int dial_resolve(const char *text, struct address found[ADDRESS_RESOLVED_MAX], struct error *error);

/* A new non-blocking socket, connected or on the way: a first send() on it either works, or fails
 * with EAGAIN (still on the way) or with the reason there is no connection. A datagram socket is
 * connected at once, whoever is there; answers to a Unix one find it by a name of its own. -1 with
 * errno set otherwise; EAGAIN then means that the server's Unix socket has a full queue: try again
 * later. FROM is the address to come from, with port 0; NULL leaves it to the system. */
int dial_start(const struct address *to, const struct address *from);

/* Connect to the first of FOUND that takes us, waiting at most TIMEOUT_MS for all of them together.
 * Returns a non-blocking socket, or -1 with errno set (ETIMEDOUT, ECONNREFUSED ...). */
int dial_connect(const struct address *found, int count, int64_t timeout_ms);

/* Wait until FD has one of the poll(2) EVENTS. Returns what it has, 0 once DEADLINE_MS is past. */
short dial_wait(int fd, short events, int64_t deadline_ms);

#endif
