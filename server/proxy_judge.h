/* SPDX-License-Identifier: MIT
 *
 * proxy_judge - may this peer say for whom its connection is, and does it say so rightly? Runs in
 * the worker (proxy_gate.h) and in the preload library; allocates nothing, logs nothing.
 */
#ifndef SERVER_PROXY_JUDGE_H
#define SERVER_PROXY_JUDGE_H

#include "lib/cidr.h"
#include "server/proxy_receive.h"

struct proxy_rules {
    const struct cidr *trusted; /* networks whose headers count */
    size_t count;
    int64_t timeout_ms; /* for the whole header */
};

enum proxy_verdict {
    PROXY_PASSES,
    PROXY_REFUSED,
    PROXY_SAID_NOTHING /* refused, too, but nothing to talk about: it left without a byte */
};

/* Room for any reason. */
#define PROXY_REASON_MAX 96

/* Read the header of the connection on FD, from PEER; CUT as proxy_receive(). Where it passes,
 * *HEADER may name the client (names_client); otherwise REASON says why it has to be closed. */
enum proxy_verdict proxy_judge(const struct proxy_rules *rules, int fd,
                               const union socket_address *peer, const volatile sig_atomic_t *cut,
                               struct proxy_header *header, char reason[static PROXY_REASON_MAX]);

#endif
