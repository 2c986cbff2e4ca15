/* SPDX-License-Identifier: MIT
 *
 * connection - see connection.h.
 */
#include "server/connection.h"

#include "lib/clock.h"
#include "server/slot.h"
#include "server/socket_error.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

/* A client that keeps sending after the answer is listened to for this much and this long. */
#define LINGER_BYTES (1 << 20)
#define LINGER_MS    2000

const char *const worker_end_names[] = {
#define END(id, text) [WORKER_END_##id] = text,
    WORKER_ENDS(END)
#undef END
};

void connection_begin(struct preforkd_connection *c, int fd, const union socket_address *peer,
                      bool timed)
{
    c->peer = *peer;
    c->peer_text[0] = c->transport_text[0] = '\0';
    c->proxied = false;
    c->bytes_in = c->bytes_out = 0;
    c->end = WORKER_END_SERVER;
    c->client_ended = false;
    c->taken = 0;
    c->deadline_ms = CLOCK_NEVER;
    c->local_text[0] = '\0';
    c->userdata = NULL;
    c->in_at = c->in_end = c->out_length = 0;
    c->accepted_us = timed ? clock_now_us() : 0;
    slot_begin(c->slot, peer);
    c->sequence = SCOREBOARD_LOAD(c->slot->sequence);
    c->cut = 0;
    atomic_signal_fence(memory_order_release);
    c->fd = fd; /* last: from here on a cut finds its connection */
}

void connection_set_client(struct preforkd_connection *c, const union socket_address *peer,
                           const union socket_address *local)
{
    c->transport = c->peer;
    c->peer = *peer;
    c->proxied = true;
    c->peer_text[0] = '\0';
    address_peer(local, c->local_text);
    slot_set_client(c->slot, peer, &c->transport);
    c->sequence = SCOREBOARD_LOAD(c->slot->sequence);
}

static int cut_result(const struct preforkd_connection *c)
{
    return c->cut - 1 == WORKER_END_GRACEFUL ? PREFORKD_STOPPING : PREFORKD_TIMEOUT;
}

/* errno of a failed recv or send, as a result for the handler. */
static int failed(struct preforkd_connection *c)
{
    if (c->cut)
        return cut_result(c);
    if (socket_error_is_gone(errno)) {
        c->end = WORKER_END_GONE;
        return PREFORKD_GONE;
    }
    c->end = errno == EMSGSIZE ? WORKER_END_RECORD : WORKER_END_FAILED;
    return PREFORKD_FAILED;
}

/* Until EVENTS or DEADLINE_MS. 1, 0 when that has come, or a result below 0. */
static int wait_for(struct preforkd_connection *c, short events, int64_t deadline_ms)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    for (;;) {
        int64_t left = deadline_ms == CLOCK_NEVER ? -1 : deadline_ms - clock_now_ms();
        if (left < 0 && deadline_ms != CLOCK_NEVER)
            left = 0;
        int status = c->cut ? -1 : poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (c->cut)
            return cut_result(c);
        if (status > 0 || (status == 0 && left < INT_MAX))
            return status;
        if (status < 0 && errno != EINTR)
            return failed(c);
    }
}

/* The handler has set a deadline: a blocking call must not begin before it can end. */
static int wait_until_deadline(struct preforkd_connection *c, short events)
{
    if (c->deadline_ms == CLOCK_NEVER)
        return PREFORKD_OK;
    int status = wait_for(c, events, c->deadline_ms);
    return status == 0 ? PREFORKD_TIMEOUT : status < 0 ? status : PREFORKD_OK;
}

/* recv(2) returned 0, as it does for a record without a byte and for the end alike. The end has
 * come where the client sends nothing more (POLLRDHUP) and no byte is left. SIOCINQ counts bytes:
 * empty records before the end cannot be told from it, and nothing is behind them. */
static bool is_empty_record(const struct preforkd_connection *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};
    int unread = 0;
    if (!c->records)
        return false;
    poll(&p, 1, 0);
    return !(p.revents & POLLRDHUP) || (ioctl(c->fd, SIOCINQ, &unread) == 0 && unread > 0);
}

static bool reads_again(const struct preforkd_connection *c, ssize_t got)
{
    return !c->cut && ((got < 0 && errno == EINTR) || (got == 0 && is_empty_record(c)));
}

ptrdiff_t connection_read(struct preforkd_connection *c, void *bytes, size_t size)
{
    ssize_t got;
    do {
        got = wait_until_deadline(c, POLLIN);
        if (got < 0)
            return got;
        /* Of a record, MSG_TRUNC gives the length that it had. */
        got = recv(c->fd, bytes, size, c->records ? MSG_TRUNC : 0);
    } while (reads_again(c, got));
    if (got > (ssize_t)size)
        errno = EMSGSIZE;
    if (got < 0 || got > (ssize_t)size)
        return failed(c);
    if (c->cut)
        return cut_result(c); /* the end of file is our own doing */
    if (got == 0) {
        c->client_ended = true;
        c->end = WORKER_END_CLIENT;
        return PREFORKD_END;
    }
    c->bytes_in += (uint64_t)got;
    slot_moved_in(c->slot, (size_t)got);
    return got;
}

