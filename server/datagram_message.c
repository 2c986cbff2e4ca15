/* SPDX-License-Identifier: MIT
 *
 * datagram_message - see datagram_message.h.
 */
#include "server/datagram_message.h"

static bool asked(const struct preforkd_datagram *d, int level, int type, void *info, size_t size)
{
    struct msghdr control = {.msg_control = (void *)(uintptr_t)d->asked,
                             .msg_controllen = d->asked_length};
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&control); at; at = CMSG_NXTHDR(&control, at))
        if (at->cmsg_level == level && at->cmsg_type == type && at->cmsg_len >= CMSG_LEN(size)) {
            memcpy(info, CMSG_DATA(at), size);
            return true;
        }
    return false;
}

bool datagram_message_asked(const struct preforkd_datagram *d, struct in_pktinfo *info)
{
    return asked(d, IPPROTO_IP, IP_PKTINFO, info, sizeof *info);
}

bool datagram_message_asked6(const struct preforkd_datagram *d, struct in6_pktinfo *info)
{
    return asked(d, IPPROTO_IPV6, IPV6_PKTINFO, info, sizeof *info);
}

const void *datagram_message_bytes(const struct preforkd_datagram *d, size_t *size)
{
    *size = d->size;
    return d->bytes;
}

const char *datagram_message_peer(struct preforkd_datagram *d)
{
    if (d->peer_text[0] == '\0')
        address_peer(&d->peer, d->peer_text);
    return d->peer_text;
}

/* Where the kernel did not say, the socket has but one address. */
static union socket_address sent_to(const struct preforkd_datagram *d)
{
    union socket_address address = d->socket->bound;
    in_port_t port = address.in.sin_port; /* an IPv6 address has it at the same place */
    struct in_pktinfo info;
    struct in6_pktinfo info6;
    if (datagram_message_asked(d, &info))
        address.in = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = port, .sin_addr = info.ipi_addr};
    else if (datagram_message_asked6(d, &info6))
        address.in6.sin6_addr = info6.ipi6_addr;
    return address;
}

const char *datagram_message_local(struct preforkd_datagram *d)
{
    if (d->local_text[0] == '\0') {
        union socket_address address = sent_to(d);
        address_peer(&address, d->local_text);
    }
    return d->local_text;
}

const char *datagram_message_listener(const struct preforkd_datagram *d)
{
    return d->socket->listener;
}

int datagram_message_is_cut(const struct preforkd_datagram *d)
{
    return d->cut;
}

void datagram_message_reply(struct preforkd_datagram *d, const void *bytes, size_t size)
{
    if (d->peer_length == 0)
        return;
    d->reply = bytes;
    d->reply_size = size;
}
