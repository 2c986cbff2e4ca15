/* SPDX-License-Identifier: MIT
 *
 * greet - the handler that answers each message with "server: hello, client!".
 *
 * Messages and answers are in the encoding of the option (GBK by default); the log shows them
 * decoded. A message is what one read returned, as in the tutorial this service comes from: the
 * protocol has no other mark of its end. A character cut in two by that is logged with the
 * message that brought its second half.
 */
#include "server/handler.h"

#include "server/datagram_guard.h"

#include <errno.h>
#include <iconv.h>

#define REPLACEMENT   "\xEF\xBF\xBD" /* U+FFFD */
#define MESSAGE_MAX   4096
#define CHARACTER_MAX 8 /* bytes of one character in any encoding */
#define GREETING      "server: hello, client!"

static struct greet {
    iconv_t decoder; /* to UTF-8 */
    char answer[8 * sizeof GREETING];
    size_t answer_length;
} greet;

/* Bytes that arrived and are not decoded yet, and what they decode to. */
struct message {
    char bytes[CHARACTER_MAX + MESSAGE_MAX];
    size_t length;
    char text[3 * MESSAGE_MAX];
    size_t text_length;
};

/* Some systems (musl) decode more than they encode. Where the greeting's ASCII decodes to itself,
 * it is its own encoding. */
static int answer_in_ascii(void)
{
    char *in = (char *)(uintptr_t)GREETING, *out = greet.answer;
    size_t in_left = sizeof GREETING - 1, out_left = sizeof greet.answer;
    size_t status = iconv(greet.decoder, &in, &in_left, &out, &out_left);
    greet.answer_length = sizeof greet.answer - out_left;
    return status == 0 && greet.answer_length == sizeof GREETING - 1 &&
                   memcmp(greet.answer, GREETING, sizeof GREETING - 1) == 0
               ? 0
               : -1;
}

static int encode_answer(const char *encoding)
{
    char *in = (char *)(uintptr_t)GREETING, *out = greet.answer;
    size_t in_left = sizeof GREETING - 1, out_left = sizeof greet.answer;
    iconv_t encoder = iconv_open(encoding, "UTF-8");
    if (encoder == (iconv_t)-1)
        return answer_in_ascii();
    size_t status = iconv(encoder, &in, &in_left, &out, &out_left);
    iconv_close(encoder);
    greet.answer_length = sizeof greet.answer - out_left;
    return status == (size_t)-1 ? -1 : 0;
}

static const struct preforkd_option OPTIONS[] = {
    {"encoding", PREFORKD_TEXT, "gbk", 0, 0, "the encoding of the messages"},
    {0},
};

static int check_config(const struct preforkd_host *host, const struct preforkd_options *options,
                        char *reason, size_t reason_size)
{
    const char *encoding = host->option_text(options, "encoding");
    greet.decoder = iconv_open("UTF-8", encoding);
    if (greet.decoder == (iconv_t)-1 || encode_answer(encoding) < 0) {
        snprintf(reason, reason_size,
                 "this system's iconv does not know the encoding \"%s\" (see iconv -l)", encoding);
        return -1;
    }
    return 0;
}

static void put_text(struct message *m, const char *text, size_t length)
{
    if (length > sizeof m->text - m->text_length)
        return;
    memcpy(m->text + m->text_length, text, length);
    m->text_length += length;
}

/* Decode what is complete; ill-formed bytes become U+FFFD each. The beginning of a character that
 * is not complete stays in bytes, unless this is the END. */
static void decode(struct message *m, int end)
{
    char *in = m->bytes;
    size_t left = m->length;
    while (left > 0) {
        char *out = m->text + m->text_length;
        size_t room = sizeof m->text - m->text_length;
        size_t status = iconv(greet.decoder, &in, &left, &out, &room);
        m->text_length = sizeof m->text - room;
        if (status != (size_t)-1)
            break;
        if (errno == E2BIG || (errno == EINVAL && !end && left < CHARACTER_MAX))
            break;
        put_text(m, REPLACEMENT, sizeof REPLACEMENT - 1);
        in++;
        left--;
    }
    memmove(m->bytes, in, left < CHARACTER_MAX ? left : 0);
    m->length = left < CHARACTER_MAX ? left : 0;
}

static void log_message_text(const struct preforkd_host *host,
                             struct preforkd_connection *connection, struct message *m)
{
    host->log(connection, PREFORKD_LOG_INFO, "message", "text", m->text, m->text_length);
    m->text_length = 0;
}

static void converse(const struct preforkd_host *host, struct preforkd_connection *connection)
{
    static struct message m;
    ptrdiff_t got;
    m.length = m.text_length = 0;
    iconv(greet.decoder, NULL, NULL, NULL, NULL);
    while ((got = host->read_some(connection, m.bytes + m.length, MESSAGE_MAX)) > 0) {
        m.length += (size_t)got;
        decode(&m, 0);
        log_message_text(host, connection, &m);
        if (host->write_all(connection, greet.answer, greet.answer_length) < 0)
            break;
    }
    if (m.length > 0) {
        decode(&m, 1);
        log_message_text(host, connection, &m);
    }
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    (void)state;
    host->log(connection, PREFORKD_LOG_INFO, "client came", NULL, NULL, 0);
    converse(host, connection);
    host->log(connection, PREFORKD_LOG_INFO, "client left", NULL, NULL, 0);
    return PREFORKD_CLOSE;
}

/* A datagram is a message, whole. */
static void datagram(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    static struct message m;
    size_t size;
    const char *bytes = host->datagram_bytes(d, &size);
    (void)state;
    iconv(greet.decoder, NULL, NULL, NULL, NULL);
    m.length = m.text_length = 0;
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < MESSAGE_MAX ? size - at : MESSAGE_MAX;
        memcpy(m.bytes + m.length, bytes + at, piece);
        m.length += piece;
        at += piece;
        decode(&m, at == size);
        host->datagram_log(d, PREFORKD_LOG_INFO, "message", "text", m.text, m.text_length);
        m.text_length = 0;
    }
    if (datagram_guard_passes(d))
        host->datagram_reply(d, greet.answer, greet.answer_length);
}

const struct preforkd_handler handler_greet = {
    PREFORKD_HANDLER("greet"), .options = OPTIONS,   .check_config = check_config,
    .handle = handle,          .datagram = datagram,
};
