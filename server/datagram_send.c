/* SPDX-License-Identifier: MIT
 *
 * datagram_send - see datagram_send.h.
 */
#include "server/datagram_send.h"

#include "server/slot.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* How long an answer waits for the network's side of our own machine. */
#define SEND_WAIT_MS 100

/* One answer has a call of its own, which is much cheaper. */
static int give(int fd, struct mmsghdr *messages, int count)
{
    const struct msghdr *header = &messages->msg_hdr;
    const struct iovec *part = header->msg_iov;
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    if (count > 1 || header->msg_controllen > 0)
        return sendmmsg(fd, messages, (unsigned)count, flags);
    ssize_t sent = sendto(fd, part->iov_base, part->iov_len, flags,
                          (const struct sockaddr *)header->msg_name, header->msg_namelen);
    messages->msg_len = sent < 0 ? 0 : (unsigned)sent;
    return sent < 0 ? -1 : 1;
}

/* In the place of what came with it. Returns its length. */
static size_t put_control(struct preforkd_datagram *d, int level, int type, const void *info,
                          size_t size)
{
    struct msghdr message = {.msg_control = d->asked, .msg_controllen = sizeof d->asked};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
    memcpy(CMSG_DATA(header), info, size);
    d->asked_length = CMSG_SPACE(size);
    return d->asked_length;
}

/* What came with it goes back with the answer, but for the interface: the way out is the routing
 * table's affair. Nor can an address that is many machines' be where an answer comes from: ours is
 * what the kernel put beside it (IPv4), or puts there (IPv6). */
static size_t turn_around(struct preforkd_datagram *d)
{
    struct in_pktinfo info;
    struct in6_pktinfo info6;
    if (datagram_message_asked(d, &info)) {
        info.ipi_ifindex = 0;
        return put_control(d, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (!datagram_message_asked6(d, &info6) || IN6_IS_ADDR_MULTICAST(&info6.ipi6_addr))
        return 0;
    if (!IN6_IS_ADDR_LINKLOCAL(&info6.ipi6_addr))
        info6.ipi6_ifindex = 0;
    return put_control(d, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof info6);
}

static struct msghdr envelope(struct preforkd_datagram *d, struct iovec *part)
{
    *part = (struct iovec){(void *)(uintptr_t)d->reply, d->reply_size};
    struct msghdr header = {.msg_name = &d->peer,
                            .msg_namelen = d->peer_length,
                            .msg_iov = part,
                            .msg_iovlen = 1,
                            .msg_controllen = turn_around(d)};
    if (header.msg_controllen > 0)
        header.msg_control = d->asked;
    return header;
}

/* Is it worth another try? A network card is waited for; a client whose queue is full (of a Unix
 * socket) is its own affair, as is one that has gone or cannot be reached. */
static bool may_send_again(int fd, const struct mmsghdr *message, int error)
{
    const union socket_address *peer = message->msg_hdr.msg_name;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (error == EINTR)
        return true;
    return error == EAGAIN && peer->any.sa_family != AF_UNIX && poll(&p, 1, SEND_WAIT_MS) != 0;
}

static void send_all(struct scoreboard_worker *slot, int fd, struct mmsghdr *messages, int count,
                     int *failures)
{
    for (int sent = 0; sent < count;) {
        int status = give(fd, messages + sent, count - sent), error = errno;
        for (int i = 0; i < status; i++)
            slot_moved_out(slot, messages[sent + i].msg_len);
        if (status > 0)
            sent += status;
        else if (!may_send_again(fd, &messages[sent], error))
            failures[sent++] = error;
    }
}

void datagram_send_replies(struct preforkd_datagram *batch, int count, int fd,
                           struct scoreboard_worker *slot)
{
    struct mmsghdr messages[DATAGRAM_BATCH_MAX];
    struct iovec parts[DATAGRAM_BATCH_MAX];
    struct preforkd_datagram *answered[DATAGRAM_BATCH_MAX];
    int failures[DATAGRAM_BATCH_MAX] = {0};
    int replies = 0;
    for (int i = 0; i < count; i++) {
        batch[i].sent = 0;
        batch[i].failure = 0;
        if (!batch[i].reply)
            continue;
        messages[replies].msg_hdr = envelope(&batch[i], &parts[replies]);
        messages[replies].msg_len = 0;
        answered[replies++] = &batch[i];
    }
    send_all(slot, fd, messages, replies, failures);
    for (int i = 0; i < replies; i++) {
        answered[i]->sent = messages[i].msg_len;
        answered[i]->failure = failures[i];
    }
}
