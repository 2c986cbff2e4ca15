/* SPDX-License-Identifier: MIT
 *
 * datagram - receiving datagrams, having the handler answer them, and sending the answers.
 *
 * Workers compete in recvmmsg(2) on one shared socket. A worker that is woken takes what is there,
 * up to a batch, and answers with one sendmmsg(2): a batch of one costs what recvfrom and sendto
 * would. Answers go out from the address that was asked (IP_PKTINFO, ip(7)).
 */
#ifndef SERVER_DATAGRAM_H
#define SERVER_DATAGRAM_H

#include "include/scoreboard.h"
#include "lib/address.h"

#include <preforkd/handler.h>

#define DATAGRAM_BATCH_MAX 16
/* The longest one of UDP over IPv4; longer ones (of Unix sockets) are cut, and the handler is told.
 */
#define DATAGRAM_MAX 65507

struct datagram_plan {
    const struct preforkd_handler *handler;
    void *state;
    struct scoreboard_worker *slot;
    int batch; /* datagrams taken at once: more than 1 only for handlers that never wait */
    bool access_log;
};

/* Wait for datagrams on the blocking socket FD and serve them. 0; or -1 and errno, EINTR for a
 * signal. FLAGS: MSG_DONTWAIT where the socket is known to be readable. */
int datagram_serve(const struct datagram_plan *plan, int fd, int flags);

/* The host's functions (preforkd/handler.h). */
const void *datagram_bytes(const struct preforkd_datagram *datagram, size_t *size);
const char *datagram_peer(struct preforkd_datagram *datagram);
int datagram_is_cut(const struct preforkd_datagram *datagram);
void datagram_reply(struct preforkd_datagram *datagram, const void *bytes, size_t size);

/* May a service that answers whatever it is sent answer this one? Not where the sender's port is
 * that of another service, which might answer in turn, for ever, or have been forged to hurt its
 * owner.
 */
bool datagram_is_from_client(const struct preforkd_datagram *datagram);

#endif
