/* SPDX-License-Identifier: MIT
 *
 * cidr - networks, as a configuration lists them to say which peers are meant.
 *
 *     10.0.0.0/8  2001:db8::/32    a network: the bits behind the prefix are 0
 *     192.0.2.1   ::1              one host
 *     unix                         every peer of a Unix socket
 *
 * An IPv4 peer of a dual-stack socket (::ffff:192.0.2.1) is an IPv4 peer: 0.0.0.0/0 includes it,
 * ::/0 does not. A network written in that form with a prefix of 96 or more is the IPv4 network.
 */
#ifndef LIB_CIDR_H
#define LIB_CIDR_H

#include "lib/address.h"

#include <stdint.h>

struct cidr {
    sa_family_t family; /* AF_INET, AF_INET6, AF_UNIX */
    uint8_t bits;       /* of the prefix */
    uint8_t bytes[16];  /* 4 for AF_INET, none for AF_UNIX */
};

/* Room for what cidr_print() writes. */
#define CIDR_TEXT_MAX (INET6_ADDRSTRLEN + sizeof "/128")

/* 0, or -1 with ERROR saying what is wrong with TEXT and how to write it; *OUT is untouched then.
 */
int cidr_parse(const char *text, struct cidr *out, struct error *error);

/* True where one of the COUNT networks of LIST includes PEER, whatever its port or interface. */
bool cidr_match(const struct cidr *list, size_t count, const union socket_address *peer);

/* The form that cidr_parse() reads; one host without its prefix. Returns TEXT. */
char *cidr_print(const struct cidr *c, char text[static CIDR_TEXT_MAX]);

#endif
