/* SPDX-License-Identifier: MIT
 *
 * send - `preforkc send`: messages from the command line, replies on standard output.
 *
 * A message is one TEXT, without a newline added. What a reply is: send_exchange.h.
 */
#include "client/command.h"
#include "client/dial.h"
#include "client/flag.h"
#include "client/proxy_claim.h"
#include "client/send_exchange.h"

#include "lib/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

struct job {
    const char *address; /* as typed */
    struct address found[ADDRESS_RESOLVED_MAX];
    int found_count;
    struct encoding *encoding; /* NULL: bytes go and come as they are */
    struct buffer *messages;   /* what goes to the server, one for each TEXT */
    int message_count;
    int64_t timeout_ms;
    struct proxy_claim proxy;
};

/* The header leaves with the first message: MSG_MORE. */
static enum outcome converse(const struct job *job, int fd)
{
    struct send_exchange x = {.fd = fd,
                              .type = job->found[0].type,
                              .encoding = job->encoding,
                              .timeout_ms = job->timeout_ms};
    enum outcome outcome = OUTCOME_SERVED;
    if (proxy_claim_send(&job->proxy, fd, MSG_MORE) < 0)
        return outcome_of_errno(errno);
    for (int i = 0; i < job->message_count && outcome == OUTCOME_SERVED; i++) {
        x.last = i == job->message_count - 1;
        outcome = send_exchange(&x, buffer_text(&job->messages[i]), job->messages[i].length);
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
        if (texts[i][0] == '\0' && job->found[0].type != SOCK_DGRAM)
            return error_set(error, EXIT_CODE_USAGE,
                             "a TEXT is empty; a connection has no empty messages");
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
    job->found_count = dial_resolve(job->address, job->found, &error);
    if (job->found_count < 0 || proxy_claim_check(&job->proxy, &job->found[0], &error) < 0 ||
        encode(job, texts, &error) < 0)
        return command_fail(&SEND_COMMAND, error.code, error.text);
    for (int64_t i = 0; i < count && outcome == OUTCOME_SERVED; i++)
        outcome = send_once(job);
    return outcome;
}

static int run(int argc, char **argv)
{
    struct error error;
    struct encoding encoding;
    struct proxy_claim proxy = {0};
    const char *name = NULL, *said = NULL;
    int64_t count = 1, timeout_ms = 5000;
    const struct flag flags[] = {
        {.name = "--encoding", .kind = FLAG_TEXT, .value = &name},
        {.name = "--timeout",
         .kind = FLAG_DURATION,
         .value = &timeout_ms,
         .min = 1,
         .max = INT32_MAX},
        {.name = "--count", .kind = FLAG_COUNT, .value = &count, .min = 1, .max = INT32_MAX},
        PROXY_CLAIM_FLAG(&said),
        {.name = NULL},
    };
    int words = flag_parse(flags, argc, argv, &error);
    if (words < 0 || (said && proxy_claim_parse(said, &proxy, &error) < 0))
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
                      .timeout_ms = timeout_ms,
                      .proxy = proxy};
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
        "closes; with datagrams (udp, unixgram) the last reply is the end. A TEXT that begins\n"
        "with \"-\" goes behind \"--\".\n"
        "\n"
        "  --encoding NAME     the server's character encoding (gbk, utf-16le ...); TEXT and what\n"
        "                      is printed are UTF-8, invalid bytes are printed as U+FFFD\n"
        "  --timeout DURATION  give up when nothing moves for so long (5s)\n"
        "  --count N           do all of it N times, with a new connection each "
        "(1)\n" PROXY_CLAIM_HELP "\n"
        "Exit code: 0 answered, 1 another failure, 2 refused, 3 timed out, 4 reset, 5 closed\n"
        "without an answer, 64 the command line is wrong.\n",
    .run = run,
};
