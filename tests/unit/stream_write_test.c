/* SPDX-License-Identifier: MIT
 *
 * stream_write_test - what a handler writes: when kept output goes out and in which order, files,
 * and deadlines.
 */
#include "server/stream.h"

#include "tests/unit/stream_pair.h"

#include "lib/clock.h"

#include <sys/mman.h>

#define PIECE 4096 /* the most that printf() takes at a time */

static void output_is_kept_until_it_is_flushed(void **state)
{
    (void)state;
    assert_int_equal(host->print(&c, "%d-%s ", 1, "a"), PREFORKD_OK);
    assert_int_equal(host->print(&c, "%s", ""), PREFORKD_OK);
    assert_int_equal(host->print(&c, "two"), PREFORKD_OK);
    expect_client_has("");
    assert_int_equal(c.bytes_out, 0);
    assert_int_equal(host->flush(&c), PREFORKD_OK);
    expect_client_has("1-a two");
    assert_int_equal(c.bytes_out, 7);
    assert_int_equal(host->flush(&c), PREFORKD_OK);
    expect_client_has("");
}

static void order_is_kept(void **state)
{
    (void)state;
    host->print(&c, "one ");
    assert_int_equal(host->write_all(&c, "two ", 4), PREFORKD_OK);
    host->print(&c, "three");
    host->flush(&c);
    expect_client_has("one two three");
}

/* Who waits for the client has to have said all that it is to answer. */
static void reading_flushes_when_it_has_to_wait(void **state)
{
    char bytes[8];
    (void)state;
    client_says("a\nb\n");
    assert_int_equal(host->read_line(&c, bytes, sizeof bytes), 2);
    host->print(&c, "A");
    assert_int_equal(host->read_line(&c, bytes, sizeof bytes), 2); /* was there already */
    expect_client_has("");
    host->print(&c, "B");
    client_says("c\n");
    assert_int_equal(host->read_line(&c, bytes, sizeof bytes), 2);
    expect_client_has("AB");
    host->print(&c, "C");
    assert_int_equal(host->wait_some(&c, 0), 0);
    expect_client_has("C");
    host->print(&c, "D");
    client_ends();
    assert_int_equal(host->peek(&c, bytes, 1), PREFORKD_END);
    host->print(&c, "E");
    assert_int_equal(host->read_exact(&c, bytes, 1), PREFORKD_END);
    expect_client_has("DE");
}

static void full_buffer_goes_out(void **state)
{
    char expected[20001] = "";
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(host->print(&c, "%019d\n", i), PREFORKD_OK);
        snprintf(expected + 20 * i, 21, "%019d\n", i);
    }
    assert_in_range(c.bytes_out, 1, 19999);
    host->flush(&c);
    expect_client_has(expected);
}

static void four_kib_at_a_time(void **state)
{
    static char text[PIECE + 2];
    (void)state;
    memset(text, 'a', PIECE + 1);
    assert_int_equal(host->print(&c, "x"), PREFORKD_OK);
    assert_int_equal(host->print(&c, "%s", text), PREFORKD_TOO_LONG);
    text[PIECE] = '\0';
    for (int i = 0; i < 5; i++) /* more than the buffer holds */
        assert_int_equal(host->print(&c, "%s", text), PREFORKD_OK);
    host->flush(&c);
    assert_int_equal(c.bytes_out, 1 + 5 * PIECE); /* nothing of what was too long */
}

static void who_is_gone_is_told_once(void **state)
{
    (void)state;
    client_leaves();
    assert_int_equal(host->print(&c, "x"), PREFORKD_OK);
    assert_int_equal(host->flush(&c), PREFORKD_GONE);
    assert_int_equal(host->flush(&c), PREFORKD_OK); /* what cannot be sent is lost */
    assert_int_equal(c.end, WORKER_END_GONE);
    host->print(&c, "y");
    assert_int_equal(host->write_all(&c, "z", 1), PREFORKD_GONE);
    host->print(&c, "y");
    char byte;
    assert_int_equal(host->read_some(&c, &byte, 1), PREFORKD_GONE);
}

/* A file with TEXT, unlinked. */
static int file_with(const char *text)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void file_is_sent_from_where_it_is_asked(void **state)
{
    int fd = file_with("0123456789");
    (void)state;
    host->print(&c, "head ");
    assert_int_equal(host->sendfile(&c, fd, 2, 5), PREFORKD_OK);
    assert_int_equal(host->sendfile(&c, fd, 0, 0), PREFORKD_OK);
    expect_client_has("head 23456");
    assert_int_equal(c.bytes_out, 10);
    assert_int_equal(slot.bytes_out, 10);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 10); /* its own offset stays */
    close(fd);
}

