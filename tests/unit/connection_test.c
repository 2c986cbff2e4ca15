/* SPDX-License-Identifier: MIT
 *
 * connection_test - what reading, writing, closing and cutting mean, at the other end of a real
 * socket.
 */
#include "server/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static struct scoreboard_worker slot;
static struct preforkd_connection c;
static int client; /* the other end */

static const union socket_address UNNAMED = {.any.sa_family = AF_UNIX};

static int open_pair(void **state)
{
    int ends[2];
    (void)state;
    memset(&slot, 0, sizeof slot);
    c = (struct preforkd_connection){.fd = -1, .slot = &slot};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client = ends[1];
    connection_begin(&c, ends[0], &UNNAMED, false);
    return 0;
}

static int close_pair(void **state)
{
    (void)state;
    if (c.fd >= 0)
        close(c.fd);
    if (client >= 0)
        close(client);
    return 0;
}

static void client_sends(const char *text)
{
    assert_int_equal(send(client, text, strlen(text), 0), strlen(text));
}

static void client_leaves(void)
{
    close(client);
    client = -1;
}

/* Everything the client is sent until the end; fails where that is a reset. */
static void expect_client_gets(const char *text)
{
    char got[256];
    size_t length = 0;
    ssize_t part;
    while ((part = recv(client, got + length, sizeof got - length, MSG_DONTWAIT)) > 0)
        length += (size_t)part;
    assert_int_equal(part, 0);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(got, text, length);
}

static void begin_is_shown_in_the_slot(void **state)
{
    (void)state;
    assert_int_equal(slot.phase, SCOREBOARD_BUSY);
    assert_int_equal(slot.connections, 1);
    assert_int_equal(c.sequence, slot.sequence);
    assert_int_equal(c.end, WORKER_END_SERVER);
    assert_int_equal(c.accepted_us, 0);
}

static void duration_is_taken_where_it_is_wanted(void **state)
{
    (void)state;
    connection_begin(&c, c.fd, &UNNAMED, true);
    assert_true(c.accepted_us > 0);
}

static void bytes_are_read_and_counted(void **state)
{
    char bytes[8];
    (void)state;
    client_sends("hello, world");
    assert_int_equal(connection_read(&c, bytes, sizeof bytes), 8);
    assert_memory_equal(bytes, "hello, w", 8);
    assert_int_equal(connection_read(&c, bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "orld", 4);
    assert_int_equal(c.bytes_in, 12);
    assert_int_equal(slot.bytes_in, 12);
    assert_true(slot.moved_ms > 0);
}

static void bytes_are_written_and_counted(void **state)
{
    (void)state;
    assert_int_equal(connection_write(&c, "hello", 5), PREFORKD_OK);
    assert_int_equal(connection_write(&c, NULL, 0), PREFORKD_OK);
    assert_int_equal(c.bytes_out, 5);
    assert_int_equal(slot.bytes_out, 5);
    connection_finish(&c, PREFORKD_CLOSE);
    expect_client_gets("hello");
}

static void end_of_the_client_is_0(void **state)
{
    char byte;
    (void)state;
    client_sends("x");
    shutdown(client, SHUT_WR);
    assert_int_equal(connection_read(&c, &byte, 1), 1);
    assert_int_equal(connection_read(&c, &byte, 1), 0);
    assert_int_equal(connection_read(&c, &byte, 1), 0);
    assert_true(c.client_ended);
    assert_int_equal(c.end, WORKER_END_CLIENT);
    assert_int_equal(connection_write(&c, "still there?", 12), PREFORKD_OK);
    connection_finish(&c, PREFORKD_CLOSE);
    assert_int_equal(c.end, WORKER_END_CLIENT);
    expect_client_gets("still there?");
}

static void client_that_left_is_gone_for_a_writer(void **state)
{
    (void)state;
    client_leaves();
    assert_int_equal(connection_write(&c, "x", 1), PREFORKD_GONE); /* and no SIGPIPE */
    assert_int_equal(c.end, WORKER_END_GONE);
    assert_int_equal(c.bytes_out, 0);
}

static void client_that_reset_is_gone_for_a_reader(void **state)
{
    char byte;
    (void)state;
    assert_int_equal(connection_write(&c, "unread", 6), PREFORKD_OK);
    client_leaves(); /* without having read it */
    assert_int_equal(connection_read(&c, &byte, 1), PREFORKD_GONE);
    assert_int_equal(c.end, WORKER_END_GONE);
}

static void other_errors_are_failures(void **state)
{
    char byte;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)state;
    dup2(null, c.fd);
    close(null);
    assert_int_equal(connection_read(&c, &byte, 1), PREFORKD_FAILED);
    assert_int_equal(c.end, WORKER_END_FAILED);
    c.end = WORKER_END_SERVER;
    assert_int_equal(connection_write(&c, "x", 1), PREFORKD_FAILED);
    assert_int_equal(c.end, WORKER_END_FAILED);
}

