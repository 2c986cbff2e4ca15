/* SPDX-License-Identifier: MIT
 *
 * proxy_gate - a service behind a proxy: who may say for whom a connection is, and what becomes of
 * those that do not say it rightly. Runs in the worker, before anybody else reads.
 */
#ifndef SERVER_PROXY_GATE_H
#define SERVER_PROXY_GATE_H

#include "lib/config.h"
#include "server/proxy_judge.h"

struct proxy_gate {
    bool required; /* else every connection is its peer's own */
    struct proxy_rules rules;
};

/* As SERVICE has it; its networks have been checked. In the pool. */
void proxy_gate_init(struct proxy_gate *gate, const struct config_service *service);

/* Read the header of the connection on FD, where the service wants one; CUT as proxy_receive().
 * True where the connection may be served; *HEADER may name the client then (names_client). False
 * where it has to be closed: why is logged where LOG says so, a proxy's silence only for debugging.
 */
bool proxy_gate_pass(const struct proxy_gate *gate, int fd, const union socket_address *peer,
                     const volatile sig_atomic_t *cut, bool log, struct proxy_header *header);

#endif
