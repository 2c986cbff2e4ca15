/* SPDX-License-Identifier: MIT
 *
 * datagram_message - one datagram, and what a handler may ask of it.
 */
#ifndef SERVER_DATAGRAM_MESSAGE_H
#define SERVER_DATAGRAM_MESSAGE_H

#include "lib/address.h"

#include <preforkd/handler.h>
#include <stdalign.h>

/* The longest one of UDP over IPv4; longer ones (of Unix sockets) are cut, and the handler is told.
 */
#define DATAGRAM_MAX 65507

/* So many are taken at once, at most. */
#define DATAGRAM_BATCH_MAX 16

/* Room for where a datagram was sent to, IPv4 or IPv6: of IPv4 clients of an IPv6 socket the kernel
 * tells it both ways. */
#define CONTROL_MAX (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)))

/* Where datagrams come in. */
struct datagram_socket {
    int reply_fd; /* the same socket by another number: a drain signal leaves it alone */
    union socket_address bound;   /* to this */
    const char *listener;         /* as the configuration has it */
    struct datagram_guard *guard; /* of handlers that answer whatever they are sent */
};

struct preforkd_datagram {
    const struct datagram_socket *socket;
    union socket_address peer;
    socklen_t peer_length;
    char peer_text[ADDRESS_TEXT_MAX];  /* made when first asked for */
    char local_text[ADDRESS_TEXT_MAX]; /* the same */
    size_t size;
    bool cut;
    alignas(struct cmsghdr) char asked[CONTROL_MAX]; /* the address it was sent to, */
    size_t asked_length;                             /* 0: not known, or of no interest */
    const void *reply;                               /* NULL: there is none */
    size_t reply_size;
    size_t sent;   /* of the reply */
    int failure;   /* errno of sending it; 0: it was sent, or there is none */
    bool withheld; /* the guard let no reply pass */
    char bytes[DATAGRAM_MAX];
};

/* Where it was sent to, as the kernel said it: into *INFO. False where it did not say it in that
 * way. */
bool datagram_message_asked(const struct preforkd_datagram *datagram, struct in_pktinfo *info);
bool datagram_message_asked6(const struct preforkd_datagram *datagram, struct in6_pktinfo *info);

/* The host's functions (preforkd/handler.h). */
const void *datagram_message_bytes(const struct preforkd_datagram *datagram, size_t *size);
const char *datagram_message_peer(struct preforkd_datagram *datagram);
const char *datagram_message_local(struct preforkd_datagram *datagram);
const char *datagram_message_listener(const struct preforkd_datagram *datagram);
int datagram_message_is_cut(const struct preforkd_datagram *datagram);
void datagram_message_reply(struct preforkd_datagram *datagram, const void *bytes, size_t size);

#endif
