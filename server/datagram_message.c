/* SPDX-License-Identifier: MIT
 *
 * datagram_message - see datagram_message.h.
 */
#include "server/datagram_message.h"

unsigned char *datagram_message_asked(const struct preforkd_datagram *d, int level, int type)
{
    const struct cmsghdr *header = (struct cmsghdr *)(void *)d->asked;
    bool is = d->asked_length >= sizeof *header && header->cmsg_level == level &&
              header->cmsg_type == type;
    return is ? (unsigned char *)(uintptr_t)CMSG_DATA(header) : NULL;
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

/* Of services that answer datagrams and are not privileged anyway: Memcached, SSDP, mDNS, CLDAP's
 * like, Quake, Steam, BitTorrent and whatever else has been used to reflect. */
static bool reflects(unsigned port)
{
    static const unsigned known[] = {1194, 1434,  1900,  3283,  3478,  3702,  5353, 5683,
                                     6881, 10001, 11211, 27015, 27960, 33848, 37810};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == port)
            return true;
    return false;
}

static bool is_for_many(const struct preforkd_datagram *d)
{
    const unsigned char *in = datagram_message_asked(d, IPPROTO_IP, IP_PKTINFO);
    const unsigned char *in6 = datagram_message_asked(d, IPPROTO_IPV6, IPV6_PKTINFO);
    struct in_pktinfo info = {0};
    struct in6_pktinfo info6 = {0};
    if (in)
        memcpy(&info, in, sizeof info);
    if (in6)
        memcpy(&info6, in6, sizeof info6);
    return info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr ||
           IN6_IS_ADDR_MULTICAST(&info6.ipi6_addr);
}

bool datagram_message_is_from_client(const struct preforkd_datagram *d)
{
    if (d->peer.any.sa_family == AF_UNIX)
        return true;
    if (is_for_many(d))
        return false;
    unsigned port =
        ntohs(d->peer.any.sa_family == AF_INET6 ? d->peer.in6.sin6_port : d->peer.in.sin_port);
    return port >= IPPORT_RESERVED && !reflects(port);
}
