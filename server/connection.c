/* SPDX-License-Identifier: MIT
 *
 * connection - see connection.h.
 */
#include "server/connection.h"

#include "lib/clock.h"
#include "server/slot.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
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
    c->peer_text[0] = '\0';
    c->bytes_in = c->bytes_out = 0;
    c->end = WORKER_END_SERVER;
    c->client_ended = false;
    c->taken = 0;
    c->accepted_us = timed ? clock_now_us() : 0;
    slot_begin(c->slot, peer);
    c->sequence = SCOREBOARD_LOAD(c->slot->sequence);
    c->cut = 0;
    atomic_signal_fence(memory_order_release);
    c->fd = fd; /* last: from here on a cut finds its connection */
}

/* errno of a failed recv or send, as a result for the handler. */
static int failed(struct preforkd_connection *c)
{
    if (c->cut)
        return PREFORKD_ENDED;
    switch (errno) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT: /* keepalive or retransmission gave up */
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENOTCONN:
        c->end = WORKER_END_GONE;
        return PREFORKD_GONE;
    default:
        c->end = WORKER_END_FAILED;
        return PREFORKD_FAILED;
    }
}

ptrdiff_t connection_read(struct preforkd_connection *c, void *bytes, size_t size)
{
    ssize_t got;
    do
        got = recv(c->fd, bytes, size, 0);
    while (got < 0 && errno == EINTR && !c->cut);
    if (got < 0)
        return failed(c);
    if (c->cut)
        return PREFORKD_ENDED; /* the end of file is our own doing */
    if (got == 0) {
        c->client_ended = true;
        c->end = WORKER_END_CLIENT;
        return 0;
    }
    c->bytes_in += (uint64_t)got;
    slot_moved_in(c->slot, (size_t)got);
    return got;
}

int connection_wait(struct preforkd_connection *c, int ms)
{
    int64_t deadline = clock_now_ms() + ms;
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int64_t left = ms;
    int status = 0;
    while (!c->cut && left >= 0 && (status = poll(&p, 1, (int)left)) < 0 && errno == EINTR)
        left = deadline - clock_now_ms();
    if (c->cut)
        return PREFORKD_ENDED;
    return status > 0;
}

int connection_write(struct preforkd_connection *c, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(c->fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR && !c->cut)
            continue;
        if (sent < 0)
            return failed(c);
        at += sent;
        size -= (size_t)sent;
        c->bytes_out += (uint64_t)sent;
        slot_moved_out(c->slot, (size_t)sent);
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
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return;
        seen += got > 0 ? (size_t)got : 0;
    }
}

void connection_finish(struct preforkd_connection *c, enum preforkd_close how)
{
    if (how == PREFORKD_LINGER && c->end == WORKER_END_SERVER)
        linger(c);
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
