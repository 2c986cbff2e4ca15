/* SPDX-License-Identifier: MIT
 *
 * datagram - see datagram.h.
 */
#include "server/datagram.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/host.h"
#include "server/slot.h"

#include <errno.h>
#include <string.h>

/* Room for where a datagram was sent to, IPv4 or IPv6. */
union control {
    struct cmsghdr header; /* for its alignment */
    char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct preforkd_datagram {
    union socket_address peer;
    socklen_t peer_length;
    char peer_text[ADDRESS_TEXT_MAX]; /* made when first asked for */
    size_t size;
    bool cut;
    union control asked; /* the address it was sent to, */
    size_t asked_length; /* 0: not known, or of no interest */
    const void *reply;   /* NULL: there is none */
    size_t reply_size;
    char bytes[DATAGRAM_MAX];
};

/* Only pages that are used cost memory. */
static struct preforkd_datagram batch[DATAGRAM_BATCH_MAX];

static int receive(int fd, int count, int flags)
{
    struct mmsghdr messages[DATAGRAM_BATCH_MAX];
    struct iovec parts[DATAGRAM_BATCH_MAX];
    for (int i = 0; i < count; i++) {
        struct preforkd_datagram *d = &batch[i];
        parts[i] = (struct iovec){d->bytes, sizeof d->bytes};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &d->peer,
                                              .msg_namelen = sizeof d->peer,
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1,
                                              .msg_control = d->asked.room,
                                              .msg_controllen = sizeof d->asked.room};
    }
    int got =
        recvmmsg(fd, messages, (unsigned)count, flags | MSG_WAITFORONE | MSG_CMSG_CLOEXEC, NULL);
    for (int i = 0; i < got; i++) {
        struct preforkd_datagram *d = &batch[i];
        d->peer_length = messages[i].msg_hdr.msg_namelen;
        if (d->peer_length == 0)
            d->peer.any.sa_family = AF_UNIX; /* it has no name, and cannot be answered */
        d->peer_text[0] = '\0';
        d->size = messages[i].msg_len;
        d->cut = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        d->asked_length = messages[i].msg_hdr.msg_controllen;
        d->reply = NULL;
    }
    return got;
}

/* What came with it goes back with the answer, but for the interface: the way out is the routing
 * table's affair. */
static size_t turn_around(struct preforkd_datagram *d)
{
    struct cmsghdr *header = d->asked_length < sizeof *header ? NULL : &d->asked.header;
    if (header && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(header), sizeof info);
        info.ipi_ifindex = 0;
        info.ipi_spec_dst = info.ipi_addr;
        memcpy(CMSG_DATA(header), &info, sizeof info);
        return d->asked_length;
    }
    if (header && header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(header), sizeof info);
        if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
            info.ipi6_ifindex = 0;
        memcpy(CMSG_DATA(header), &info, sizeof info);
        return d->asked_length;
    }
    return 0;
}

/* A client that has gone, or cannot be reached, is its own affair. */
static void send_replies(const struct datagram_plan *plan, int fd, int count)
{
    struct mmsghdr messages[DATAGRAM_BATCH_MAX];
    struct iovec parts[DATAGRAM_BATCH_MAX];
    int replies = 0;
    for (int i = 0; i < count; i++) {
        struct preforkd_datagram *d = &batch[i];
        if (!d->reply || d->peer_length == 0)
            continue;
        parts[replies] = (struct iovec){(void *)(uintptr_t)d->reply, d->reply_size};
        messages[replies].msg_hdr = (struct msghdr){.msg_name = &d->peer,
                                                    .msg_namelen = d->peer_length,
                                                    .msg_iov = &parts[replies],
                                                    .msg_iovlen = 1,
                                                    .msg_controllen = turn_around(d)};
        if (messages[replies].msg_hdr.msg_controllen > 0)
            messages[replies].msg_hdr.msg_control = d->asked.room;
        slot_moved_out(plan->slot, d->reply_size);
        replies++;
    }
    for (int sent = 0; sent < replies;) {
        int status =
            sendmmsg(fd, messages + sent, (unsigned)(replies - sent), MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += status > 0 ? status : errno == EINTR ? 0 : 1;
    }
}

static void log_datagram(struct preforkd_datagram *d)
{
    struct log_line line;
    log_begin(&line, LOG_LEVEL_INFO, "datagram");
    log_text(&line, "peer", datagram_peer(d));
    log_int(&line, "bytes_in", (int64_t)d->size);
    log_int(&line, "bytes_out", d->reply ? (int64_t)d->reply_size : 0);
    log_end(&line);
}

int datagram_serve(const struct datagram_plan *plan, int fd, int flags)
{
    int count = receive(fd, plan->batch, flags);
    for (int i = 0; i < count; i++) {
        struct preforkd_datagram *d = &batch[i];
        slot_begin(plan->slot, &d->peer);
        slot_moved_in(plan->slot, d->size);
        plan->handler->datagram(&host_functions, d, plan->state);
        if (plan->access_log)
            log_datagram(d);
    }
    if (count > 0) {
        send_replies(plan, fd, count);
        slot_end(plan->slot);
        host_forget_status();
    }
    return count < 0 ? -1 : 0;
}

const void *datagram_bytes(const struct preforkd_datagram *d, size_t *size)
{
    *size = d->size;
    return d->bytes;
}

const char *datagram_peer(struct preforkd_datagram *d)
{
    if (d->peer_text[0] == '\0')
        address_peer(&d->peer, d->peer_text);
    return d->peer_text;
}

int datagram_is_cut(const struct preforkd_datagram *d)
{
    return d->cut;
}

void datagram_reply(struct preforkd_datagram *d, const void *bytes, size_t size)
{
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

bool datagram_is_from_client(const struct preforkd_datagram *d)
{
    if (d->peer.any.sa_family == AF_UNIX)
        return true;
    unsigned port =
        ntohs(d->peer.any.sa_family == AF_INET6 ? d->peer.in6.sin6_port : d->peer.in.sin_port);
    return port >= IPPORT_RESERVED && !reflects(port);
}