static void finish_closes_and_clears_the_slot(void **state)
{
    int fd = c.fd;
    (void)state;
    connection_finish(&c, PREFORKD_CLOSE);
    assert_int_equal(c.fd, -1);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(slot.phase, SCOREBOARD_IDLE);
    assert_int_equal(c.end, WORKER_END_SERVER);
    expect_client_gets("");
}

/* A request of which a part was not read: the answer must not be lost to a reset. */
static void lingering_close_loses_no_answer(void **state)
{
    char byte;
    (void)state;
    client_sends("a long request");
    assert_int_equal(connection_read(&c, &byte, 1), 1);
    assert_int_equal(connection_write(&c, "answer", 6), PREFORKD_OK);
    shutdown(client, SHUT_WR); /* it has said all it wants to */
    connection_finish(&c, PREFORKD_LINGER);
    assert_int_equal(c.end, WORKER_END_SERVER);
    expect_client_gets("answer");
}

static void cut_ends_both_directions(void **state)
{
    char byte;
    (void)state;
    client_sends("more");
    assert_int_equal(connection_write(&c, "so far", 6), PREFORKD_OK);
    connection_cut(&c, WORKER_END_IDLE);
    assert_int_equal(connection_read(&c, &byte, 1), PREFORKD_TIMEOUT);
    assert_int_equal(connection_wait(&c, 1), PREFORKD_TIMEOUT);
    assert_int_equal(connection_write(&c, "x", 1), PREFORKD_TIMEOUT);
    connection_finish(&c, PREFORKD_LINGER); /* not after a cut */
    assert_int_equal(c.end, WORKER_END_IDLE);
    assert_int_equal(c.bytes_out, 6);
}

static void handler_is_told_why_it_was_cut(void **state)
{
    char byte;
    (void)state;
    for (int reason = WORKER_END_CLIENT; reason <= WORKER_END_FAILED; reason++) {
        int expected = reason == WORKER_END_GRACEFUL ? PREFORKD_STOPPING : PREFORKD_TIMEOUT;
        connection_cut(&c, (enum worker_end)reason);
        assert_int_equal(connection_read(&c, &byte, 1), expected);
        assert_int_equal(connection_wait(&c, 1), expected);
        assert_int_equal(connection_write(&c, "x", 1), expected);
        close_pair(NULL);
        open_pair(NULL);
    }
}

static void client_sees_the_end_of_a_cut(void **state)
{
    (void)state;
    connection_cut(&c, WORKER_END_LIFETIME);
    expect_client_gets(""); /* before anything is closed */
    connection_finish(&c, PREFORKD_CLOSE);
    assert_int_equal(c.end, WORKER_END_LIFETIME);
}

static void first_reason_counts(void **state)
{
    (void)state;
    connection_cut(&c, WORKER_END_IDLE);
    connection_cut(&c, WORKER_END_GRACEFUL);
    connection_finish(&c, PREFORKD_CLOSE);
    assert_int_equal(c.end, WORKER_END_IDLE);
}

