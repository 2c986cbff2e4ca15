/* SPDX-License-Identifier: MIT
 *
 * stream_record_test - reading where messages are kept apart (SOCK_SEQPACKET): no byte of a record
 * is lost, however little is asked for at a time, and one that cannot be had ends the connection.
 */
#include "server/stream.h"

#include "tests/unit/stream_pair.h"

#define MOST PREFORKD_RECORD_MAX

static char record[MOST + 1], got[MOST + 1];

/* The client may send longer records than by default. */
static int open_large(void **state)
{
    int size = 2 * MOST;
    open_records(state);
    for (size_t i = 0; i < sizeof record; i++)
        record[i] = (char)(i % 251);
    return setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static void client_sends_record(size_t size)
{
    ssize_t sent = send(client, record, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EMSGSIZE)
        skip(); /* net.core.wmem_max allows no more to this user */
    assert_int_equal(sent, size);
}

static void each_read_is_a_record(void **state)
{
    char bytes[8];
    (void)state;
    client_says("ab");
    client_says("cde");
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 2);
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 3);
    assert_memory_equal(bytes, "cde", 3);
    client_ends();
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), PREFORKD_END);
    assert_true(c.client_ended);
    assert_int_equal(c.bytes_in, 5);
}

static void what_does_not_fit_comes_next(void **state)
{
    char bytes[3];
    (void)state;
    client_says("abcd");
    client_says("ef");
    assert_int_equal(host->read_some(&c, bytes, 3), 3);
    assert_int_equal(host->wait_some(&c, 0), 1);
    assert_int_equal(host->read_some(&c, bytes, 3), 1); /* not two bytes of the next one */
    assert_int_equal(bytes[0], 'd');
    assert_int_equal(host->read_some(&c, bytes, 3), 2);
}

static void exact_reads_take_them_for_a_stream(void **state)
{
    char bytes[8];
    (void)state;
    client_says("abcdefgh");
    client_says("ij");
    assert_int_equal(host->read_exact(&c, bytes, 4), 4);
    assert_int_equal(host->read_exact(&c, bytes, 6), 6);
    assert_memory_equal(bytes, "efghij", 6);
    client_says("k");
    client_ends();
    assert_int_equal(host->read_exact(&c, bytes, 2), PREFORKD_GONE);
}

static void exact_read_that_is_late_loses_nothing(void **state)
{
    char bytes[8];
    (void)state;
    client_says("ab");
    client_says("cd");
    host->deadline_set(&c, 1);
    assert_int_equal(host->read_exact(&c, bytes, 8), PREFORKD_TIMEOUT);
    host->deadline_set(&c, 0);
    client_says("efghi");
    assert_int_equal(host->read_exact(&c, bytes, 8), 8);
    assert_memory_equal(bytes, "abcdefgh", 8);
    assert_int_equal(host->read_some(&c, bytes, 8), 1);
}

static void lines_cross_records(void **state)
{
    char line[16];
    (void)state;
    client_says("a\nbb");
    client_says("b\r\nc\n");
    assert_int_equal(host->read_line(&c, line, sizeof line), 2);
    assert_int_equal(host->read_line(&c, line, sizeof line), 5);
    assert_string_equal(line, "bbb");
    assert_int_equal(host->read_line(&c, line, sizeof line), 2);
}

static void peek_shows_all_of_a_record(void **state)
{
    char bytes[8];
    (void)state;
    client_says("abcd");
    assert_int_equal(host->peek(&c, bytes, 2), 2);
    assert_int_equal(host->peek(&c, bytes, sizeof bytes), 4);
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 4);
}

static void longest_record_is_read(void **state)
{
    (void)state;
    client_sends_record(MOST);
    assert_int_equal(host->read_some(&c, got, sizeof got), MOST);
    assert_memory_equal(got, record, MOST);
}

/* What is left of others, as much as can be, does not take its room. */
static void longest_record_is_read_behind_others(void **state)
{
    (void)state;
    memset(record, 'a', sizeof record);
    client_sends_record(CONNECTION_BUFFER - 1);
    record[100] = '\n';
    client_sends_record(MOST);
    assert_int_equal(host->read_line(&c, got, sizeof got), CONNECTION_BUFFER - 1 + 101);
    assert_int_equal(host->read_exact(&c, got, MOST - 101), MOST - 101);
    assert_int_equal(host->wait_some(&c, 0), 0);
}

