/* SPDX-License-Identifier: MIT
 *
 * datagram_guard - which datagrams are answered by services that answer whatever they are sent:
 * those of include/handlers.h. Their senders' addresses may be forged, so that
 *
 *     two services would answer each other's answers for ever: none is answered that comes from the
 *     port of a service, be it ours, one of the same configuration, privileged, or known to
 * reflect; an answer would hit somebody who asked nothing: an address gets so many a second, no
 * more, which also ends what two hosts with other ports begin; everybody would answer: not what was
 * sent to a broadcast or multicast address.
 *
 * Loopback is not counted: the kernel takes such addresses from nobody but this machine, and a test
 * or a load generator there is as fast as it can. Unix datagrams cannot be forged.
 */
#ifndef SERVER_DATAGRAM_GUARD_H
#define SERVER_DATAGRAM_GUARD_H

#include "server/datagram_message.h"

#include <stdatomic.h>

#define DATAGRAM_GUARD_BUCKETS 4096

/* An address has the bucket that its hash says, and may share it. What is told is when the bucket
 * will be full again, in microseconds: a number that workers can share without a lock, as
 * lib/rate's two cannot. */
struct datagram_guard {
    uint8_t services[(UINT16_MAX + 1) / 8]; /* ports, a bit each */
    int64_t rate;                           /* answers per second to one address; 0: any number */
    uint32_t seed;                          /* nobody outside can choose whose bucket he shares */
    _Atomic int64_t *full_us;               /* DATAGRAM_GUARD_BUCKETS of them */
};

/* In the pool, before it forks. 0, or -1 with ERROR. */
int datagram_guard_init(struct datagram_guard *guard, int64_t rate, struct error *error);

/* A service has PORT. */
void datagram_guard_add(struct datagram_guard *guard, unsigned port);

/* From now on GUARD decides about what comes to SOCKET; nothing that comes from its port passes. */
void datagram_guard_watch(struct datagram_guard *guard, struct datagram_socket *socket);

/* May DATAGRAM be answered at NOW_MS? The answer is counted, then. */
bool datagram_guard_permits(struct datagram_guard *guard, const struct preforkd_datagram *datagram,
                            int64_t now_ms);

/* The same, now, by the guard of the socket it came to. */
bool datagram_guard_passes(struct preforkd_datagram *datagram);

#endif
