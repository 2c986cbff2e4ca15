/* SPDX-License-Identifier: MIT
 *
 * proxy_receive_test - a header is read from a real socket, in time, to its last byte and no
 * further, whatever the other end does meanwhile.
 */
#include "server/proxy_receive.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE    "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
#define UNKNOWN "PROXY UNKNOWN\r\n"
#define PAYLOAD "\r\nPROXY payload"
#define LIMIT   10000 /* ms; what comes later than this never comes */
#define SOON    30

static const char INET[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb";
static const char LOCAL[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
static const char NOOP[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x12\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb"
                           "\4\0\3abc";

static const struct {
    const char *bytes;
    size_t length;
} HEADERS[] = {{LINE, sizeof LINE - 1},
               {UNKNOWN, sizeof UNKNOWN - 1},
               {INET, sizeof INET - 1},
               {LOCAL, sizeof LOCAL - 1},
               {NOOP, sizeof NOOP - 1}};
#define HEADER_COUNT (sizeof HEADERS / sizeof *HEADERS)

static int server, client;
static volatile sig_atomic_t cut;
static struct proxy_header header;

static int open_of(int type)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    server = ends[0];
    client = ends[1];
    cut = 0;
    return 0;
}

static int open_pair(void **state)
{
    (void)state;
    return open_of(SOCK_STREAM);
}

static int open_records(void **state)
{
    (void)state;
    return open_of(SOCK_SEQPACKET);
}

static int close_pair(void **state)
{
    (void)state;
    close(server);
    if (client >= 0)
        close(client);
    return 0;
}

static void client_sends(const char *bytes, size_t length)
{
    assert_int_equal(send(client, bytes, length, MSG_NOSIGNAL), length);
}

static void client_leaves(void)
{
    close(client);
    client = -1;
}

/* A process that sends BYTES one by one, PAUSE_MS before each. */
static pid_t client_drips(const char *bytes, size_t length, int pause_ms)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < length; i++) {
        poll(NULL, 0, pause_ms);
        send(client, bytes + i, 1, MSG_NOSIGNAL);
    }
    _exit(0);
}

static enum proxy_receive_end receive(int64_t ms)
{
    return proxy_receive(server, clock_now_ms() + ms, &cut, &header);
}

static void expect_unread(const char *text)
{
    char rest[64];
    ssize_t got = recv(server, rest, sizeof rest, MSG_DONTWAIT);
    assert_int_equal(got, strlen(text));
    assert_memory_equal(rest, text, strlen(text));
}

static void payload_is_left_where_it_is(void **state)
{
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        client_sends(HEADERS[i].bytes, HEADERS[i].length);
        client_sends(PAYLOAD, sizeof PAYLOAD - 1);
        assert_int_equal(receive(LIMIT), PROXY_RECEIVE_DONE);
        assert_int_equal(header.length, HEADERS[i].length);
        expect_unread(PAYLOAD);
        close_pair(state);
        open_pair(state);
    }
}

static void every_split_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEADER_COUNT; i++)
        for (size_t part = 0; part < HEADERS[i].length; part++) {
            client_sends(HEADERS[i].bytes, part);
            pid_t rest = client_drips(HEADERS[i].bytes + part, HEADERS[i].length - part, 0);
            assert_int_equal(receive(LIMIT), PROXY_RECEIVE_DONE);
            assert_int_equal(waitpid(rest, NULL, 0), rest);
            client_sends(PAYLOAD, sizeof PAYLOAD - 1);
            expect_unread(PAYLOAD);
        }
}

static int64_t cpu_ms(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

static void slow_header_costs_no_processor_time(void **state)
{
    int64_t began = clock_now_ms(), used = cpu_ms();
    (void)state;
    pid_t slow = client_drips(INET, sizeof INET - 1, 10);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_DONE);
    assert_true(clock_now_ms() - began >= 250);
    assert_in_range(cpu_ms() - used, 0, 100);
    assert_int_equal(waitpid(slow, NULL, 0), slow);
}

static void deadline_is_for_the_whole_header(void **state)
{
    int64_t began = clock_now_ms();
    (void)state;
    pid_t slow = client_drips(LINE, sizeof LINE - 1, 10);
    assert_int_equal(receive(100), PROXY_RECEIVE_LATE);
    assert_in_range(clock_now_ms() - began, 100, 440); /* all of it takes 450 */
    kill(slow, SIGKILL);
    assert_int_equal(waitpid(slow, NULL, 0), slow);
}

