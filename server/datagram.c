/* SPDX-License-Identifier: MIT
 *
 * datagram - see datagram.h.
 */
#include "server/datagram.h"

#include "lib/log.h"
#include "server/accept.h"
#include "server/datagram_send.h"
#include "server/host.h"
#include "server/slot.h"
#include "server/tick.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* After so many that came alone, it looks whether more are there. */
#define LOOK_AGAIN_AFTER 16

/* Only pages that are used cost memory. */
static struct preforkd_datagram batch[DATAGRAM_BATCH_MAX];
static int alone = LOOK_AGAIN_AFTER; /* in a row */

/* One datagram has a call of its own, which is much cheaper. */
static int take(int fd, struct mmsghdr *messages, int count, int flags)
{
    if (count > 1)
        return recvmmsg(fd, messages, (unsigned)count, flags | MSG_WAITFORONE, NULL);
    ssize_t got = recvmsg(fd, &messages->msg_hdr, flags);
    messages->msg_len = got < 0 ? 0 : (unsigned)got;
    return got < 0 ? -1 : 1;
}

/* What is asked for beside a datagram: where it was sent to. Without a place for it, the kernel
 * drops the descriptors that a Unix client sends along, unix(7); with one they would be ours. */
static size_t control_size(const struct datagram_socket *socket)
{
    return socket->bound.any.sa_family == AF_UNIX ? 0 : sizeof batch->asked;
}

static int receive(int fd, const struct datagram_socket *socket, int count, int flags)
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
                                              .msg_controllen = control_size(socket)};
    }
    int got = take(fd, messages, count, flags);
    for (int i = 0; i < got; i++) {
        struct preforkd_datagram *d = &batch[i];
        d->peer_length = messages[i].msg_hdr.msg_namelen;
        if (d->peer_length == 0)
            d->peer.any.sa_family = AF_UNIX; /* it has no name, and cannot be answered */
        d->peer_text[0] = d->local_text[0] = '\0';
        d->size = messages[i].msg_len;
        d->cut = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        d->asked_length = messages[i].msg_hdr.msg_controllen;
        d->reply = NULL;
        d->withheld = false;
    }
    return got;
}

static void log_datagram(struct preforkd_datagram *d)
{
    struct log_line line;
    log_begin(&line, LOG_LEVEL_INFO, "datagram");
    log_text(&line, "peer", datagram_message_peer(d));
    log_int(&line, "bytes_in", (int64_t)d->size);
    if (d->cut)
        log_text(&line, "cut", "yes");
    log_int(&line, "bytes_out", (int64_t)d->sent);
    if (d->failure != 0)
        log_text(&line, "error", strerror(d->failure));
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

int datagram_serve(const struct datagram_plan *plan, int fd, const struct datagram_socket *socket,
                   int flags)
{
    tick_allow();
    int asked = hoped_for(plan->batch);
    int count = receive(fd, socket, asked, flags);
    tick_block();
    learn(asked, count);
    if (count < 0 || batch[0].peer_length == 0)
        count = judge(fd, count, flags);
    for (int i = 0; i < count; i++) {
        struct preforkd_datagram *d = &batch[i];
        d->socket = socket;
        slot_begin(plan->slot, &d->peer);
        slot_moved_in(plan->slot, d->size);
        plan->handler->datagram(&host_functions, d, plan->state);
        if (d->withheld)
            SCOREBOARD_STORE(plan->slot->refused, SCOREBOARD_LOAD(plan->slot->refused) + 1);
    }
    if (count > 0) {
        datagram_send_replies(batch, count, socket->reply_fd, plan->slot);
        slot_end(plan->slot);
        host_forget_status();
    }
    for (int i = 0; i < count && plan->access_log; i++)
        log_datagram(&batch[i]);
    return count < 0 ? -1 : 0;
}

bool datagram_serve_next(const struct datagram_plan *plan, int fd,
                         const struct datagram_socket *socket, int flags)
{
    if (datagram_serve(plan, fd, socket, flags) == 0)
        return true;
    int error = errno;
    if (error == EINTR)
        plan->woken();
    if (!*plan->stopping && accept_judge(error) == ACCEPT_CLOSED)
        return false;
    if (accept_judge(error) == ACCEPT_BACK_OFF)
        poll(NULL, 0, accept_delay_ms(1));
    return true;
}
