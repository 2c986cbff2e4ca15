/* SPDX-License-Identifier: MIT
 *
 * chat - `preforkc chat`: standard input to the server, the server to standard output.
 *
 * Both ways at once over one bounded buffer each, so that neither side's silence or slowness stops
 * the other way. Where the socket keeps messages apart, each line is one, and each reply is printed
 * as it is. The standard streams stay blocking, because their modes are shared with whoever
 * started us; one read, or a write of at most PIPE_BUF bytes, that poll(2) announced does not
 * block.
 */
#include "client/command.h"
#include "client/dial.h"
#include "client/flag.h"
#include "client/outcome.h"
#include "client/pipeline.h"
#include "client/proxy_claim.h"

#include "lib/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

/* Nobody closes a datagram socket: what has not come by then after the end of the input is not
 * waited for. */
#define LAST_REPLY_MS 1000

struct chat {
    int fd;
    int type;
    struct pipeline up;   /* standard input to server */
    struct pipeline down; /* server to standard output */
    bool half_closed;     /* the server has been told that nothing more comes */
    bool reset;           /* seen while sending; recv() then tells of an orderly end */
    bool answered;
};

/* How much may go in one send(). */
static size_t sendable(struct chat *chat)
{
    return chat->type == SOCK_STREAM ? chat->up.end - chat->up.begin : pipeline_message(&chat->up);
}

/* A message is received whole or not at all. */
static bool receives(const struct chat *chat)
{
    if (chat->down.ended)
        return false;
    return chat->type == SOCK_STREAM ? pipeline_room(&chat->down) > 0
                                     : pipeline_is_empty(&chat->down);
}

static bool again(int error_number)
{
    return error_number == EAGAIN || error_number == EINTR;
}

static void read_input(struct chat *chat)
{
    ssize_t n = read(STDIN_FILENO, chat->up.bytes + chat->up.end, pipeline_room(&chat->up));
    if (n > 0)
        chat->up.end += (size_t)n;
    else if (n == 0 || !again(errno))
        chat->up.ended = true;
}

static enum outcome send_up(struct chat *chat)
{
    struct pipeline *up = &chat->up;
    ssize_t n = send(chat->fd, up->bytes + up->begin, sendable(chat), MSG_NOSIGNAL);
    if (n >= 0) {
        pipeline_advance(up, (size_t)n);
    } else if (!again(errno)) {
        if (chat->type == SOCK_DGRAM || errno == EMSGSIZE)
            return outcome_of_errno(errno);
        /* The server takes no more. What it sent before is still to be read and printed. */
        chat->reset = errno == ECONNRESET;
        up->ended = true;
        chat->half_closed = true;
        pipeline_advance(up, up->end - up->begin);
    }
    return OUTCOME_PENDING;
}

static enum outcome receive_down(struct chat *chat)
{
    struct pipeline *down = &chat->down;
    ssize_t n = recv(chat->fd, down->bytes + down->end, pipeline_room(down), 0);
    if (n > 0 || (n == 0 && chat->type == SOCK_DGRAM)) {
        down->end += (size_t)n;
        chat->answered = true;
    } else if (n == 0) {
        down->ended = true;
    } else if (!again(errno)) {
        return outcome_of_errno(errno);
    }
    return OUTCOME_PENDING;
}

static int write_output(struct chat *chat)
{
    struct pipeline *down = &chat->down;
    size_t length = down->end - down->begin;
    ssize_t n =
        write(STDOUT_FILENO, down->bytes + down->begin, length < PIPE_BUF ? length : PIPE_BUF);
    if (n >= 0)
        pipeline_advance(down, (size_t)n);
    return n < 0 && !again(errno) ? -1 : 0;
}

/* What each of the three descriptors is waited for; a negative one is left out by poll(2). */
static void interests(struct chat *chat, struct pollfd wait[static 3])
{
    short socket = (short)((receives(chat) ? POLLIN : 0) | (sendable(chat) > 0 ? POLLOUT : 0));
    bool reads = !chat->up.ended && pipeline_room(&chat->up) > 0;
    wait[0] = (struct pollfd){.fd = reads ? STDIN_FILENO : -1, .events = POLLIN};
    wait[1] = (struct pollfd){.fd = socket ? chat->fd : -1, .events = socket};
    wait[2] = (struct pollfd){.fd = pipeline_is_empty(&chat->down) ? -1 : STDOUT_FILENO,
                              .events = POLLOUT};
}

/* Tell the server that nothing more comes; there are no words for it in datagrams. */
static void half_close(struct chat *chat)
{
    if (chat->type != SOCK_DGRAM)
        shutdown(chat->fd, SHUT_WR);
    chat->half_closed = true;
}

