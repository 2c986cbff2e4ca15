/* SPDX-License-Identifier: MIT
 *
 * stream_test - what a handler reads: lines, records and peeks, wherever the network cuts them,
 * and what deadlines leave behind.
 */
#include "server/stream.h"

#include "tests/unit/stream_pair.h"

#define MOST CONNECTION_BUFFER

/* The next line is TEXT and took COUNT bytes. */
static void expect_line(const char *text, ptrdiff_t count)
{
    char line[64];
    memset(line, 'x', sizeof line);
    assert_int_equal(host->read_line(&c, line, sizeof line), count);
    assert_string_equal(line, text);
}

static void expect_no_line(ptrdiff_t result)
{
    char line[64];
    assert_int_equal(host->read_line(&c, line, sizeof line), result);
}

/* The first part is there; the rest is sent once it has been seen. */
static void lines_are_found_wherever_they_are_cut(void **state)
{
    static const char TEXT[] = "a\r\nbb\n";
    (void)state;
    for (size_t first = 0; first < sizeof TEXT; first++)
        for (size_t second = first; second < sizeof TEXT; second++) {
            char seen[1];
            client_sends(TEXT, first);
            if (first > 0)
                assert_int_equal(host->peek(&c, seen, 1), 1); /* it is in the buffer now */
            client_sends(TEXT + first, second - first);
            client_sends(TEXT + second, sizeof TEXT - 1 - second);
            expect_line("a", 3);
            expect_line("bb", 3);
            assert_int_equal(c.in_at, c.in_end);
        }
    client_ends();
    expect_no_line(PREFORKD_END);
}

/* A read that waits in the middle of a line goes on where it was. */
static void byte_by_byte(void **state)
{
    (void)state;
    for (const char *at = "a\r\nbb\n"; *at; at++) {
        client_sends(at, 1);
        assert_int_equal(host->wait_some(&c, 1000), 1);
        host->deadline_set(&c, 1);
        if (*at == '\n')
            break;
        expect_no_line(PREFORKD_TIMEOUT);
    }
    expect_line("a", 3);
}

static void empty_lines_are_lines(void **state)
{
    (void)state;
    client_says("\n\r\n\r\r\n\n");
    expect_line("", 1);
    expect_line("", 2);
    expect_line("\r", 3); /* one of them belongs to the end */
    expect_line("", 1);
    client_ends();
    expect_no_line(PREFORKD_END);
}

static void lines_may_have_nul_bytes(void **state)
{
    char line[8];
    (void)state;
    client_sends("a\0b\n", 4);
    assert_int_equal(host->read_line(&c, line, sizeof line), 4);
    assert_memory_equal(line, "a\0b", 4);
}

static void last_line_needs_no_newline(void **state)
{
    (void)state;
    client_says("one\nlast\r");
    client_ends();
    expect_line("one", 4);
    expect_line("last\r", 5); /* half a line end is none */
    expect_no_line(PREFORKD_END);
    expect_no_line(PREFORKD_END);
    assert_true(c.client_ended);
}

static void line_that_does_not_fit_stays(void **state)
{
    char line[4];
    (void)state;
    client_says("abcd\nx\n");
    assert_int_equal(host->read_line(&c, line, sizeof line), PREFORKD_TOO_LONG);
    assert_int_equal(host->read_line(&c, line, 0), PREFORKD_TOO_LONG);
    expect_line("abcd", 5); /* nothing was taken */
    client_says("bc\r\n");
    assert_int_equal(host->read_line(&c, line, sizeof line), 2);
    assert_int_equal(host->read_line(&c, line, sizeof line), 4);
    assert_string_equal(line, "bc");
}

/* A client that never sends a line's end must not be waited for when it is clear already. */
static void line_that_cannot_fit_any_more_is_not_waited_for(void **state)
{
    char line[4];
    (void)state;
    host->deadline_set(&c, 60000);
    client_says("abcde");
    assert_int_equal(host->read_line(&c, line, sizeof line), PREFORKD_TOO_LONG);
    assert_int_equal(host->read_some(&c, line, sizeof line), 4);
}

static void line_has_16_kib_at_most(void **state)
{
    static char bytes[MOST + 1], line[2 * MOST];
    (void)state;
    memset(bytes, 'a', sizeof bytes);
    bytes[MOST - 1] = '\n';
    client_sends(bytes, MOST);
    assert_int_equal(host->read_line(&c, line, sizeof line), MOST);
    assert_int_equal(strlen(line), MOST - 1);
    bytes[MOST - 1] = 'a';
    client_sends(bytes, MOST + 1);
    assert_int_equal(host->read_line(&c, line, sizeof line), PREFORKD_TOO_LONG);
    assert_int_equal(host->read_some(&c, line, sizeof line), MOST); /* it can be skipped */
    assert_int_equal(host->read_some(&c, line, sizeof line), 1);
}

static void exactly_as_much_as_is_asked_for(void **state)
{
    char bytes[8] = "";
    (void)state;
    client_says("abcdefgh");
    assert_int_equal(host->read_exact(&c, bytes, 3), 3);
    assert_memory_equal(bytes, "abc", 3);
    assert_int_equal(host->peek(&c, bytes, 2), 2); /* the rest is in the buffer from here on */
    client_says("ij");
    assert_int_equal(host->read_exact(&c, bytes, 7), 7);
    assert_memory_equal(bytes, "defghij", 7);
    assert_int_equal(host->read_exact(&c, bytes, 0), 0);
    client_ends();
    assert_int_equal(host->read_exact(&c, bytes, 1), PREFORKD_END);
}

