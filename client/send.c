/* SPDX-License-Identifier: MIT
 *
 * send - `preforkc send`: messages from the command line, replies on standard output.
 *
 * A message is one TEXT, without a newline added. Its reply is whatever has arrived once the first
 * bytes are there; a reply that the network cuts into pieces may continue while the next TEXT is
 * under way, and is printed all the same. After the last TEXT the sending side is closed, so that
 * the server sees the end, and everything is printed until the server closes in turn.
 */
#include "client/command.h"
#include "client/dial.h"
#include "client/encoding.h"
#include "client/flag.h"
#include "client/outcome.h"

#include "lib/clock.h"
#include "lib/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

struct job {
    const char *address; /* as typed */
    struct address found[ADDRESS_RESOLVED_MAX];
    int found_count;
    struct encoding *encoding; /* NULL: bytes go and come as they are */
    struct buffer *messages;   /* what goes to the server, one for each TEXT */
    int message_count;
    int64_t timeout_ms;
};

/* One message and its reply. */
struct exchange {
    const struct job *job;
    int fd;
    const char *unsent;
    size_t unsent_length;
    size_t received;
    bool last; /* no message follows: read until the server closes */
    bool ends_in_newline;
};

static void print(struct exchange *x, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    fwrite(bytes, 1, length, stdout);
    x->ends_in_newline = bytes[length - 1] == '\n';
}

static void print_reply(struct exchange *x, const char *bytes, size_t length)
{
    struct buffer text = {0};
    x->received += length;
    if (!x->job->encoding) {
        print(x, bytes, length);
        return;
    }
    encoding_decode(x->job->encoding, bytes, length, &text);
    print(x, buffer_text(&text), text.length);
    buffer_release(&text);
}

static void finish_reply(struct exchange *x)
{
    struct buffer text = {0};
    if (x->job->encoding)
        encoding_finish(x->job->encoding, &text);
    print(x, buffer_text(&text), text.length);
    buffer_release(&text);
    if (x->received > 0 && !x->ends_in_newline)
        putchar('\n');
    fflush(stdout);
}

static enum outcome send_some(struct exchange *x)
{
    ssize_t n = send(x->fd, x->unsent, x->unsent_length, MSG_NOSIGNAL);
    if (n >= 0) {
        x->unsent += n;
        x->unsent_length -= (size_t)n;
    } else if (errno == EPIPE) {
        x->unsent_length = 0; /* the server reads no more; it may have answered before */
    } else if (errno != EAGAIN && errno != EINTR) {
        return outcome_of_errno(errno);
    }
    if (x->unsent_length == 0 && x->last)
        shutdown(x->fd, SHUT_WR);
    return OUTCOME_PENDING;
}

/* Print what is there. The reply is over at the server's end or, where another message is to
 * follow, as soon as something came and nothing more is waiting. */
static enum outcome receive_some(struct exchange *x)
{
    char bytes[16384];
    for (;;) {
        ssize_t n = recv(x->fd, bytes, sizeof bytes, 0);
        if (n > 0)
            print_reply(x, bytes, (size_t)n);
        else if (n == 0)
            return x->received > 0 ? OUTCOME_SERVED : OUTCOME_SHORT;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            return outcome_of_errno(errno);
    }
    bool enough = x->received > 0 && x->unsent_length == 0 && !x->last;
    return enough ? OUTCOME_SERVED : OUTCOME_PENDING;
}

static enum outcome exchange(struct exchange *x)
{
    enum outcome outcome = OUTCOME_PENDING;
    while (outcome == OUTCOME_PENDING) {
        short events = (short)(POLLIN | (x->unsent_length > 0 ? POLLOUT : 0));
        short ready = dial_wait(x->fd, events, clock_deadline(clock_now_ms(), x->job->timeout_ms));
        /* A server that answered and then keeps the connection open has answered. */
        if (ready == 0)
            return x->received > 0 && x->unsent_length == 0 ? OUTCOME_SERVED : OUTCOME_TIMEOUT;
        if (x->unsent_length > 0 && ready & (POLLOUT | POLLERR | POLLHUP))
            outcome = send_some(x);
        if (outcome == OUTCOME_PENDING && ready & (POLLIN | POLLERR | POLLHUP))
            outcome = receive_some(x);
        fflush(stdout);
    }
    return outcome;
}

