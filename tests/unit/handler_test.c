/* SPDX-License-Identifier: MIT
 *
 * handler_test - what the four tutorial handlers answer and log, wherever the network cuts what
 * they are sent. Their host is a script here; no socket is opened.
 */
#include "server/handler.h"

#include "lib/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>
#include <stdbool.h>

/* The host's side of one client: what it sends, in pieces of at most so many bytes. */
struct preforkd_connection {
    const char *bytes;
    size_t length, piece;
    ptrdiff_t end; /* what reading says behind the last byte */
    bool stays;    /* it neither sends more nor ends */
    int refuses;   /* what writing says; PREFORKD_OK takes everything */
    struct buffer answer;
    struct buffer logged; /* "message key=value\n" for each line */
    int writes;
};

static struct preforkd_connection client;
static const char *encoding; /* the option of greet */
static bool client_stays;    /* the next ones do */

static ptrdiff_t read_some(struct preforkd_connection *c, void *bytes, size_t size)
{
    size_t count = c->length < c->piece ? c->length : c->piece;
    count = count < size ? count : size;
    assert_true(size > 0);
    if (count == 0)
        return c->end;
    memcpy(bytes, c->bytes, count);
    c->bytes += count;
    c->length -= count;
    return (ptrdiff_t)count;
}

/* A client that has sent all it has, and stays, is waited for in vain. */
static int wait_some(struct preforkd_connection *c, int ms)
{
    assert_true(ms > 0);
    return c->length > 0 || !c->stays;
}

static int write_all(struct preforkd_connection *c, const void *bytes, size_t size)
{
    c->writes++;
    if (c->refuses != PREFORKD_OK)
        return c->refuses;
    buffer_append(&c->answer, bytes, size);
    return PREFORKD_OK;
}

static const char *peer(struct preforkd_connection *c)
{
    (void)c;
    return "192.0.2.1:4711";
}

static int stopping(void)
{
    return 0;
}

static void log_line(struct preforkd_connection *c, int level, const char *message, const char *key,
                     const void *bytes, size_t size)
{
    assert_int_equal(level, PREFORKD_LOG_INFO);
    buffer_printf(&c->logged, "%s", message);
    if (key) {
        buffer_printf(&c->logged, " %s=", key);
        buffer_append(&c->logged, bytes, size);
    }
    buffer_append(&c->logged, "\n", 1);
}

static const char *option(const struct preforkd_options *options, const char *name)
{
    (void)options;
    return strcmp(name, "encoding") == 0 ? encoding : NULL;
}

/* What the built-in handlers use of it. */
static const struct preforkd_host host = {
    .abi = PREFORKD_ABI,
    .size = sizeof host,
    .read_some = read_some,
    .wait_some = wait_some,
    .write_all = write_all,
    .peer = peer,
    .stopping = stopping,
    .log = log_line,
    .option_text = option,
};

static int release(void **state)
{
    (void)state;
    buffer_release(&client.answer);
    buffer_release(&client.logged);
    return 0;
}

/* Of the leak sanitizer, where it is linked: a pool checks and initialises its handler once in its
 * life and has no reason to undo it, this program does it again and again. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static int prepare(const struct preforkd_handler *handler, void **state, char reason[256])
{
    int status = 0;
    if (__lsan_disable)
        __lsan_disable();
    if (handler->check_config)
        status = handler->check_config(&host, NULL, reason, 256);
    if (status == 0 && handler->pool_init)
        status = handler->pool_init(&host, NULL, state, reason, 256);
    if (__lsan_enable)
        __lsan_enable();
    return status;
}

static void *prepared(const struct preforkd_handler *handler)
{
    void *state = NULL;
    char reason[256] = "";
    if (prepare(handler, &state, reason) != 0)
        fail_msg("%s", reason);
    return state;
}

/* One client that sends LENGTH BYTES in pieces, and then its end. */
static int serve(const struct preforkd_handler *handler, const char *bytes, size_t length,
                 size_t piece)
{
    release(NULL);
    client = (struct preforkd_connection){
        .bytes = bytes, .length = length, .piece = piece, .stays = client_stays};
    return handler->handle(&host, &client, prepared(handler));
}

static void expect_answer(const char *text)
{
    assert_string_equal(buffer_text(&client.answer), text);
}

static void every_handler_is_found_by_its_name(void **state)
{
    (void)state;
#define HANDLER(name, text) assert_ptr_equal(handler_find(#name), &handler_##name);
    HANDLERS(HANDLER)
#undef HANDLER
    assert_null(handler_find("ech"));
    assert_null(handler_find(""));
}

