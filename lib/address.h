/* SPDX-License-Identifier: MIT
 *
 * address - where a service listens and where a client connects.
 *
 *     tcp://HOST:PORT      127.0.0.1, [::1], * (every address, IPv4 and IPv6), or a name
 *     udp://HOST:PORT      the same for datagrams
 *     unix:///path         a Unix stream socket in the file system
 *     unix:@abstract       the same in Linux's abstract name space, unix(7)
 *     unixgram:...         Unix datagrams, both ways of naming
 *     seqpacket:...        Unix connections that keep messages apart, both ways of naming
 *     fd://NAME            a socket inherited by name, as in LISTEN_FDNAMES of sd_listen_fds(3)
 *     fd://NAME:2          the second of several that were passed under one name
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

/* The longest name of an inherited socket, as systemd has it, and its NUL. */
#define ADDRESS_NAME_MAX 256

/* Room for any text that address_print() or address_peer() writes, NUL included. */
#define ADDRESS_TEXT_MAX 272

struct address {
    union socket_address socket; /* fd://: family AF_UNSPEC, nothing else is known */
    socklen_t length;            /* of socket; 0 for fd:// */
    int type;                    /* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET; 0 for fd:// */
    bool dual_stack;             /* host "*": one IPv6 socket that takes IPv4 clients too */
    unsigned number;             /* fd://NAME:2: which of that name, from 1; 0: not written */
    char name[ADDRESS_NAME_MAX]; /* fd:// only, otherwise "" */
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

/* Write A exactly, for a program (as people are told of it, an IPv4 address in IPv6 clothes is an
 * IPv4 address), but for its scope, the interface of a link-local address. Returns TEXT. */
char *address_write(const struct address *a, char text[static ADDRESS_TEXT_MAX]);
unsigned address_scope(const struct address *a);

/* Read the one address that TEXT is without a name server. 0, or -1 where it needs one or is wrong.
 */
int address_read(const char *text, unsigned scope, struct address *a);

/* TEXT as people may write it on a command line, with its scheme: HOST:PORT alone is tcp://. The
 * caller frees it. */
char *address_complete(const char *text);

/* The type of socket that TEXT names: SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET; 0 for fd://, which
 * is known when it is there, and for what is no address. */
int address_type(const char *text);

/* Write A as it would stand in a configuration. Returns TEXT. */
char *address_print(const struct address *a, char text[static ADDRESS_TEXT_MAX]);

/* Write a client's address as people expect it in logs: 192.0.2.1:4711, [2001:db8::1]:4711 (an
 * IPv4 client of a dual-stack socket as IPv4), "unix" for Unix clients. Returns TEXT. */
char *address_peer(const union socket_address *peer, char text[static ADDRESS_TEXT_MAX]);

/* Same socket address and type. Two addresses with port 0 are never the same. */
bool address_equal(const struct address *a, const struct address *b);

/* As written the same, port 0 included. */
bool address_alike(const struct address *a, const struct address *b);

/* Both cannot be bound at a time: they are equal, or sockets of two types in one file. */
bool address_collide(const struct address *a, const struct address *b);

/* TCP or UDP with port 0: the kernel chooses a port. */
bool address_is_ephemeral(const struct address *a);

/* An inherited socket: fd://. */
bool address_is_inherited(const struct address *a);

/* The file a Unix socket lives in; NULL for every other address. Points into A. */
const char *address_path(const struct address *a);

#endif