static void silence_ends_at_the_deadline(void **state)
{
    int64_t began = clock_now_ms();
    (void)state;
    assert_int_equal(receive(SOON), PROXY_RECEIVE_LATE);
    assert_true(clock_now_ms() - began >= SOON);
    assert_int_equal(receive(0), PROXY_RECEIVE_LATE);
    client_sends(LINE, sizeof LINE - 1);
    assert_int_equal(receive(-1), PROXY_RECEIVE_DONE); /* it is there: no time is needed */
}

static void end_of_the_client_is_told_with_and_without_a_byte(void **state)
{
    for (size_t part = 0; part < sizeof INET - 1; part++) {
        client_sends(INET, part);
        client_leaves();
        assert_int_equal(receive(LIMIT), part == 0 ? PROXY_RECEIVE_ABSENT : PROXY_RECEIVE_SHORT);
        close_pair(state);
        open_pair(state);
    }
}

/* What the server has sent was not read: the client's end is a reset. */
static void reset_is_an_end(void **state)
{
    (void)state;
    assert_int_equal(send(server, "x", 1, 0), 1);
    client_leaves();
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_ABSENT);
}

static void reset_within_the_header_is_an_end(void **state)
{
    (void)state;
    client_sends(LINE, 10);
    assert_int_equal(send(server, "x", 1, 0), 1);
    client_leaves();
    enum proxy_receive_end end = receive(LIMIT);
    assert_true(end == PROXY_RECEIVE_SHORT || end == PROXY_RECEIVE_ABSENT);
}

static void bad_header_is_told_at_once(void **state)
{
    (void)state;
    client_sends("GET /", 5);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_BAD);
    assert_int_equal(header.reason, PROXY_HEADER_BAD_ABSENT);
    close_pair(state);
    open_pair(state);
    client_sends("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 16);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_BAD);
    assert_int_equal(header.reason, PROXY_HEADER_BAD_TOO_LONG);
}

static void longest_header_is_read(void **state)
{
    char bytes[PROXY_HEADER_MAX] = {0};
    (void)state;
    memcpy(bytes, INET, sizeof INET - 1);
    memcpy(bytes + 14, "\x10\x00", 2);
    memcpy(bytes + 28, "\x04\x0f\xf1", 3);
    client_sends(bytes, sizeof bytes);
    client_sends(PAYLOAD, sizeof PAYLOAD - 1);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_DONE);
    assert_int_equal(header.length, PROXY_HEADER_MAX);
    expect_unread(PAYLOAD);
}

static void other_errors_are_failures(void **state)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)state;
    dup2(null, server);
    close(null);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_FAILED);
    assert_int_equal(errno, ENOTSOCK);
    assert_int_equal(proxy_receive(-1, clock_now_ms() + LIMIT, NULL, &header),
                     PROXY_RECEIVE_FAILED);
    assert_int_equal(errno, EBADF);
}

static void nonblocking_socket_is_waited_for(void **state)
{
    (void)state;
    fcntl(server, F_SETFL, O_NONBLOCK);
    pid_t slow = client_drips(UNKNOWN, sizeof UNKNOWN - 1, 2);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_DONE);
    assert_int_equal(waitpid(slow, NULL, 0), slow);
}

/* Records. */

static enum proxy_receive_end receive_record(int64_t ms)
{
    return proxy_receive_record(server, clock_now_ms() + ms, &cut, &header);
}

static void header_is_the_first_record(void **state)
{
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        client_sends(HEADERS[i].bytes, HEADERS[i].length);
        client_sends(PAYLOAD, sizeof PAYLOAD - 1);
        assert_int_equal(receive_record(LIMIT), PROXY_RECEIVE_DONE);
        assert_int_equal(header.length, HEADERS[i].length);
        expect_unread(PAYLOAD);
        close_pair(state);
        open_records(state);
    }
}