int connection_wait(struct preforkd_connection *c, int ms)
{
    int64_t until = clock_now_ms() + ms;
    int status = wait_for(c, POLLIN, clock_earlier(until, c->deadline_ms));
    return status == 0 && c->deadline_ms < until ? PREFORKD_TIMEOUT : status;
}

static void sent_some(struct preforkd_connection *c, size_t count)
{
    c->bytes_out += (uint64_t)count;
    slot_moved_out(c->slot, count);
}

int connection_write(struct preforkd_connection *c, const void *bytes, size_t size)
{
    const char *at = bytes;
    int flags = c->deadline_ms == CLOCK_NEVER ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT;
    while (size > 0) {
        int status = wait_until_deadline(c, POLLOUT);
        if (status < 0)
            return status;
        ssize_t sent = send(c->fd, at, size, flags);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN) && !c->cut)
            continue;
        if (sent < 0)
            return failed(c);
        at += sent;
        size -= (size_t)sent;
        sent_some(c, (size_t)sent);
    }
    return PREFORKD_OK;
}

/* In pieces, so that the slot tells that bytes move. SIGPIPE is ignored in workers. */
#define FILE_PIECE (256 * 1024)

int connection_send_file(struct preforkd_connection *c, int fd, int64_t offset, size_t size)
{
    off_t at = offset;
    while (size > 0) {
        int status = wait_until_deadline(c, POLLOUT);
        if (status < 0)
            return status;
        ssize_t sent = sendfile(c->fd, fd, &at, size < FILE_PIECE ? size : FILE_PIECE);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN) && !c->cut)
            continue;
        if (sent < 0)
            return failed(c);
        if (sent == 0) {
            c->end = WORKER_END_FAILED;
            return PREFORKD_FAILED; /* the file is shorter */
        }
        size -= (size_t)sent;
        sent_some(c, (size_t)sent);
    }
    return PREFORKD_OK;
}

/* close(2) with unread input makes the kernel send a reset, which can overtake our last bytes
 * (RFC 1122, 4.2.2.13): so send the end first and read on until the client has closed, too. */
static void linger(struct preforkd_connection *c)
{
    char rest[4096];
    size_t seen = 0;
    int64_t deadline = clock_now_ms() + LINGER_MS;
    if (c->client_ended || c->cut || shutdown(c->fd, SHUT_WR) < 0)
        return;
    while (seen < LINGER_BYTES) {
        int64_t left = deadline - clock_now_ms();
        if (left <= 0 || connection_wait(c, (int)left) != 1)
            return;
        ssize_t got = recv(c->fd, rest, sizeof rest, MSG_DONTWAIT);
        if ((got == 0 && !is_empty_record(c)) || (got < 0 && errno != EINTR && errno != EAGAIN))
            return;
        seen += got > 0 ? (size_t)got : 0;
    }
}

/* close(2) sends a reset and drops what is queued. */
static void arm_reset(struct preforkd_connection *c)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

void connection_finish(struct preforkd_connection *c, enum preforkd_close how)
{
    c->deadline_ms = CLOCK_NEVER; /* the handler's; lingering has its own */
    if (how == PREFORKD_LINGER && (c->end == WORKER_END_SERVER || c->end == WORKER_END_REFUSED))
        linger(c);
    if (how == PREFORKD_ABORT)
        arm_reset(c);
    int fd = c->fd;
    c->fd = -1; /* first: a cut that comes now must not meet the number's next user */
    close(fd);
    if (c->cut)
        c->end = (enum worker_end)(c->cut - 1);
    slot_end(c->slot);
}

/* A number, not 0, that changes when the client takes bytes: what it has acknowledged (TCP), or how
 * much is left (others: the writer is woken, and sends more, only when all is gone). */
static uint64_t taken_so_far(int fd, int unsent)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
        size >= offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
        return info.tcpi_bytes_acked + 1;
    return (uint64_t)unsent;
}

bool connection_is_taking(struct preforkd_connection *c)
{
    int unsent = 0;
    if (c->fd < 0 || ioctl(c->fd, SIOCOUTQ, &unsent) < 0 || unsent == 0)
        return false; /* it is we who wait for the client */
    uint64_t before = c->taken;
    c->taken = taken_so_far(c->fd, unsent);
    if (before == c->taken)
        return false;
    slot_moved_out(c->slot, 0);
    return true;
}

void connection_cut(struct preforkd_connection *c, enum worker_end reason)
{
    int saved = errno;
    if (c->fd >= 0 && !c->cut) {
        c->cut = 1 + (int)reason;
        shutdown(c->fd, SHUT_RDWR);
    }
    errno = saved;
}

const char *connection_peer(struct preforkd_connection *c)
{
    if (c->peer_text[0] == '\0')
        address_peer(&c->peer, c->peer_text);
    return c->peer_text;
}

const char *connection_local(struct preforkd_connection *c)
{
    union socket_address local = {0};
    socklen_t length = sizeof local;
    if (c->local_text[0] == '\0' && getsockname(c->fd, &local.any, &length) == 0)
        address_peer(&local, c->local_text);
    return c->local_text;
}

const char *connection_transport(struct preforkd_connection *c)
{
    if (!c->proxied)
        return connection_peer(c);
    if (c->transport_text[0] == '\0')
        address_peer(&c->transport, c->transport_text);
    return c->transport_text;
}