/* It would look like the end, and a client that has not ended would not be lingered for. */
static void reading_nothing_is_not_the_end(void **state)
{
    char byte;
    (void)state;
    host->deadline_set(&c, 500);
    assert_int_equal(host->read_some(&c, &byte, 0), 0);
    assert_int_equal(host->peek(&c, &byte, 0), 0);
    client_says("x");
    assert_int_equal(host->read_some(&c, &byte, 0), 0);
    assert_false(c.client_ended);
    assert_int_equal(c.end, WORKER_END_SERVER);
    assert_int_equal(host->read_some(&c, &byte, 1), 1);
}

static void end_within_a_record_is_no_good_end(void **state)
{
    char bytes[8];
    (void)state;
    client_says("ab");
    client_ends();
    assert_int_equal(host->read_exact(&c, bytes, 3), PREFORKD_GONE);
}

/* Else a handler that tries again would read the middle of a record as its beginning. */
static void record_that_is_late_is_not_lost(void **state)
{
    char bytes[8];
    (void)state;
    client_says("abcd");
    assert_int_equal(host->peek(&c, bytes, 1), 1);
    client_says("ef");
    host->deadline_set(&c, 1);
    assert_int_equal(host->read_exact(&c, bytes, 8), PREFORKD_TIMEOUT);
    host->deadline_set(&c, 0);
    client_says("gh");
    assert_int_equal(host->read_exact(&c, bytes, 8), 8);
    assert_memory_equal(bytes, "abcdefgh", 8);
}

static void peek_takes_nothing(void **state)
{
    char bytes[8];
    (void)state;
    client_says("abc");
    assert_int_equal(host->peek(&c, bytes, sizeof bytes), 3);
    assert_int_equal(host->peek(&c, bytes, 2), 2);
    assert_memory_equal(bytes, "ab", 2);
    assert_int_equal(host->read_some(&c, bytes, 1), 1);
    assert_int_equal(host->peek(&c, bytes, sizeof bytes), 2);
    assert_memory_equal(bytes, "bc", 2);
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 2);
    client_ends();
    assert_int_equal(host->peek(&c, bytes, 1), PREFORKD_END);
    assert_int_equal(c.bytes_in, 3); /* each byte counts once */
}

/* Reading some after a line: first what came with it. */
static void what_is_kept_is_read_first(void **state)
{
    char bytes[8];
    (void)state;
    client_says("line\nrest");
    expect_line("line", 5);
    client_says("more");
    assert_int_equal(host->wait_some(&c, 0), 1); /* without asking the socket */
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "rest", 4);
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "more", 4);
    assert_int_equal(host->wait_some(&c, 0), 0);
}

static void kept_bytes_are_there_whatever_became_of_the_socket(void **state)
{
    char byte;
    (void)state;
    client_says("ab");
    assert_int_equal(host->peek(&c, &byte, 1), 1);
    connection_cut(&c, WORKER_END_GRACEFUL);
    assert_int_equal(host->wait_some(&c, 0), 1);
    assert_int_equal(host->read_exact(&c, &byte, 1), 1);
    assert_int_equal(host->read_some(&c, &byte, 1), 1);
    assert_int_equal(host->read_some(&c, &byte, 1), PREFORKD_STOPPING);
    assert_int_equal(host->wait_some(&c, 0), PREFORKD_STOPPING);
    expect_no_line(PREFORKD_STOPPING);
}

static void waiting_tells_of_the_end_and_of_time(void **state)
{
    (void)state;
    assert_int_equal(host->wait_some(&c, 1), 0);
    assert_int_equal(host->wait_some(&c, -1), 0);
    client_ends();
    assert_int_equal(host->wait_some(&c, 1000), 1);
}

static void next_client_finds_nothing_of_the_last_one(void **state)
{
    char byte;
    (void)state;
    client_says("left over");
    assert_int_equal(host->peek(&c, &byte, 1), 1);
    host->set_userdata(&c, &byte);
    host->deadline_set(&c, 1);
    host->print(&c, "never sent");
    close_pair(NULL);
    c.out_length = 0;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client = ends[1];
    connection_begin(&c, ends[0], &UNNAMED, false);
    assert_null(host->userdata(&c));
    assert_int_equal(host->wait_some(&c, 20), 0); /* neither bytes nor the deadline */
    expect_client_has("");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(lines_are_found_wherever_they_are_cut),
        TEST(byte_by_byte),
        TEST(empty_lines_are_lines),
        TEST(lines_may_have_nul_bytes),
        TEST(last_line_needs_no_newline),
        TEST(line_that_does_not_fit_stays),
        TEST(line_that_cannot_fit_any_more_is_not_waited_for),
        TEST(line_has_16_kib_at_most),
        TEST(exactly_as_much_as_is_asked_for),
        TEST(reading_nothing_is_not_the_end),
        TEST(end_within_a_record_is_no_good_end),
        TEST(record_that_is_late_is_not_lost),
        TEST(peek_takes_nothing),
        TEST(what_is_kept_is_read_first),
        TEST(kept_bytes_are_there_whatever_became_of_the_socket),
        TEST(waiting_tells_of_the_end_and_of_time),
        TEST(next_client_finds_nothing_of_the_last_one),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
