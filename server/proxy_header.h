/* SPDX-License-Identifier: MIT
 *
 * proxy_header - the header of the PROXY protocol, versions 1 and 2, which tells who the client of
 * a proxy is. Pure: functions over bytes.
 *
 * "The specification" is proxy-protocol.txt of HAProxy; its sections are cited. Version 1 is a line
 * of text (2.1, proxy_line.c), version 2 is binary (2.2, proxy_binary.c). Both are understood, and
 * no connection without one of them: whether a header is there is never guessed (section 2).
 */
#ifndef SERVER_PROXY_HEADER_H
#define SERVER_PROXY_HEADER_H

#include "lib/address.h"

#include <stdint.h>

/* No longer header is accepted: 16 bytes and 4 KiB of addresses and TLVs. The format allows 64 KiB,
 * real senders stay below one segment (section 2). */
#define PROXY_HEADER_MAX (16 + 4096)

/* The longest header of version 1 and the shortest of any, line ends included (2.1). */
#define PROXY_HEADER_TEXT_MAX 107
#define PROXY_HEADER_MIN      15

enum proxy_header_state {
    PROXY_HEADER_MORE, /* the beginning of a header; read on */
    PROXY_HEADER_DONE,
    PROXY_HEADER_BAD /* no bytes behind it can make a header of it: close the connection */
};

enum proxy_header_command {
    PROXY_HEADER_LOCAL, /* the proxy speaks for itself, a health check for example */
    PROXY_HEADER_PROXY
};

enum proxy_header_transport { PROXY_HEADER_UNSPEC, PROXY_HEADER_STREAM, PROXY_HEADER_DGRAM };

/* Why a header is bad: for counters, and as text for the log. */
#define PROXY_HEADER_REASONS(X)                                                                    \
    X(NONE, "")                                                                                    \
    X(ABSENT, "no PROXY header")                                                                   \
    X(LINE, "malformed line")                                                                      \
    X(ADDRESS, "malformed address")                                                                \
    X(PORT, "malformed port")                                                                      \
    X(VERSION, "unknown version")                                                                  \
    X(COMMAND, "unknown command")                                                                  \
    X(FAMILY, "unknown address family or transport")                                               \
    X(LENGTH, "shorter than its addresses")                                                        \
    X(TOO_LONG, "too long")                                                                        \
    X(TLV, "malformed TLV")                                                                        \
    X(CHECKSUM, "wrong checksum")

enum proxy_header_reason {
#define REASON(id, text) PROXY_HEADER_BAD_##id,
    PROXY_HEADER_REASONS(REASON)
#undef REASON
        PROXY_HEADER_REASON_COUNT
};
extern const char *const proxy_header_reasons[PROXY_HEADER_REASON_COUNT];

struct proxy_header {
    size_t more;                     /* MORE: this many bytes at least belong to the header */
    enum proxy_header_reason reason; /* BAD */
    /* DONE: */
    size_t length;
    int version; /* 1 or 2 */
    enum proxy_header_command command;
    enum proxy_header_transport transport;
    /* AF_UNSPEC, both, where the header names nobody: the socket's addresses hold then. A mapped
     * IPv4 address in a header for IPv6, as a proxy writes it where one side is IPv4 and the other
     * is not, stays AF_INET6; address_peer() and cidr_match() take it for what it is. A Unix path
     * has a NUL byte somewhere. */
    union socket_address source, destination;
};

/* Judge the first COUNT bytes of a stream. What is found for them holds for every longer part of
 * the same stream. Whoever reads exactly HEADER->more bytes after each MORE never takes a byte that
 * is behind the header. COUNT + HEADER->more is PROXY_HEADER_MAX at most. */
enum proxy_header_state proxy_header_parse(const void *bytes, size_t count,
                                           struct proxy_header *header);

/* True where the header names the client: HEADER->source takes the place of the socket's peer. */
static inline bool proxy_header_names_client(const struct proxy_header *header)
{
    return header->command == PROXY_HEADER_PROXY && header->source.any.sa_family != AF_UNSPEC;
}

/* For proxy_line.c and proxy_binary.c: */

static inline enum proxy_header_state proxy_header_bad(struct proxy_header *header,
                                                       enum proxy_header_reason reason)
{
    header->reason = reason;
    return PROXY_HEADER_BAD;
}

static inline enum proxy_header_state proxy_header_more(struct proxy_header *header, size_t more)
{
    header->more = more;
    return PROXY_HEADER_MORE;
}

static inline enum proxy_header_state proxy_header_done(struct proxy_header *header, size_t length)
{
    header->length = length;
    return PROXY_HEADER_DONE;
}

#endif