/* Move what can be moved. */
static enum outcome move(struct chat *chat, const struct pollfd wait[static 3])
{
    enum outcome outcome = OUTCOME_PENDING;
    if (wait[0].revents)
        read_input(chat);
    if (wait[1].revents && sendable(chat) > 0)
        outcome = send_up(chat);
    if (outcome == OUTCOME_PENDING && wait[1].revents && receives(chat))
        outcome = receive_down(chat);
    if (wait[2].revents && write_output(chat) < 0) {
        fprintf(stderr, "preforkc: standard output: %s\n", strerror(errno));
        _exit(EXIT_CODE_FAILURE);
    }
    if (chat->up.ended && pipeline_is_empty(&chat->up) && !chat->half_closed)
        half_close(chat);
    return outcome;
}

/* The server's last bytes, when nothing is left to wait for but their way out. */
static void drain(struct chat *chat)
{
    while (!pipeline_is_empty(&chat->down))
        if (write_output(chat) < 0)
            return;
}

/* Nothing has moved for so long. */
static enum outcome silence(struct chat *chat)
{
    if (chat->type != SOCK_DGRAM || !chat->half_closed || !chat->answered)
        return OUTCOME_TIMEOUT;
    chat->down.ended = true;
    return OUTCOME_PENDING;
}

static enum outcome converse(struct chat *chat, int64_t timeout_ms)
{
    enum outcome outcome = OUTCOME_PENDING;
    while (outcome == OUTCOME_PENDING && !(chat->down.ended && pipeline_is_empty(&chat->down))) {
        struct pollfd wait[3];
        bool last = chat->type == SOCK_DGRAM && chat->half_closed;
        interests(chat, wait);
        int ready = poll(wait, 3, timeout_ms > 0 ? (int)timeout_ms : last ? LAST_REPLY_MS : -1);
        if (ready == 0)
            outcome = silence(chat);
        else if (ready > 0)
            outcome = move(chat, wait);
    }
    int saved = errno;
    drain(chat);
    errno = saved;
    if (outcome == OUTCOME_PENDING)
        outcome = chat->reset ? OUTCOME_RESET : chat->answered ? OUTCOME_SERVED : OUTCOME_SHORT;
    return outcome;
}

static enum outcome begin(struct chat *chat, const struct proxy_claim *proxy, int64_t timeout_ms)
{
    if (chat->fd < 0 || proxy_claim_send(proxy, chat->fd, 0) < 0)
        return outcome_of_errno(errno);
    return converse(chat, timeout_ms);
}

static int chat(const char *address, const struct proxy_claim *proxy, int64_t timeout_ms)
{
    static struct chat chat; /* too big for the stack's taste */
    struct address found[ADDRESS_RESOLVED_MAX];
    struct error error;
    int count = dial_resolve(address, found, &error);
    if (count < 0 || proxy_claim_check(proxy, &found[0], &error) < 0)
        return command_fail(&CHAT_COMMAND, error.code, error.text);
    chat.type = found[0].type;
    chat.fd = dial_connect(found, count, timeout_ms > 0 ? timeout_ms : 5000);
    enum outcome outcome = begin(&chat, proxy, timeout_ms);
    if (outcome != OUTCOME_SERVED)
        outcome_complain(outcome, address, errno);
    if (chat.fd >= 0)
        close(chat.fd);
    return outcome;
}

static int run(int argc, char **argv)
{
    struct error error;
    struct proxy_claim proxy = {0};
    const char *said = NULL;
    int64_t timeout_ms = 0;
    const struct flag flags[] = {
        PROXY_CLAIM_FLAG(&said),
        {.name = "--timeout",
         .kind = FLAG_DURATION,
         .value = &timeout_ms,
         .min = 1,
         .max = INT32_MAX},
        {.name = NULL},
    };
    int words = flag_parse(flags, argc, argv, &error);
    if (words < 0 || (said && proxy_claim_parse(said, &proxy, &error) < 0))
        return command_fail(&CHAT_COMMAND, error.code, error.text);
    if (words != 1)
        return command_fail(&CHAT_COMMAND, EXIT_CODE_USAGE,
                            words == 0 ? "ADDRESS is missing; write: preforkc chat ADDRESS"
                                       : "too many words; write: preforkc chat ADDRESS (what is to "
                                         "be sent comes from standard input)");
    return chat(argv[0], &proxy, timeout_ms);
}

const struct command CHAT_COMMAND = {
    .name = "chat",
    .summary = "standard input to the server, the server to standard output",
    .help =
        "usage: preforkc chat [OPTION...] ADDRESS\n"
        "\n"
        "Sends standard input to the server and prints what comes back, both at once. At the end\n"
        "of the input it closes the sending side; it ends when the server closes. Over udp,\n"
        "unixgram and seqpacket each line, newline included, is one message; datagrams (udp,\n"
        "unixgram) end a second after the last answer.\n"
        "\n"
        "  --timeout DURATION  give up when nothing moves either way for so long (no limit; 5s\n"
        "                      for connecting)\n" PROXY_CLAIM_HELP "\n"
        "Exit code: 0 answered, 1 another failure, 2 refused, 3 timed out, 4 reset, 5 closed\n"
        "without an answer, 64 the command line is wrong.\n",
    .run = run,
};
