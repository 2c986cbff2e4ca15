/* SPDX-License-Identifier: MIT
 *
 * handler_classic_test - inetd's small services, and what all of them do with datagrams: what they
 * say, how much of it, and to whom not. Their host is a script here; no socket is opened.
 */
#include "server/handler.h"

#include "server/datagram_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <time.h>

/* The host's side of one client, which takes so many bytes and is gone then. */
struct preforkd_connection {
    size_t sends, takes;
    char answer[20000];
    size_t length;
};

static struct preforkd_connection client;
static int leave; /* what stopping() says */

static ptrdiff_t read_some(struct preforkd_connection *c, void *bytes, size_t size)
{
    size_t count = c->sends < size ? c->sends : size;
    memset(bytes, 'x', count);
    c->sends -= count;
    return (ptrdiff_t)count;
}

static int write_all(struct preforkd_connection *c, const void *bytes, size_t size)
{
    size_t count = size < c->takes - c->length ? size : c->takes - c->length;
    memcpy(c->answer + c->length, bytes, count);
    c->length += count;
    return count < size ? PREFORKD_GONE : PREFORKD_OK;
}

static int stopping(void)
{
    return leave;
}

static struct preforkd_datagram request;
static struct datagram_guard guard;
static const struct datagram_socket in = {.guard = &guard};

static void log_line(struct preforkd_connection *c, int level, const char *message, const char *key,
                     const void *bytes, size_t size)
{
    (void)level;
    (void)message;
    (void)key;
    (void)bytes;
    assert_null(c);
    assert_in_range(size, 0, 3 * 4096);
}

static void log_datagram(struct preforkd_datagram *d, int level, const char *message,
                         const char *key, const void *bytes, size_t size)
{
    assert_ptr_equal(d, &request);
    log_line(NULL, level, message, key, bytes, size);
}

static const char *option(const struct preforkd_options *options, const char *name)
{
    (void)options;
    (void)name;
    return "gbk";
}

static const struct preforkd_host host = {
    .abi = PREFORKD_ABI,
    .size = sizeof host,
    .read_some = read_some,
    .write_all = write_all,
    .stopping = stopping,
    .log = log_line,
    .option_text = option,
    .datagram_bytes = datagram_message_bytes,
    .datagram_peer = datagram_message_peer,
    .datagram_is_cut = datagram_message_is_cut,
    .datagram_reply = datagram_message_reply,
    .datagram_log = log_datagram,
};

static int serve(const struct preforkd_handler *handler, size_t sends, size_t takes)
{
    memset(&client, 0, sizeof client);
    client.sends = sends;
    client.takes = takes;
    if (handler->worker_init)
        assert_int_equal(handler->worker_init(&host, NULL, NULL, 0), 0);
    return handler->handle(&host, &client, NULL);
}

/* A datagram of SIZE bytes from PORT. */
static void ask(const struct preforkd_handler *handler, size_t size, unsigned port)
{
    memset(&request, 0, sizeof request);
    request.socket = &in;
    memset(request.bytes, 'a', size);
    request.size = size;
    request.peer.in.sin_family = AF_INET;
    request.peer.in.sin_port = htons((in_port_t)port);
    request.peer_length = sizeof request.peer.in;
    if (handler->worker_init)
        assert_int_equal(handler->worker_init(&host, NULL, NULL, 0), 0);
    handler->datagram(&host, &request, NULL);
}

static void discard_reads_all_and_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(serve(&handler_discard, 1000000, sizeof client.answer), PREFORKD_CLOSE);
    assert_int_equal(client.sends, 0);
    assert_int_equal(client.length, 0);
    ask(&handler_discard, 100, 4711);
    assert_null(request.reply);
}

/* "Friday, November 20, 2026 13:30:00-UTC", and it is now. */
static void expect_daytime(const char *text, size_t length)
{
    char copy[96] = "";
    struct tm told = {0};
    assert_in_range(length, 1, sizeof copy - 1);
    memcpy(copy, text, length);
    const char *end = strptime(copy, "%A, %B %d, %Y %H:%M:%S-UTC", &told);
    assert_non_null(end);
    assert_string_equal(end, "\r\n");
    assert_in_range(timegm(&told), time(NULL) - 5, time(NULL));
}

static void daytime_tells_now_in_words(void **state)
{
    (void)state;
    assert_int_equal(serve(&handler_daytime, 100, sizeof client.answer), PREFORKD_LINGER);
    expect_daytime(client.answer, client.length);
    ask(&handler_daytime, 0, 4711);
    assert_non_null(request.reply);
    expect_daytime(request.reply, request.reply_size);
}