static void every_reason_survives_the_cut(void **state)
{
    (void)state;
    for (int reason = WORKER_END_CLIENT; reason <= WORKER_END_FAILED; reason++) {
        connection_cut(&c, (enum worker_end)reason);
        connection_finish(&c, PREFORKD_CLOSE);
        assert_int_equal(c.end, reason);
        close_pair(NULL);
        open_pair(NULL);
    }
}

static void cut_without_a_client_does_nothing(void **state)
{
    (void)state;
    connection_finish(&c, PREFORKD_CLOSE);
    errno = EXDEV;
    connection_cut(&c, WORKER_END_IDLE);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(c.cut, 0);
}

static void cut_leaves_errno_alone(void **state)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)state;
    dup2(null, c.fd); /* what is no socket cannot be shut down */
    close(null);
    errno = EXDEV;
    connection_cut(&c, WORKER_END_IDLE);
    assert_int_equal(errno, EXDEV);
}

static void next_client_begins_anew(void **state)
{
    char byte;
    (void)state;
    client_sends("x");
    connection_read(&c, &byte, 1);
    connection_cut(&c, WORKER_END_IDLE);
    connection_finish(&c, PREFORKD_CLOSE);
    uint32_t before = c.sequence;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    connection_begin(&c, ends[0], &UNNAMED, false);
    assert_int_equal(c.cut, 0);
    assert_int_equal(c.bytes_in, 0);
    assert_int_equal(c.end, WORKER_END_SERVER);
    assert_int_equal(c.sequence, before + 2);
    assert_false(c.client_ended);
    assert_int_equal(slot.bytes_in, 1); /* those are the worker's */
    assert_int_equal(slot.connections, 2);
    assert_int_equal(connection_write(&c, "y", 1), PREFORKD_OK);
    close(ends[1]);
}

static void peer_is_printed_once(void **state)
{
    union socket_address peer = {.in = {.sin_family = AF_INET, .sin_port = htons(4711)}};
    (void)state;
    assert_string_equal(connection_peer(&c), "unix");
    peer.in.sin_addr.s_addr = htonl(0xC0000201);
    connection_begin(&c, c.fd, &peer, false);
    assert_string_equal(connection_peer(&c), "192.0.2.1:4711");
    assert_ptr_equal(connection_peer(&c), c.peer_text);
}

static void every_end_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(worker_end_names[WORKER_END_CLIENT], "client closed");
    assert_string_equal(worker_end_names[WORKER_END_IDLE], "idle_timeout");
    assert_string_equal(worker_end_names[WORKER_END_LIFETIME], "max_lifetime");
    assert_string_equal(worker_end_names[WORKER_END_GRACEFUL], "graceful_timeout");
    assert_string_equal(worker_end_names[WORKER_END_REFUSED], "refused");
    assert_string_equal(worker_end_names[WORKER_END_RECORD], "record too long");
    assert_string_equal(worker_end_names[WORKER_END_FAILED], "system error");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(begin_is_shown_in_the_slot),
        TEST(duration_is_taken_where_it_is_wanted),
        TEST(bytes_are_read_and_counted),
        TEST(bytes_are_written_and_counted),
        TEST(end_of_the_client_is_0),
        TEST(client_that_left_is_gone_for_a_writer),
        TEST(client_that_reset_is_gone_for_a_reader),
        TEST(other_errors_are_failures),
        TEST(finish_closes_and_clears_the_slot),
        TEST(lingering_close_loses_no_answer),
        TEST(cut_ends_both_directions),
        TEST(handler_is_told_why_it_was_cut),
        TEST(client_sees_the_end_of_a_cut),
        TEST(first_reason_counts),
        TEST(every_reason_survives_the_cut),
        TEST(cut_without_a_client_does_nothing),
        TEST(cut_leaves_errno_alone),
        TEST(next_client_begins_anew),
        TEST(peer_is_printed_once),
        TEST(every_end_has_its_name),
    };
    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