static enum outcome converse(const struct job *job, int fd)
{
    enum outcome outcome = OUTCOME_SERVED;
    for (int i = 0; i < job->message_count && outcome == OUTCOME_SERVED; i++) {
        struct exchange x = {.job = job, .fd = fd, .last = i == job->message_count - 1};
        x.unsent = buffer_text(&job->messages[i]);
        x.unsent_length = job->messages[i].length;
        errno = 0;
        outcome = exchange(&x);
        int saved = errno;
        finish_reply(&x);
        errno = saved;
    }
    return outcome;
}

static enum outcome send_once(const struct job *job)
{
    int fd = dial_connect(job->found, job->found_count, job->timeout_ms);
    enum outcome outcome = fd < 0 ? outcome_of_errno(errno) : converse(job, fd);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    if (outcome != OUTCOME_SERVED)
        outcome_complain(outcome, job->address, saved);
    return outcome;
}

static int encode(struct job *job, char **texts, struct error *error)
{
    for (int i = 0; i < job->message_count; i++) {
        if (texts[i][0] == '\0')
            return error_set(error, EXIT_CODE_USAGE,
                             "a TEXT is empty; a stream has no empty messages");
        if (!job->encoding)
            buffer_append(&job->messages[i], texts[i], strlen(texts[i]));
        else if (encoding_encode(job->encoding, texts[i], &job->messages[i], error) < 0)
            return -1;
    }
    return 0;
}

static int send_repeatedly(struct job *job, char **texts, int64_t count)
{
    struct error error;
    enum outcome outcome = OUTCOME_SERVED;
    if (encode(job, texts, &error) < 0)
        return command_fail(&SEND_COMMAND, error.code, error.text);
    job->found_count = dial_resolve(job->address, job->found, &error);
    if (job->found_count < 0)
        return command_fail(&SEND_COMMAND, error.code, error.text);
    for (int64_t i = 0; i < count && outcome == OUTCOME_SERVED; i++)
        outcome = send_once(job);
    return outcome;
}

static int run(int argc, char **argv)
{
    struct error error;
    struct encoding encoding;
    const char *name = NULL;
    int64_t count = 1, timeout_ms = 5000;
    const struct flag flags[] = {
        {.name = "--encoding", .kind = FLAG_TEXT, .value = &name},
        {.name = "--timeout",
         .kind = FLAG_DURATION,
         .value = &timeout_ms,
         .min = 1,
         .max = INT32_MAX},
        {.name = "--count", .kind = FLAG_COUNT, .value = &count, .min = 1, .max = INT32_MAX},
        {.name = NULL},
    };
    int words = flag_parse(flags, argc, argv, &error);
    if (words < 0)
        return command_fail(&SEND_COMMAND, error.code, error.text);
    if (words < 2)
        return command_fail(&SEND_COMMAND, EXIT_CODE_USAGE,
                            words == 0 ? "ADDRESS is missing; write: preforkc send ADDRESS TEXT"
                                       : "TEXT is missing; write: preforkc send ADDRESS TEXT");
    if (name && encoding_open(&encoding, name, &error) < 0)
        return command_fail(&SEND_COMMAND, error.code, error.text);
    struct job job = {.address = argv[0],
                      .encoding = name ? &encoding : NULL,
                      .message_count = words - 1,
                      .timeout_ms = timeout_ms};
    job.messages = memory_zeroed((size_t)job.message_count, sizeof *job.messages);
    int code = send_repeatedly(&job, argv + 1, count);
    for (int i = 0; i < job.message_count; i++)
        buffer_release(&job.messages[i]);
    free(job.messages);
    if (name)
        encoding_close(&encoding);
    return code;
}

const struct command SEND_COMMAND = {
    .name = "send",
    .summary = "send each TEXT, print each reply",
    .help =
        "usage: preforkc send [OPTION...] ADDRESS TEXT...\n"
        "\n"
        "Connects, sends each TEXT as one message (no newline is added), prints the reply, sends\n"
        "the next. After the last TEXT it closes the sending side and prints until the server\n"
        "closes. A TEXT that begins with \"-\" goes behind \"--\".\n"
        "\n"
        "  --encoding NAME     the server's character encoding (gbk, utf-16le ...); TEXT and what\n"
        "                      is printed are UTF-8, invalid bytes are printed as U+FFFD\n"
        "  --timeout DURATION  give up when nothing moves for so long (5s)\n"
        "  --count N           do all of it N times, with a new connection each (1)\n"
        "\n"
        "Exit code: 0 answered, 1 another failure, 2 refused, 3 timed out, 4 reset, 5 closed\n"
        "without an answer, 64 the command line is wrong.\n",
    .run = run,
};