static void longer_one_ends_the_connection(void **state)
{
    (void)state;
    client_sends_record(MOST + 1);
    assert_int_equal(host->read_some(&c, got, sizeof got), PREFORKD_FAILED);
    assert_int_equal(c.end, WORKER_END_RECORD);
    assert_int_equal(c.in_at, c.in_end); /* and nobody gets a part of it */
}

static void one_that_cannot_be_sent_ends_the_connection(void **state)
{
    int size = 4096;
    (void)state;
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(host->write_all(&c, record, 64 * 1024), PREFORKD_FAILED);
    assert_int_equal(c.end, WORKER_END_RECORD);
}

static void written_is_one_record(void **state)
{
    (void)state;
    assert_int_equal(host->print(&c, "%s", "ab"), PREFORKD_OK);
    assert_int_equal(host->print(&c, "%s", "c"), PREFORKD_OK);
    assert_int_equal(host->write_all(&c, "de", 2), PREFORKD_OK);
    assert_int_equal(recv(client, got, sizeof got, 0), 3);
    assert_int_equal(recv(client, got, sizeof got, 0), 2);
    assert_int_equal(host->write_all(&c, "", 0), PREFORKD_OK);
    assert_int_equal(recv(client, got, sizeof got, MSG_DONTWAIT), -1); /* not even an empty one */
}

/* recv(2) says 0 for them as for the end. */
static void empty_records_are_passed_over(void **state)
{
    char bytes[8];
    (void)state;
    for (int i = 0; i < 3; i++)
        client_says("");
    host->deadline_set(&c, 20);
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), PREFORKD_TIMEOUT);
    host->deadline_set(&c, 0);
    client_says("");
    client_says("ab");
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 2);
    assert_false(c.client_ended);
    assert_int_equal(c.end, WORKER_END_SERVER);
}

static void empty_records_before_the_end(void **state)
{
    char bytes[8];
    (void)state;
    client_says("");
    client_says("");
    client_says("ab");
    client_says("");
    client_says("");
    client_ends();
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 2);
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), PREFORKD_END);
    assert_int_equal(c.end, WORKER_END_CLIENT);
}

static void empty_record_and_then_gone(void **state)
{
    char bytes[8];
    (void)state;
    client_says("");
    client_says("ab");
    client_leaves();
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), 2);
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), PREFORKD_END);
}

static void cut_among_empty_records(void **state)
{
    char bytes[8];
    (void)state;
    client_says("");
    client_says("");
    connection_cut(&c, WORKER_END_IDLE);
    assert_int_equal(host->read_some(&c, bytes, sizeof bytes), PREFORKD_TIMEOUT);
}

/* Lingering ends with the client, not with an empty record: the unread rest would be a reset. */
static void lingering_passes_over_them(void **state)
{
    (void)state;
    client_says("");
    client_says("late");
    client_ends();
    connection_finish(&c, PREFORKD_LINGER);
    assert_int_equal(recv(client, got, sizeof got, 0), 0);
}

int main(void)
{
#define TEST(name, begin) cmocka_unit_test_setup_teardown(name, begin, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(each_read_is_a_record, open_records),
        TEST(what_does_not_fit_comes_next, open_records),
        TEST(exact_reads_take_them_for_a_stream, open_records),
        TEST(exact_read_that_is_late_loses_nothing, open_records),
        TEST(lines_cross_records, open_records),
        TEST(peek_shows_all_of_a_record, open_records),
        TEST(longest_record_is_read, open_large),
        TEST(longest_record_is_read_behind_others, open_large),
        TEST(longer_one_ends_the_connection, open_large),
        TEST(one_that_cannot_be_sent_ends_the_connection, open_records),
        TEST(written_is_one_record, open_records),
        TEST(empty_records_are_passed_over, open_records),
        TEST(empty_records_before_the_end, open_records),
        TEST(empty_record_and_then_gone, open_records),
        TEST(cut_among_empty_records, open_records),
        TEST(lingering_passes_over_them, open_records),
    };
    return cmocka_run_group_tests_name("stream_record", tests, NULL, NULL);
}