static void short_file_is_a_failure(void **state)
{
    int fd = file_with("0123456789");
    (void)state;
    assert_int_equal(host->sendfile(&c, fd, 8, 3), PREFORKD_FAILED);
    expect_client_has("89");
    assert_int_equal(c.end, WORKER_END_FAILED);
    assert_int_equal(host->sendfile(&c, fd, 10, 1), PREFORKD_FAILED);
    assert_int_equal(host->sendfile(&c, -1, 0, 1), PREFORKD_FAILED);
    close(fd);
}

/* More than the socket holds is on its way, and the client reads none of it. */
static int fill_the_socket(void)
{
    static char bytes[4 << 20];
    host->deadline_set(&c, 300); /* time enough to begin */
    return host->write_all(&c, bytes, sizeof bytes);
}

static void deadline_ends_a_write(void **state)
{
    int fd = file_with("x");
    (void)state;
    assert_int_equal(fill_the_socket(), PREFORKD_TIMEOUT);
    assert_true(c.bytes_out > 0);
    assert_int_equal(host->print(&c, "x"), PREFORKD_OK);
    assert_int_equal(host->flush(&c), PREFORKD_TIMEOUT);
    assert_int_equal(host->sendfile(&c, fd, 0, 1), PREFORKD_TIMEOUT);
    close(fd);
}

/* A socket that is writable takes a part only: the rest must not block for ever. */
static void deadline_ends_a_file(void **state)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    (void)state;
    int small = 4096;
    assert_int_equal(ftruncate(fd, 64 << 20), 0);
    setsockopt(c.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    host->deadline_set(&c, 300); /* time enough to begin */
    assert_int_equal(host->sendfile(&c, fd, 0, 64 << 20), PREFORKD_TIMEOUT);
    close(fd);
}

static void deadline_ends_every_read(void **state)
{
    char bytes[8];
    (void)state;
    host->deadline_set(&c, 1);
    assert_int_equal(host->read_some(&c, bytes, 1), PREFORKD_TIMEOUT);
    assert_int_equal(host->peek(&c, bytes, 1), PREFORKD_TIMEOUT);
    assert_int_equal(host->read_exact(&c, bytes, 1), PREFORKD_TIMEOUT);
    assert_int_equal(host->read_line(&c, bytes, sizeof bytes), PREFORKD_TIMEOUT);
    assert_int_equal(host->wait_some(&c, 60000), PREFORKD_TIMEOUT);
    client_says("still there\n");
    host->deadline_set(&c, 0);
    assert_int_equal(host->read_exact(&c, bytes, 5), 5);
    assert_int_equal(c.end, WORKER_END_SERVER); /* the handler's business, not the host's */
}

static void deadline_may_be_moved(void **state)
{
    char byte;
    (void)state;
    host->deadline_extend(&c, 1); /* there is none */
    assert_int_equal(c.deadline_ms, CLOCK_NEVER);
    host->deadline_set(&c, 60000);
    int64_t before = c.deadline_ms;
    host->deadline_extend(&c, 5000);
    assert_int_equal(c.deadline_ms, before + 5000);
    host->deadline_extend(&c, -65001);
    assert_int_equal(host->read_some(&c, &byte, 1), PREFORKD_TIMEOUT);
}

/* A handler may compute it: what is over is over, and what never comes never comes. */
static void deadlines_of_any_number(void **state)
{
    char byte;
    (void)state;
    host->deadline_set(&c, -5);
    assert_int_equal(host->read_some(&c, &byte, 1), PREFORKD_TIMEOUT);
    host->deadline_set(&c, INT64_MIN);
    assert_int_equal(host->read_some(&c, &byte, 1), PREFORKD_TIMEOUT);
    host->deadline_set(&c, INT64_MAX);
    assert_int_equal(host->wait_some(&c, 1), 0);
    host->deadline_set(&c, 1000);
    host->deadline_extend(&c, INT64_MAX);
    assert_int_equal(host->wait_some(&c, 1), 0);
    host->deadline_set(&c, 1000);
    host->deadline_extend(&c, INT64_MIN);
    assert_int_equal(host->read_some(&c, &byte, 1), PREFORKD_TIMEOUT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(output_is_kept_until_it_is_flushed),
        TEST(order_is_kept),
        TEST(reading_flushes_when_it_has_to_wait),
        TEST(full_buffer_goes_out),
        TEST(four_kib_at_a_time),
        TEST(who_is_gone_is_told_once),
        TEST(file_is_sent_from_where_it_is_asked),
        TEST(short_file_is_a_failure),
        TEST(deadline_ends_a_write),
        TEST(deadline_ends_a_file),
        TEST(deadline_ends_every_read),
        TEST(deadline_may_be_moved),
        TEST(deadlines_of_any_number),
    };
    return cmocka_run_group_tests_name("stream_write", tests, NULL, NULL);
}