/* Not a byte less, and no byte of a client's behind it: it would be lost. */
static void record_is_exactly_the_header(void **state)
{
    char bytes[PROXY_HEADER_MAX + 1] = {0};
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        size_t length = HEADERS[i].length;
        memcpy(bytes, HEADERS[i].bytes, length);
        for (size_t part = 1; part < length; part++) {
            client_sends(bytes, part);
            assert_int_equal(receive_record(LIMIT), PROXY_RECEIVE_RECORD);
        }
        client_sends(bytes, length + 1);
        assert_int_equal(receive_record(LIMIT), PROXY_RECEIVE_RECORD);
        client_sends(bytes, sizeof bytes);
        assert_int_equal(receive_record(LIMIT), PROXY_RECEIVE_RECORD);
        close_pair(state);
        open_records(state);
    }
    client_sends("GET /", 5);
    assert_int_equal(receive_record(LIMIT), PROXY_RECEIVE_BAD);
}

static void no_record_is_no_header(void **state)
{
    assert_int_equal(receive_record(SOON), PROXY_RECEIVE_LATE);
    client_sends("", 0);
    assert_int_equal(receive_record(LIMIT), PROXY_RECEIVE_ABSENT);
    client_leaves();
    assert_int_equal(receive_record(LIMIT), PROXY_RECEIVE_ABSENT);
    close_pair(state);
    open_records(state);
    shutdown(server, SHUT_RDWR);
    cut = 1;
    assert_int_equal(receive_record(LIMIT), PROXY_RECEIVE_CUT);
}

/* Signals come every 5 ms from here on. */

static void on_cut(int number)
{
    (void)number;
    cut = 1;
    shutdown(server, SHUT_RDWR);
}

static volatile sig_atomic_t signals;
static void on_other(int number)
{
    (void)number;
    signals = signals + 1;
}

static void ring(void (*handler)(int), int ms)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    const struct itimerval timer = {.it_value.tv_usec = ms * 1000, .it_interval.tv_usec = 5000};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static int silence(void **state)
{
    const struct itimerval never = {.it_value.tv_usec = 0};
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_DFL);
    return close_pair(state);
}

static void cut_ends_waiting(void **state)
{
    (void)state;
    client_sends(LINE, 20);
    ring(on_cut, 5);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_CUT);
}

/* The signal may have come before the first call. */
static void cut_before_waiting_is_seen(void **state)
{
    (void)state;
    on_cut(SIGALRM);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_CUT);
}

static void other_signals_change_nothing(void **state)
{
    int64_t began = clock_now_ms();
    (void)state;
    signals = 0;
    ring(on_other, 5);
    assert_int_equal(receive(100), PROXY_RECEIVE_LATE);
    assert_in_range(clock_now_ms() - began, 100, LIMIT);
    assert_true(signals > 3);
    pid_t slow = client_drips(INET, sizeof INET - 1, 3);
    assert_int_equal(receive(LIMIT), PROXY_RECEIVE_DONE);
    while (waitpid(slow, NULL, 0) < 0 && errno == EINTR)
        ;
}

#define TEST(name, end) cmocka_unit_test_setup_teardown(name, open_pair, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(payload_is_left_where_it_is, close_pair),
        TEST(every_split_is_read, close_pair),
        TEST(slow_header_costs_no_processor_time, close_pair),
        TEST(deadline_is_for_the_whole_header, close_pair),
        TEST(silence_ends_at_the_deadline, close_pair),
        TEST(end_of_the_client_is_told_with_and_without_a_byte, close_pair),
        TEST(reset_is_an_end, close_pair),
        TEST(reset_within_the_header_is_an_end, close_pair),
        TEST(bad_header_is_told_at_once, close_pair),
        TEST(longest_header_is_read, close_pair),
        TEST(other_errors_are_failures, close_pair),
        TEST(nonblocking_socket_is_waited_for, close_pair),
        cmocka_unit_test_setup_teardown(header_is_the_first_record, open_records, close_pair),
        cmocka_unit_test_setup_teardown(record_is_exactly_the_header, open_records, close_pair),
        cmocka_unit_test_setup_teardown(no_record_is_no_header, open_records, close_pair),
        TEST(cut_ends_waiting, silence),
        TEST(cut_before_waiting_is_seen, silence),
        TEST(other_signals_change_nothing, silence),
    };
    return cmocka_run_group_tests_name("proxy_receive", tests, NULL, NULL);
}
