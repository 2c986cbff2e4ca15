/* SPDX-License-Identifier: MIT
 *
 * datagram - see datagram.h.
 */
#include "server/datagram.h"

#include "lib/log.h"
#include "server/host.h"
#include "server/slot.h"
#include "server/tick.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* How long an answer waits for the network's side of our own machine. */
#define SEND_WAIT_MS 100

/* After so many that came alone, it looks whether more are there. */
#define LOOK_AGAIN_AFTER 16

/* Only pages that are used cost memory. */
static struct preforkd_datagram batch[DATAGRAM_BATCH_MAX];
static int alone = LOOK_AGAIN_AFTER; /* in a row */

/* One datagram has a call of its own, which is much cheaper: so has its answer. */
static int take(int fd, struct mmsghdr *messages, int count, int flags)
{
    if (count > 1)
        return recvmmsg(fd, messages, (unsigned)count, flags | MSG_WAITFORONE, NULL);
    ssize_t got = recvmsg(fd, &messages->msg_hdr, flags);
    messages->msg_len = got < 0 ? 0 : (unsigned)got;
    return got < 0 ? -1 : 1;
}

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
                                              .msg_control = d->asked,
                                              .msg_controllen = sizeof d->asked};
    }
    int got = take(fd, messages, count, flags | MSG_CMSG_CLOEXEC);
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
 * table's affair. Nor can an address that is many machines' be where an answer comes from: ours is
 * what the kernel put beside it (IPv4), or puts there (IPv6). */
static size_t turn_around(struct preforkd_datagram *d)
{
    unsigned char *in = datagram_message_asked(d, IPPROTO_IP, IP_PKTINFO);
    unsigned char *in6 = datagram_message_asked(d, IPPROTO_IPV6, IPV6_PKTINFO);
    if (in) {
        struct in_pktinfo info;
        memcpy(&info, in, sizeof info);
        info.ipi_ifindex = 0;
        memcpy(in, &info, sizeof info);
        return d->asked_length;
    }
    if (in6) {
        struct in6_pktinfo info;
        memcpy(&info, in6, sizeof info);
        if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
            return 0;
        if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
            info.ipi6_ifindex = 0;
        memcpy(in6, &info, sizeof info);
        return d->asked_length;
    }
    return 0;
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

static void send_all(struct scoreboard_worker *slot, int fd, struct mmsghdr *messages, int count)
{
    for (int sent = 0; sent < count;) {
        int status = give(fd, messages + sent, count - sent);
        for (int i = 0; i < status; i++)
            slot_moved_out(slot, messages[sent + i].msg_len);
        if (status > 0)
            sent += status;
        else if (!may_send_again(fd, &messages[sent], errno))
            sent++;
    }
}

static void send_replies(const struct datagram_plan *plan, int fd, int count)
{
    struct mmsghdr messages[DATAGRAM_BATCH_MAX];
    struct iovec parts[DATAGRAM_BATCH_MAX];
    int replies = 0;
    for (int i = 0; i < count; i++)
        if (batch[i].reply) {
            messages[replies].msg_hdr = envelope(&batch[i], &parts[replies]);
            replies++;
        }
    send_all(plan->slot, fd, messages, replies);
}

static void log_datagram(struct preforkd_datagram *d)
{
    struct log_line line;
    log_begin(&line, LOG_LEVEL_INFO, "datagram");
    log_text(&line, "peer", datagram_message_peer(d));
    log_int(&line, "bytes_in", (int64_t)d->size);
    log_int(&line, "bytes_out", d->reply ? (int64_t)d->reply_size : 0);
    log_end(&line);
}

/* How many to ask for, AT MOST. To ask for a second datagram where there is none costs about
 * as much as a tenth of getting the first: who gets but one asks for one, most of the time. */
static int hoped_for(int most)
{
    return alone < LOOK_AGAIN_AFTER ? 1 : most;
}

static void learn(int asked, int got)
{
    if (asked == 1 && alone < LOOK_AGAIN_AFTER)
        alone++;
    else if (asked > 1 && got == 1)
        alone = 0;
}

static void wait_for_some(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    tick_allow();
    poll(&p, 1, -1);
    tick_block();
}

/* COUNT of a receive that failed, or brought something from nobody. A socket that was shut down is
 * readable for ever, and says just that; and so may a Unix client without a name. One that should
 * block and does not was made so by somebody who shares it. */
static int judge(int fd, int count, int flags)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    int error = errno;
    bool suspect = count < 0 ? error == EAGAIN : batch[0].size == 0;
    if (suspect && poll(&p, 1, 0) > 0 && (p.revents & POLLRDHUP)) {
        errno = EINVAL; /* as accept4(2) does */
        return -1;
    }
    if (count < 0 && error == EAGAIN && flags == 0) {
        wait_for_some(fd);
        error = EINTR;
    }
    errno = error;
    return count;
}

int datagram_serve(const struct datagram_plan *plan, int fd, int reply_fd, int flags)
{
    tick_allow();
    int asked = hoped_for(plan->batch);
    int count = receive(fd, asked, flags);
    tick_block();
    learn(asked, count);
    if (count < 0 || batch[0].peer_length == 0)
        count = judge(fd, count, flags);
    for (int i = 0; i < count; i++) {
        struct preforkd_datagram *d = &batch[i];
        slot_begin(plan->slot, &d->peer);
        slot_moved_in(plan->slot, d->size);
        plan->handler->datagram(&host_functions, d, plan->state);
        if (plan->access_log)
            log_datagram(d);
    }
    if (count > 0) {
        send_replies(plan, reply_fd, count);
        slot_end(plan->slot);
        host_forget_status();
    }
    return count < 0 ? -1 : 0;
}
