/* SPDX-License-Identifier: MIT
 *
 * address - where a service listens and where a client connects.
 *
 *     tcp://HOST:PORT      127.0.0.1, [::1], * (every address, IPv4 and IPv6), or a name
 *     unix:///path         a Unix stream socket in the file system
 *     unix:@abstract       the same in Linux's abstract name space, unix(7)
 *
 * seqpacket://, udp:// and fd:// are known and refused until this version serves them.
 */
#ifndef LIB_ADDRESS_H
#define LIB_ADDRESS_H

#include "lib/error.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

union socket_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* Room for any text that address_print() or address_peer() writes, NUL included. */
#define ADDRESS_TEXT_MAX 160

struct address {
    union socket_address socket;
    socklen_t length; /* of socket */
    bool dual_stack;  /* host "*": one IPv6 socket that takes IPv4 clients too */
};

/* At most this many sockets come of one tcp://NAME:PORT. */
#define ADDRESS_RESOLVED_MAX 8

/* Parse TEXT. Numeric addresses, paths and abstract names give one entry; a name gives what
 * getaddrinfo(3) says, which may ask a name server and so block: call it only while a
 * configuration is being loaded. Returns how many entries were written to FOUND
 * (ADDRESS_RESOLVED_MAX at most), or -1 with ERROR saying what is wrong and how to write it. */
int address_parse(const char *text, struct address found[ADDRESS_RESOLVED_MAX],
                  struct error *error);

/* Only the grammar of TEXT; asks no name server. 0 or -1. */
int address_check(const char *text, struct error *error);

/* Write A as it would stand in a configuration. Returns TEXT. */
char *address_print(const struct address *a, char text[static ADDRESS_TEXT_MAX]);

/* Write a client's address as people expect it in logs: 192.0.2.1:4711, [2001:db8::1]:4711 (an
 * IPv4 client of a dual-stack socket as IPv4), "unix" for Unix clients. Returns TEXT. */
char *address_peer(const union socket_address *peer, char text[static ADDRESS_TEXT_MAX]);

/* Same socket address. Two addresses with port 0 are never the same. */
bool address_equal(const struct address *a, const struct address *b);

/* TCP with port 0: the kernel chooses a port. */
bool address_is_ephemeral(const struct address *a);

/* The file a Unix socket lives in; NULL for every other address. Points into A. */
const char *address_path(const struct address *a);

#endif
