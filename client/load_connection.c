/* SPDX-License-Identifier: MIT
 *
 * load_connection - see load_connection.h.
 *
 * System calls are what a load generator spends its time on. So a message is sent right behind
 * connect(), which on loopback has finished by then; a connection is registered with epoll once,
 * for reading only, and again only where a send did not fit; and a reply is looked for only when
 * epoll has announced it.
 */
#include "client/load_connection.h"

#include "client/dial.h"

#include "lib/clock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

/* In one go, so that a connection that streams leaves the others their turn. */
#define SEND_ROUND_BYTES 262144

/* A message that surely fits one segment never waits for Nagle's algorithm. */
#define ONE_SEGMENT_BYTES 1024

void load_connection_init(const struct load *load, struct load_connection *c, uint32_t number)
{
    *c = (struct load_connection){.fd = -1, .offset = load_payload_offset(&load->payload, number)};
}

void load_connection_close(struct load_connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->interest = 0;
    c->greeted = false;
}

void load_connection_hold(const struct load *load, struct load_connection *c)
{
    epoll_ctl(load->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    c->interest = 0;
}

static enum outcome failed(struct load *load)
{
    enum outcome outcome = outcome_of_errno(errno);
    if (outcome == OUTCOME_LOCAL && load->report.local_errno == 0)
        load->report.local_errno = errno;
    return outcome;
}

/* The whole reply is there and nothing more is to be sent. */
static bool complete(const struct load *load, const struct load_connection *c)
{
    if (load->plan->mode == LOAD_STREAM && !load->stopping)
        return false;
    if (load->plan->expect == LOAD_ANY)
        return c->received > 0;
    return c->sent == c->to_send && c->received == c->sent;
}

/* Whether there is a byte to send; in a stream this may begin the next message. */
static bool has_more(struct load *load, struct load_connection *c)
{
    if (c->mute)
        return false;
    if (c->sent == c->to_send && load->plan->mode == LOAD_STREAM && load_take(load))
        c->to_send += load->payload.size_bytes;
    return c->sent < c->to_send;
}

/* A send() failed: for good, or so that the rest goes later. */
static enum outcome held_up(struct load *load, struct load_connection *c)
{
    if (errno == EPIPE)
        c->mute = true; /* what the server sent before it closed decides */
    else if (errno != EAGAIN && errno != EINTR)
        return failed(load);
    return OUTCOME_PENDING;
}

static enum outcome push(struct load *load, struct load_connection *c)
{
    size_t round = 0;
    if (!c->greeted && proxy_claim_send(&load->plan->proxy, c->fd, MSG_MORE) < 0)
        return held_up(load, c);
    c->greeted = true;
    while (round < SEND_ROUND_BYTES && has_more(load, c)) {
        size_t length;
        const char *bytes = load_payload_at(&load->payload, c->offset, c->sent, &length);
        ssize_t n = send(c->fd, bytes, length, MSG_NOSIGNAL);
        if (n < 0)
            return held_up(load, c);
        c->sent += (uint64_t)n;
        load->report.bytes_sent += (uint64_t)n;
        round += (size_t)n;
    }
    return OUTCOME_PENDING;
}

static enum outcome judge(struct load *load, struct load_connection *c, size_t length)
{
    uint64_t position = c->received;
    c->received += length;
    load->report.bytes_received += length;
    if (load->plan->expect == LOAD_ANY)
        return complete(load, c) ? OUTCOME_SERVED : OUTCOME_PENDING;
    if (c->received > c->sent ||
        !load_payload_matches(&load->payload, c->offset, position, load->scratch, length))
        return OUTCOME_MISMATCH;
    return complete(load, c) ? OUTCOME_SERVED : OUTCOME_PENDING;
}

static enum outcome pull(struct load *load, struct load_connection *c)
{
    ssize_t n = recv(c->fd, load->scratch, LOAD_SCRATCH_BYTES, 0);
    if (n > 0) {
        enum outcome outcome = judge(load, c, (size_t)n);
        /* A datagram is all there is of a reply. */
        return outcome == OUTCOME_PENDING && load->address.type == SOCK_DGRAM ? OUTCOME_SHORT
                                                                              : outcome;
    }
    if (n == 0)
        return complete(load, c) ? OUTCOME_SERVED : OUTCOME_SHORT;
    return errno == EAGAIN || errno == EINTR ? OUTCOME_PENDING : failed(load);
}

/* Have epoll report what the connection now waits for. */
static enum outcome watch(struct load *load, struct load_connection *c)
{
    bool sends =
        !c->mute && (c->sent < c->to_send || (load->plan->mode == LOAD_STREAM && !load->stopping));
    struct epoll_event event = {.events = EPOLLIN | (sends ? EPOLLOUT : 0U), .data.ptr = c};
    if (event.events == c->interest)
        return OUTCOME_PENDING;
    int operation = c->interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(load->epoll_fd, operation, c->fd, &event) < 0)
        return failed(load);
    c->interest = event.events;
    return OUTCOME_PENDING;
}

static void set_no_delay(const struct load *load, int fd)
{
    int on = 1;
    if (load->address.socket.any.sa_family != AF_UNIX && load->address.type == SOCK_STREAM &&
        (load->plan->mode != LOAD_CONNECT || load->plan->size_bytes > ONE_SEGMENT_BYTES))
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int dial(const struct load *load)
{
    struct address from = {.length = sizeof from.socket.in};
    uint32_t turn = (uint32_t)(load->messages % (uint64_t)load->plan->sources);
    if (load->plan->sources == 1)
        return dial_start(&load->address, NULL);
    from.socket.in.sin_family = AF_INET;
    from.socket.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + turn);
    return dial_start(&load->address, &from);
}

enum outcome load_connection_dial(struct load *load, struct load_connection *c)
{
    c->fd = dial(load);
    if (c->fd < 0) {
        if (errno != EAGAIN || load->address.socket.any.sa_family != AF_UNIX)
            return failed(load);
        c->state = LOAD_CONNECTION_QUEUED;
        return OUTCOME_PENDING;
    }
    c->state = LOAD_CONNECTION_ACTIVE;
    set_no_delay(load, c->fd);
    enum outcome outcome = push(load, c);
    return outcome == OUTCOME_PENDING ? watch(load, c) : outcome;
}

enum outcome load_connection_begin(struct load *load, struct load_connection *c)
{
    c->begun_us = clock_now_us();
    c->deadline_ms = clock_deadline(c->begun_us / 1000, load->plan->timeout_ms);
    c->state = LOAD_CONNECTION_ACTIVE;
    c->mute = false;
    c->to_send = load->payload.size_bytes;
    c->sent = c->received = 0;
    if (c->fd < 0)
        return load_connection_dial(load, c);
    enum outcome outcome = push(load, c);
    return outcome == OUTCOME_PENDING ? watch(load, c) : outcome;
}

enum outcome load_connection_advance(struct load *load, struct load_connection *c, uint32_t events)
{
    enum outcome outcome = OUTCOME_PENDING;
    uint64_t moved = c->sent + c->received;
    if (events & EPOLLOUT)
        outcome = push(load, c);
    if (outcome == OUTCOME_PENDING && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        outcome = pull(load, c);
    if (outcome == OUTCOME_PENDING && events == 0 && complete(load, c))
        outcome = OUTCOME_SERVED;
    if (load->plan->mode == LOAD_STREAM && c->sent + c->received != moved)
        c->deadline_ms = clock_deadline(clock_now_ms(), load->plan->timeout_ms);
    return outcome == OUTCOME_PENDING ? watch(load, c) : outcome;
}
