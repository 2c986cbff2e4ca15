/* SPDX-License-Identifier: MIT
 *
 * proxy_receive - reads the header of the PROXY protocol from a stream socket, in time, and not one
 * byte more: what follows belongs to the handler, or to a program that is given the socket.
 *
 * The bytes are consumed, never peeked at. A socket with bytes that were only peeked at is readable
 * all the time, so that waiting for the rest of a slow header would need SO_RCVLOWAT or a pause;
 * and proxy_header_parse() says how many bytes can be taken without going too far. Where all of the
 * header is there, that is 2 system calls for version 2 (3 with TLVs) and about 6 for version 1.
 */
#ifndef SERVER_PROXY_RECEIVE_H
#define SERVER_PROXY_RECEIVE_H

#include "server/proxy_header.h"

#include <signal.h>

#define PROXY_RECEIVE_ENDS(X)                                                                      \
    X(DONE, "")                                                                                    \
    X(BAD, "malformed PROXY header")                                                               \
    X(LATE, "PROXY header late")                                                                   \
    X(ABSENT, "left without a PROXY header") /* not one byte came: a port scan, a simple check */  \
    X(SHORT, "left within the PROXY header")                                                       \
    X(RECORD, "its first record is not a PROXY header and nothing else")                           \
    X(CUT, "ended by the server")                                                                  \
    X(FAILED, "failed")

enum proxy_receive_end {
#define END(id, text) PROXY_RECEIVE_##id,
    PROXY_RECEIVE_ENDS(END)
#undef END
        PROXY_RECEIVE_END_COUNT
};
extern const char *const proxy_receive_ends[PROXY_RECEIVE_END_COUNT];

/* Read the header of FD, blocking or not. DEADLINE_MS is on clock_now_ms(), for the whole header.
 * A signal handler that wants to end this sets *CUT (NULL: there is none) and shuts the socket
 * down, as connection_cut() does; other signals only interrupt. DONE: *HEADER is what was read.
 * BAD: HEADER->reason says why. FAILED: errno does. Never closes FD. */
enum proxy_receive_end proxy_receive(int fd, int64_t deadline_ms, const volatile sig_atomic_t *cut,
                                     struct proxy_header *header);

/* The same of a SOCK_SEQPACKET socket: its first record is the header, all of it, and nothing else.
 * RECORD: it is not; and one without a byte counts as the end. */
enum proxy_receive_end proxy_receive_record(int fd, int64_t deadline_ms,
                                            const volatile sig_atomic_t *cut,
                                            struct proxy_header *header);

#endif