/* RFC 868: 2,208,988,800 corresponds to 00:00 1 Jan 1970 GMT. */
static void expect_time(const void *bytes, size_t length)
{
    uint32_t number;
    assert_int_equal(length, sizeof number);
    memcpy(&number, bytes, sizeof number);
    uint32_t now = (uint32_t)((uint64_t)time(NULL) + 2208988800u);
    assert_in_range(now - ntohl(number), 0, 5); /* in 32 bits: also when it begins anew */
}

static void time_tells_now_as_a_number(void **state)
{
    (void)state;
    assert_int_equal(serve(&handler_time, 100, sizeof client.answer), PREFORKD_LINGER);
    expect_time(client.answer, client.length);
    ask(&handler_time, 0, 4711);
    expect_time(request.reply, request.reply_size);
}

/* RFC 864: 72 of the ring of 95 printable characters and an end of line; each line begins one
 * further. */
static void expect_pattern(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        size_t line = i / 74, column = i % 74;
        char wanted = (char)(' ' + (line + column) % 95);
        if (column >= 72)
            wanted = column == 72 ? '\r' : '\n';
        assert_int_equal(text[i], wanted);
    }
}

static void chargen_sends_the_pattern_until_the_client_leaves(void **state)
{
    (void)state;
    assert_int_equal(serve(&handler_chargen, 0, sizeof client.answer), PREFORKD_CLOSE);
    assert_int_equal(client.length, sizeof client.answer);
    expect_pattern(client.answer, client.length);
    assert_memory_equal(client.answer, " !\"#$%&'()*+,-./0123456789:;<=>?@ABC", 36);
}

static void chargen_ends_when_the_worker_has_to(void **state)
{
    (void)state;
    leave = 1;
    assert_int_equal(serve(&handler_chargen, 0, sizeof client.answer), PREFORKD_CLOSE);
    leave = 0;
    assert_int_equal(client.length, 0);
}

static void chargen_answers_no_more_than_it_was_sent(void **state)
{
    static const size_t sizes[] = {0, 1, 71, 72, 73, 74, 512, 7030, 7031, DATAGRAM_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ask(&handler_chargen, sizes[i], 4711);
        assert_non_null(request.reply);
        assert_in_range(request.reply_size, sizes[i] < 7030 ? sizes[i] : 7030, sizes[i]);
        expect_pattern(request.reply, request.reply_size);
    }
}

static void echo_and_upper_answer_what_they_were_sent(void **state)
{
    static const size_t sizes[] = {0, 1, DATAGRAM_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ask(&handler_echo, sizes[i], 4711);
        assert_int_equal(request.reply_size, sizes[i]);
        assert_memory_equal(request.reply, request.bytes, sizes[i]);
        ask(&handler_upper, sizes[i], 4711);
        assert_int_equal(request.reply_size, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(((const char *)request.reply)[k], 'A');
    }
}

static void greet_answers_any_datagram_with_a_greeting(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, 4097, DATAGRAM_MAX};
    char reason[256];
    (void)state;
    assert_int_equal(handler_greet.check_config(&host, NULL, reason, sizeof reason), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ask(&handler_greet, sizes[i], 4711);
        assert_int_equal(request.reply_size, strlen("server: hello, client!"));
        assert_memory_equal(request.reply, "server: hello, client!", request.reply_size);
    }
}

static void no_service_answers_another_service(void **state)
{
    static const struct preforkd_handler *const all[] = {&handler_echo,  &handler_upper,
                                                         &handler_greet, &handler_daytime,
                                                         &handler_time,  &handler_chargen};
    static const unsigned ports[] = {0, 7, 13, 19, 37, 53, 123, 1023, 1900, 5353, 11211};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t k = 0; k < sizeof ports / sizeof *ports; k++) {
            ask(all[i], 20, ports[k]);
            assert_null(request.reply);
        }
}

static void who_has_no_name_gets_no_answer(void **state)
{
    (void)state;
    memset(&request, 0, sizeof request);
    request.socket = &in;
    request.peer.any.sa_family = AF_UNIX;
    handler_echo.datagram(&host, &request, NULL);
    assert_null(request.reply);
}

int main(void)
{
    struct error error;
    if (datagram_guard_init(&guard, 0, &error) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discard_reads_all_and_says_nothing),
        cmocka_unit_test(daytime_tells_now_in_words),
        cmocka_unit_test(time_tells_now_as_a_number),
        cmocka_unit_test(chargen_sends_the_pattern_until_the_client_leaves),
        cmocka_unit_test(chargen_ends_when_the_worker_has_to),
        cmocka_unit_test(chargen_answers_no_more_than_it_was_sent),
        cmocka_unit_test(echo_and_upper_answer_what_they_were_sent),
        cmocka_unit_test(greet_answers_any_datagram_with_a_greeting),
        cmocka_unit_test(no_service_answers_another_service),
        cmocka_unit_test(who_has_no_name_gets_no_answer),
    };
    return cmocka_run_group_tests_name("handler_classic", tests, NULL, NULL);
}
