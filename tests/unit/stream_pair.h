/* SPDX-License-Identifier: MIT
 *
 * stream_pair - for tests of what is above a connection: one over a real socket pair, and its
 * client at the other end.
 */
#ifndef TESTS_UNIT_STREAM_PAIR_H
#define TESTS_UNIT_STREAM_PAIR_H

#include "server/connection.h"
#include "server/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

static struct scoreboard_worker slot;
static struct connection_room room;
static struct preforkd_connection c;
static int client; /* the other end; -1: it has left */

/* What a handler would call. */
static const struct preforkd_host *const host = &host_functions;

static const union socket_address UNNAMED = {.any.sa_family = AF_UNIX};

static inline int open_pair_of(int type)
{
    int ends[2];
    memset(&slot, 0, sizeof slot);
    memset(&c, 0x5A, sizeof c); /* nothing may depend on what was there before */
    c.fd = -1;
    c.slot = &slot;
    c.room = &room;
    c.sequence = 0;
    c.records = type == SOCK_SEQPACKET;
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    client = ends[1];
    connection_begin(&c, ends[0], &UNNAMED, false);
    return 0;
}

static inline int open_pair(void **state)
{
    (void)state;
    return open_pair_of(SOCK_STREAM);
}

/* Messages are kept apart. */
static inline int open_records(void **state)
{
    (void)state;
    return open_pair_of(SOCK_SEQPACKET);
}

static inline void client_leaves(void)
{
    if (client >= 0)
        close(client);
    client = -1;
}

static inline int close_pair(void **state)
{
    (void)state;
    if (c.fd >= 0)
        close(c.fd);
    client_leaves();
    return 0;
}

static inline void client_sends(const void *bytes, size_t size)
{
    assert_int_equal(send(client, bytes, size, MSG_NOSIGNAL), size);
}

static inline void client_says(const char *text)
{
    client_sends(text, strlen(text));
}

static inline void client_ends(void)
{
    assert_int_equal(shutdown(client, SHUT_WR), 0);
}

/* Exactly this has come to the client until now. */
static inline void expect_client_has(const char *text)
{
    static char got[64 * 1024];
    size_t length = 0;
    ssize_t part;
    while ((part = recv(client, got + length, sizeof got - 1 - length, MSG_DONTWAIT)) > 0)
        length += (size_t)part;
    got[length] = '\0';
    assert_string_equal(got, text);
}

#endif