static void every_handler_tells_its_interface(void **state)
{
    (void)state;
#define HANDLER(id, text)                                                                          \
    assert_int_equal(handler_##id.abi, PREFORKD_ABI);                                              \
    assert_int_equal(handler_##id.size, sizeof(struct preforkd_handler));                          \
    assert_string_equal(handler_##id.name, #id);                                                   \
    assert_true(handler_##id.handle != NULL);
    HANDLERS(HANDLER)
#undef HANDLER
}

static void echo_sends_back_every_byte(void **state)
{
    static char bytes[200000];
    static const size_t pieces[] = {1000, 65536, 65537, 200000};
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        assert_int_equal(serve(&handler_echo, bytes, sizeof bytes, pieces[i]), PREFORKD_CLOSE);
        assert_int_equal(client.answer.length, sizeof bytes);
        assert_memory_equal(client.answer.data, bytes, sizeof bytes);
    }
}

/* The others speak or listen only. */
#define ANSWER_MESSAGES(HANDLER) HANDLER(echo) HANDLER(greet) HANDLER(upper) HANDLER(hello)

static void nothing_sent_nothing_answered(void **state)
{
    (void)state;
    encoding = "gbk";
#define HANDLER(name)                                                                              \
    assert_int_equal(serve(&handler_##name, "", 0, 1), PREFORKD_CLOSE);                            \
    expect_answer("");
    ANSWER_MESSAGES(HANDLER)
#undef HANDLER
}

static void client_that_is_gone_is_left(void **state)
{
    (void)state;
    encoding = "gbk";
#define HANDLER(name)                                                                              \
    release(NULL);                                                                                 \
    client = (struct preforkd_connection){                                                         \
        .bytes = "abc", .length = 3, .piece = 1, .refuses = PREFORKD_GONE};                        \
    handler_##name.handle(&host, &client, prepared(&handler_##name));                              \
    assert_in_range(client.writes, 1, 1);
    ANSWER_MESSAGES(HANDLER)
#undef HANDLER
}

static void upper_changes_ascii_letters_only(void **state)
{
    char bytes[256], expected[256];
    (void)state;
    for (int i = 0; i < 256; i++) {
        bytes[i] = (char)i;
        expected[i] = (char)(i >= 'a' && i <= 'z' ? i - 32 : i);
    }
    for (size_t piece = 1; piece <= sizeof bytes; piece += 17) {
        assert_int_equal(serve(&handler_upper, bytes, sizeof bytes, piece), PREFORKD_CLOSE);
        assert_int_equal(client.answer.length, sizeof bytes);
        assert_memory_equal(client.answer.data, expected, sizeof bytes);
    }
}

#define GREETING "server: hello, client!"
#define MARK     "\xEF\xBF\xBD" /* U+FFFD */

static void greet_answers_each_message(void **state)
{
    (void)state;
    encoding = "gbk";
    assert_int_equal(serve(&handler_greet, "hello", 5, 5), PREFORKD_CLOSE);
    expect_answer(GREETING);
    assert_string_equal(buffer_text(&client.logged),
                        "client came\nmessage text=hello\nclient left\n");
    serve(&handler_greet, "onetwo", 6, 3);
    expect_answer(GREETING GREETING);
    assert_string_equal(buffer_text(&client.logged),
                        "client came\nmessage text=one\nmessage text=two\nclient left\n");
}

static void greet_logs_what_gbk_means(void **state)
{
    (void)state;
    encoding = "gbk";
    serve(&handler_greet, "\xC4\xE3\xBA\xC3", 4, 4);
    assert_string_equal(buffer_text(&client.logged),
                        "client came\nmessage text=\xE4\xBD\xA0\xE5\xA5\xBD\nclient left\n");
    serve(&handler_greet, "a\xFFz", 3, 3);
    assert_string_equal(buffer_text(&client.logged),
                        "client came\nmessage text=a" MARK "z\nclient left\n");
}

static void greet_joins_characters_that_were_cut(void **state)
{
    (void)state;
    encoding = "gbk";
    serve(&handler_greet, "\xC4\xE3\xBA\xC3", 4, 3);
    assert_string_equal(buffer_text(&client.logged), "client came\nmessage text=\xE4\xBD\xA0\n"
                                                     "message text=\xE5\xA5\xBD\nclient left\n");
    serve(&handler_greet, "\xC4\xE3\xBA\xC3", 4, 1);
    assert_string_equal(buffer_text(&client.logged),
                        "client came\nmessage text=\nmessage text=\xE4\xBD\xA0\nmessage text=\n"
                        "message text=\xE5\xA5\xBD\nclient left\n");
}

static void greet_marks_half_a_character_at_the_end(void **state)
{
    (void)state;
    encoding = "gbk";
    serve(&handler_greet, "a\xC4", 2, 2);
    assert_string_equal(buffer_text(&client.logged), "client came\nmessage text=a\n"
                                                     "message text=" MARK "\nclient left\n");
    serve(&handler_greet, "\xE3", 1, 1); /* the next client's first byte is not its second half */
    assert_string_equal(buffer_text(&client.logged), "client came\nmessage text=\n"
                                                     "message text=" MARK "\nclient left\n");
}

static void greet_survives_any_bytes(void **state)
{
    static char bytes[20000];
    uint64_t random = 1;
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        bytes[i] = (char)(random >> 40);
    }
    for (size_t piece = 1; piece < 6000; piece = piece * 3 + 1) {
        serve(&handler_greet, bytes, sizeof bytes, piece);
        assert_int_equal(client.answer.length % (sizeof GREETING - 1), 0);
        assert_true(client.answer.length > 0);
    }
    memset(bytes, '\xFF', sizeof bytes);
    serve(&handler_greet, bytes, sizeof bytes, sizeof bytes);
    assert_true(client.answer.length > 0);
}

static void greet_speaks_other_encodings(void **state)
{
    static const char wide[] = "s\0e\0r\0v\0e\0r\0:\0";
    (void)state;
    encoding = "utf-16le";
    serve(&handler_greet, "h\0i\0", 4, 4);
    assert_int_equal(client.answer.length, 2 * (sizeof GREETING - 1));
    assert_memory_equal(client.answer.data, wide, sizeof wide - 1);
    assert_string_equal(buffer_text(&client.logged), "client came\nmessage text=hi\nclient left\n");
}

static void greet_refuses_encodings_nobody_knows(void **state)
{
    void *nothing = NULL;
    char reason[256] = "";
    (void)state;
    encoding = "klingon";
    assert_int_equal(prepare(&handler_greet, &nothing, reason), -1);
    assert_non_null(strstr(reason, "\"klingon\""));
}

#define RESPONSE(status, body)                                                                     \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n"     \
    "Connection: close\r\n\r\n" body

/* The same answer wherever it is cut, and one line in the log. */
static void expect_hello(const char *request, const char *line, const char *answer)
{
    char expected[200];
    snprintf(expected, sizeof expected, "request line=%s\n", line);
    for (size_t piece = 1; piece <= strlen(request); piece++) {
        assert_int_equal(serve(&handler_hello, request, strlen(request), piece), PREFORKD_LINGER);
        expect_answer(answer);
        assert_string_equal(buffer_text(&client.logged), expected);
    }
}

static void hello_speaks_http_to_who_speaks_http(void **state)
{
    (void)state;
    expect_hello("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1",
                 RESPONSE("200 OK", "Hello, world!"));
    expect_hello("HEAD /x HTTP/1.0\n\n", "HEAD /x HTTP/1.0", RESPONSE("200 OK", ""));
}

static void hello_says_hello_to_everybody_else(void **state)
{
    (void)state;
    serve(&handler_hello, "good day\n", 9, 9);
    expect_answer("Hello, world!");
    assert_string_equal(buffer_text(&client.logged), "request line=good day\n");
    serve(&handler_hello, "GET /", 5, 5); /* and then the end: it never becomes HTTP */
    expect_answer("Hello, world!");
    serve(&handler_hello, "G", 1, 1);
    expect_answer("Hello, world!");
}

static void hello_does_not_wait_for_ever_for_the_rest_of_a_line(void **state)
{
    (void)state;
    client_stays = true;
    serve(&handler_hello, "GET me a coffee", 15, 15);
    client_stays = false;
    expect_answer("Hello, world!");
}

static void hello_refuses_a_head_without_end(void **state)
{
    static char request[64 * 1024];
    (void)state;
    memset(request, 'x', sizeof request);
    memcpy(request, "GET / HTTP/1.1\r\nX: ", 19);
    assert_int_equal(serve(&handler_hello, request, sizeof request, 1000), PREFORKD_LINGER);
    expect_answer(RESPONSE("431 Request Header Fields Too Large", "Hello, world!"));
}

static void hello_answers_nobody_who_is_gone(void **state)
{
    (void)state;
    release(NULL);
    client = (struct preforkd_connection){
        .bytes = "GET / HT", .length = 8, .piece = 8, .end = PREFORKD_GONE};
    assert_int_equal(handler_hello.handle(&host, &client, NULL), PREFORKD_CLOSE);
    assert_int_equal(client.writes, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, release)
    const struct CMUnitTest tests[] = {
        TEST(every_handler_is_found_by_its_name),
        TEST(every_handler_tells_its_interface),
        TEST(nothing_sent_nothing_answered),
        TEST(client_that_is_gone_is_left),
        TEST(echo_sends_back_every_byte),
        TEST(upper_changes_ascii_letters_only),
        TEST(greet_answers_each_message),
        TEST(greet_logs_what_gbk_means),
        TEST(greet_joins_characters_that_were_cut),
        TEST(greet_marks_half_a_character_at_the_end),
        TEST(greet_survives_any_bytes),
        TEST(greet_speaks_other_encodings),
        TEST(greet_refuses_encodings_nobody_knows),
        TEST(hello_speaks_http_to_who_speaks_http),
        TEST(hello_says_hello_to_everybody_else),
        TEST(hello_does_not_wait_for_ever_for_the_rest_of_a_line),
        TEST(hello_refuses_a_head_without_end),
        TEST(hello_answers_nobody_who_is_gone),
    };
    return cmocka_run_group_tests_name("handler", tests, NULL, NULL);
}
