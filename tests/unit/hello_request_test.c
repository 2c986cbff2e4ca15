/* SPDX-License-Identifier: MIT
 *
 * hello_request_test - requests are told apart right, wherever the network cuts them.
 */
#include "server/hello_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

/* The first LENGTH bytes of TEXT, alone in memory: ASan and valgrind see a read behind them. */
static enum hello_request judge(const char *text, size_t length)
{
    char *alone = malloc(length > 0 ? length : 1);
    assert_non_null(alone);
    memcpy(alone, text, length);
    enum hello_request verdict = hello_request_judge(alone, length);
    if (length > 0)
        assert_true(hello_request_line(alone, length) <= length);
    free(alone);
    return verdict;
}

/* MORE up to the byte that decides, VERDICT from there on. */
static void expect_decided_at(const char *text, size_t decides, enum hello_request verdict)
{
    for (size_t length = 0; length <= strlen(text); length++) {
        enum hello_request expected = length < decides ? HELLO_MORE : verdict;
        if (judge(text, length) != expected)
            fail_msg("wrong at byte %zu of: %s", length, text);
    }
}

static void http_request_is_whole_with_its_empty_line(void **state)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET /a?b=c%20d HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /f HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "PUT /f HTTP/1.1\r\nHost: x\r\n\r\n",
        "DELETE /f HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
        "PATCH /f HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\n\n",
        "GET / HTTP/1.1\nHost: x\n\r\n",
        "GET http://x/ HTTP/9.9\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        expect_decided_at(requests[i], strlen(requests[i]), HELLO_HTTP);
}

static void body_behind_the_head_changes_nothing(void **state)
{
    static const char head[] = "POST /f HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
    static const char whole[] = "POST /f HTTP/1.1\r\nContent-Length: 9\r\n\r\na\r\n\r\nbody";
    (void)state;
    expect_decided_at(whole, sizeof head - 1, HELLO_HTTP);
}

static void other_messages_are_plain_at_the_first_odd_byte(void **state)
{
    static const struct {
        const char *text;
        size_t decides;
    } rows[] = {
        {"hello", 1},
        {"\n", 1},
        {"get / HTTP/1.1\r\n\r\n", 1},
        {"GREAT", 2},
        {"GETTING", 4},
        {"HEADER", 5},
        {"POSTE ", 5},
        {"PUSH", 3},
        {"PAT ", 4},
        {"DELETED ", 7},
        {"OPTIONS\n", 8},
        {"GET\r\n", 4},
        {" GET / HTTP/1.1\r\n\r\n", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_decided_at(rows[i].text, rows[i].decides, HELLO_PLAIN);
}

static void line_without_a_version_is_plain(void **state)
{
    static const char *const lines[] = {
        "GET HTTP/1.1\r\n",     "GET  HTTP/1.1\r\n",   "GET /\r\n",
        "GET / \r\n",           "GET the door\n",      "GET / HTTP/1\r\n",
        "GET / HTTP/1.x\r\n",   "GET / HTTP/x.1\r\n",  "GET / http/1.1\r\n",
        "GET / HTTP/1.1 \r\n",  "GET / HTTP/11\r\n",   "GET / HTTPS/1.1\r\n",
        "GET /HTTP/1.1\r\n",    "GET / HTTP-1.1\r\n",  "GET \n",
        "POST now, please\r\n", "GET / HTTP/1.10\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect_decided_at(lines[i], strlen(lines[i]), HELLO_PLAIN);
}

static void nul_bytes_are_bytes(void **state)
{
    (void)state;
    assert_int_equal(judge("\0", 1), HELLO_PLAIN);
    assert_int_equal(judge("GET\0/ HTTP/1.1\r\n\r\n", 18), HELLO_PLAIN);
    assert_int_equal(judge("GET /\0 HTTP/1.1\r\n\r\n", 19), HELLO_HTTP);
}

static void line_ends_before_its_line_end(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 14},
        {"GET / HTTP/1.1\nHost: x\n\n", 14},
        {"no line end", 11},
        {"half of one\r", 11},
        {"\r\n", 0},
        {"\n", 0},
        {"a\rb\n", 3},
        {"a\r\r\n", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(hello_request_line(rows[i].text, strlen(rows[i].text)), rows[i].length);
    assert_int_equal(hello_request_line("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_request_is_whole_with_its_empty_line),
        cmocka_unit_test(body_behind_the_head_changes_nothing),
        cmocka_unit_test(other_messages_are_plain_at_the_first_odd_byte),
        cmocka_unit_test(line_without_a_version_is_plain),
        cmocka_unit_test(nul_bytes_are_bytes),
        cmocka_unit_test(line_ends_before_its_line_end),
    };
    return cmocka_run_group_tests_name("hello_request", tests, NULL, NULL);
}
