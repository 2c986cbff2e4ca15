/* SPDX-License-Identifier: MIT
 *
 * send_exchange - see send_exchange.h.
 */
#include "client/send_exchange.h"

#include "client/dial.h"

#include "lib/clock.h"

#include <errno.h>
#include <poll.h>

/* Any message that a Unix socket takes by default. */
#define RECEIVE_BYTES 262144

static void print(struct send_exchange *x, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    fwrite(bytes, 1, length, stdout);
    x->printed = true;
    x->ends_in_newline = bytes[length - 1] == '\n';
}

static void print_reply(struct send_exchange *x, const char *bytes, size_t length)
{
    struct buffer text = {0};
    x->answered = true;
    if (!x->encoding) {
        print(x, bytes, length);
        return;
    }
    encoding_decode(x->encoding, bytes, length, &text);
    print(x, buffer_text(&text), text.length);
    buffer_release(&text);
}

static void finish_reply(struct send_exchange *x)
{
    struct buffer text = {0};
    if (x->encoding)
        encoding_finish(x->encoding, &text);
    print(x, buffer_text(&text), text.length);
    buffer_release(&text);
    /* An empty message is an answer, too. */
    if (x->answered && !(x->printed && x->ends_in_newline))
        putchar('\n');
    fflush(stdout);
}

static enum outcome send_some(struct send_exchange *x)
{
    ssize_t n = send(x->fd, x->unsent, x->unsent_length, MSG_NOSIGNAL);
    if (n >= 0) {
        x->unsent += n;
        x->unsent_length -= (size_t)n;
    } else if (errno == EPIPE) {
        x->unsent_length = 0; /* the server reads no more; it may have answered before */
    } else if (errno == EAGAIN || errno == EINTR) {
        return OUTCOME_PENDING;
    } else {
        return outcome_of_errno(errno);
    }
    x->sending = x->unsent_length > 0;
    if (!x->sending && x->last && x->type != SOCK_DGRAM)
        shutdown(x->fd, SHUT_WR);
    return OUTCOME_PENDING;
}

/* Print what is there. The reply is over at the server's end or, where another message is to
 * follow or there is no end, as soon as something came and nothing more is waiting. */
static enum outcome receive_some(struct send_exchange *x)
{
    static char bytes[RECEIVE_BYTES];
    for (;;) {
        ssize_t n = recv(x->fd, bytes, sizeof bytes, 0);
        if (n > 0 || (n == 0 && x->type == SOCK_DGRAM))
            print_reply(x, bytes, (size_t)n);
        else if (n == 0)
            return x->answered ? OUTCOME_SERVED : OUTCOME_SHORT;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            return outcome_of_errno(errno);
    }
    bool enough = x->answered && !x->sending && (!x->last || x->type == SOCK_DGRAM);
    return enough ? OUTCOME_SERVED : OUTCOME_PENDING;
}

static enum outcome converse(struct send_exchange *x)
{
    enum outcome outcome = OUTCOME_PENDING;
    while (outcome == OUTCOME_PENDING) {
        short events = (short)(POLLIN | (x->sending ? POLLOUT : 0));
        short ready = dial_wait(x->fd, events, clock_deadline(clock_now_ms(), x->timeout_ms));
        /* A server that answered and then keeps the connection open has answered. */
        if (ready == 0)
            return x->answered && !x->sending ? OUTCOME_SERVED : OUTCOME_TIMEOUT;
        if (x->sending && ready & (POLLOUT | POLLERR | POLLHUP))
            outcome = send_some(x);
        if (outcome == OUTCOME_PENDING && ready & (POLLIN | POLLERR | POLLHUP))
            outcome = receive_some(x);
        fflush(stdout);
    }
    return outcome;
}

enum outcome send_exchange(struct send_exchange *x, const char *bytes, size_t length)
{
    x->unsent = bytes;
    x->unsent_length = length;
    x->sending = true;
    x->answered = x->printed = x->ends_in_newline = false;
    errno = 0;
    enum outcome outcome = converse(x);
    int saved = errno;
    finish_reply(x);
    errno = saved;
    return outcome;
}
