/* SPDX-License-Identifier: MIT
 *
 * proxy_claim - what a proxy claims first: who its client is (the PROXY protocol of haproxy).
 *
 *     v1, v2               this socket's own two addresses, as if the proxy were transparent
 *     v1:SRC-DST           192.0.2.1:4711-192.0.2.2:80, or two of [2001:db8::1]:4711
 *     v1:unknown, v2:local there is no client but the proxy, as in a health check
 */
#ifndef CLIENT_PROXY_CLAIM_H
#define CLIENT_PROXY_CLAIM_H

#include "client/flag.h"

#include "lib/address.h"

#include <stddef.h>

#define PROXY_CLAIM_MAX 108 /* the longest of version 1 and a NUL; version 2 takes 52 at most */

enum proxy_claim_kind {
    PROXY_CLAIM_OF_SOCKET,
    PROXY_CLAIM_GIVEN,
    PROXY_CLAIM_UNKNOWN, /* also for sockets that have no such addresses */
};

/* A zeroed struct sends nothing. */
struct proxy_claim {
    int version; /* 1 or 2; 0: none */
    enum proxy_claim_kind kind;
    union socket_address source, destination; /* PROXY_CLAIM_GIVEN: of one family */
};

/* The option of a subcommand, to TEXT, and what its help says of it. */
#define PROXY_CLAIM_FLAG(text)                                                                     \
    {                                                                                              \
        .name = "--proxy", .kind = FLAG_TEXT, .value = (text), .words = (const char *const[])      \
        {                                                                                          \
            "v2", NULL                                                                             \
        }                                                                                          \
    }
#define PROXY_CLAIM_HELP                                                                           \
    "  --proxy VERSION     begin as a proxy does, with a PROXY protocol header: v1 or v2 with\n"   \
    "                      this socket's addresses, v2:SRC-DST with others, such as\n"             \
    "                      192.0.2.1:4711-192.0.2.2:80, v1:unknown and v2:local without\n"

/* Parse the value of --proxy. 0, or -1 with ERROR saying how to write it. */
int proxy_claim_parse(const char *text, struct proxy_claim *p, struct error *error);

/* Whether P can be said to A: datagrams have no beginning. 0 or -1. */
int proxy_claim_check(const struct proxy_claim *p, const struct address *a, struct error *error);

/* Write what P says on FD to OUT. Returns the length; 0 where FD is not connected yet and its
 * addresses are wanted. */
size_t proxy_claim_write(const struct proxy_claim *p, int fd, char out[static PROXY_CLAIM_MAX]);

/* Send it as the first bytes on FD, with FLAGS of send(2). 0, also where P says nothing; -1 with
 * errno set, EAGAIN while FD is not connected. */
int proxy_claim_send(const struct proxy_claim *p, int fd, int flags);

#endif
