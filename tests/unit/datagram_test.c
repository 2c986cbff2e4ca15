/* SPDX-License-Identifier: MIT
 *
 * datagram_test - what becomes of datagrams on real sockets: whole and cut ones, batches, answers
 * and from where they come, senders that cannot or must not be answered.
 */
#include "server/datagram.h"
#include "server/datagram_guard.h"

#include "lib/fds.h"
#include "server/host.h"
#include "supervisor/listener_bind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TOO_MUCH (DATAGRAM_MAX + 4000)

static struct scoreboard_worker slot;
static int server, client; /* -1: not open */
static struct datagram_guard guard;
/* Within serve(): reply_fd is the server by another number. */
static struct datagram_socket server_socket = {.listener = "udp://*:1", .guard = &guard};
static int refusals; /* so often sending says that there is no room */
static union socket_address server_address;
static socklen_t server_length;

/* What the handler saw last, and what it is to do. */
static struct {
    int count, cut;
    size_t size;
    char peer[ADDRESS_TEXT_MAX], local[ADDRESS_TEXT_MAX];
    bool from_client;
    bool silent, drained;
} seen;

/* In the place of the C library's. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (refusals > 0) {
        refusals--;
        errno = EAGAIN;
        return -1;
    }
    return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

/* What a drain signal does, at its worst moment. */
static void drain(void)
{
    int dead = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(dead, server);
    close(dead);
}

static void handle(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    const void *bytes = host->datagram_bytes(d, &seen.size);
    assert_ptr_equal(state, &seen);
    seen.count++;
    seen.cut = host->datagram_is_cut(d);
    seen.from_client = datagram_guard_passes(d);
    snprintf(seen.peer, sizeof seen.peer, "%s", host->datagram_peer(d));
    snprintf(seen.local, sizeof seen.local, "%s", host->datagram_local(d));
    assert_string_equal(host->datagram_listener(d), "udp://*:1");
    if (seen.drained)
        drain();
    if (!seen.silent)
        host->datagram_reply(d, bytes, seen.size);
}

static const struct preforkd_handler handler = {PREFORKD_HANDLER("test"), .datagram = handle};
static struct datagram_plan plan = {.handler = &handler, .state = &seen, .slot = &slot, .batch = 1};

static int prepare(void **state)
{
    (void)state;
    memset(&slot, 0, sizeof slot);
    memset(&seen, 0, sizeof seen);
    plan.batch = 1;
    server = client = -1;
    refusals = 0;
    return 0;
}

static int release(void **state)
{
    (void)state;
    close(server);
    close(client);
    return 0;
}

static union socket_address inet(const char *host, in_port_t port, socklen_t *length)
{
    union socket_address a = {.in = {.sin_family = AF_INET, .sin_port = port}};
    *length = sizeof a.in;
    if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1)
        return a;
    a.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
    *length = sizeof a.in6;
    assert_int_equal(inet_pton(AF_INET6, host, &a.in6.sin6_addr), 1);
    return a;
}

static int bound(const char *host, unsigned port)
{
    socklen_t length;
    int off = 0, on = 1;
    union socket_address a = inet(host, htons((in_port_t)port), &length);
    int fd = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        skip();
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    if (bind(fd, &a.any, length) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int try_to_serve_as(int flags)
{
    socklen_t length = sizeof server_socket.bound;
    server_socket.reply_fd = dup(server);
    getsockname(server, &server_socket.bound.any, &length);
    int status = datagram_serve(&plan, server, &server_socket, flags);
    int error = errno;
    close(server_socket.reply_fd);
    errno = error;
    return status;
}

/* Who has been asked often for one looks for more at the next occasion. */
static void expect_many(void)
{
    server = bound("127.0.0.1", 0);
    for (int i = 0; i < 100; i++)
        try_to_serve_as(MSG_DONTWAIT);
    close(server);
}

/* A server bound to HOST as the supervisor prepares it, a client bound to FROM, which talks to TO.
 */
static void over_udp(const char *host, const char *from, const char *to)
{
    expect_many();
    server = bound(host, 0);
    client = bound(from, 0);
    if (server < 0 || client < 0)
        skip(); /* no IPv6 here */
    listener_bind_prepare(server);
    server_length = sizeof server_address;
    getsockname(server, &server_address.any, &server_length);
    server_address = inet(to, server_address.in.sin_port, &server_length);
}

static void over_loopback(void)
{
    over_udp("127.0.0.1", "127.0.0.1", "127.0.0.1");
}

/* Unix datagrams; the client has a name of its own where it is NAMED. */
static void over_unix(bool named)
{
    sa_family_t autobind = AF_UNIX;
    expect_many();
    server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (struct sockaddr *)(void *)&autobind, sizeof autobind), 0);
    if (named)
        assert_int_equal(bind(client, (struct sockaddr *)(void *)&autobind, sizeof autobind), 0);
    server_length = sizeof server_address;
    getsockname(server, &server_address.any, &server_length);
}

static void send_some(const void *bytes, size_t size)
{
    assert_int_equal(sendto(client, bytes, size, 0, &server_address.any, server_length), size);
}

static int try_to_serve(void)
{
    return try_to_serve_as(MSG_DONTWAIT);
}

static void serve(void)
{
    assert_int_equal(try_to_serve(), 0);
}

static bool has_answer(void)
{
    struct pollfd p = {.fd = client, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* The next answer is TEXT. */
static void expect_answer(const char *text)
{
    char got[64];
    ssize_t size = recv(client, got, sizeof got, MSG_DONTWAIT);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

static void expect_no_answer(void)
{
    assert_false(has_answer());
}

/* The handler was told where the datagram was sent to. */
static void expect_local(void)
{
    char text[ADDRESS_TEXT_MAX];
    assert_string_equal(seen.local, address_peer(&server_address, text));
}

static void an_answer_comes_back(void **state)
{
    (void)state;
    over_loopback();
    send_some("hello", 5);
    serve();
    expect_answer("hello");
    expect_no_answer();
    assert_int_equal(seen.count, 1);
    assert_false(seen.cut);
    assert_int_equal(strncmp(seen.peer, "127.0.0.1:", 10), 0);
    expect_local();
}

static void who_is_not_answered_gets_nothing(void **state)
{
    (void)state;
    over_loopback();
    seen.silent = true;
    send_some("hello", 5);
    serve();
    assert_int_equal(seen.count, 1);
    expect_no_answer();
}

/* Nothing of the last datagram is left in its place. */
static void an_answer_is_given_once(void **state)
{
    (void)state;
    over_loopback();
    send_some("one", 3);
    serve();
    expect_answer("one");
    seen.silent = true;
    send_some("two", 3);
    serve();
    expect_no_answer();
}

static void what_is_counted(void **state)
{
    (void)state;
    over_loopback();
    plan.batch = 3;
    send_some("a", 1);
    send_some("bcd", 3);
    serve();
    seen.silent = true;
    send_some("ef", 2);
    serve();
    assert_int_equal(slot.connections, 3);
    assert_int_equal(slot.bytes_in, 6);
    assert_int_equal(slot.bytes_out, 4);
    assert_int_equal(slot.phase, SCOREBOARD_IDLE);
}

static void datagrams_may_be_empty(void **state)
{
    (void)state;
    over_loopback();
    send_some("", 0);
    serve();
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.size, 0);
    assert_true(has_answer());
    expect_answer("");
}

static void the_longest_datagram_is_whole(void **state)
{
    static char bytes[DATAGRAM_MAX], got[DATAGRAM_MAX + 1];
    (void)state;
    over_loopback();
    memset(bytes, 'x', sizeof bytes);
    send_some(bytes, sizeof bytes);
    serve();
    assert_false(seen.cut);
    assert_int_equal(recv(client, got, sizeof got, MSG_DONTWAIT), sizeof bytes);
    assert_memory_equal(got, bytes, sizeof bytes);
}

static void longer_ones_are_cut(void **state)
{
    static char bytes[TOO_MUCH];
    (void)state;
    over_unix(true);
    send_some(bytes, sizeof bytes);
    serve();
    assert_true(seen.cut);
    assert_int_equal(seen.size, DATAGRAM_MAX);
    send_some("short", 5); /* and the next one is none of it */
    serve();
    assert_false(seen.cut);
    assert_int_equal(seen.size, 5);
}

static void a_batch_is_what_is_there(void **state)
{
    (void)state;
    over_loopback();
    plan.batch = DATAGRAM_BATCH_MAX;
    for (int i = 0; i < 3; i++)
        send_some(&"abc"[i], 1);
    serve();
    assert_int_equal(seen.count, 3);
    expect_answer("a");
    expect_answer("b");
    expect_answer("c");
}

/* Who has got but one asks for one, and for more again after a while. */
static void who_comes_alone_is_taken_alone(void **state)
{
    (void)state;
    over_loopback();
    plan.batch = DATAGRAM_BATCH_MAX;
    send_some("a", 1);
    serve();
    for (int i = 0; i < 40; i++)
        send_some("b", 1);
    serve();
    assert_int_equal(seen.count, 2);
    int calls = 1;
    while (try_to_serve() == 0)
        calls++;
    assert_int_equal(seen.count, 41);
    assert_in_range(calls, 10, 25);
}

static void more_than_a_batch_waits(void **state)
{
    (void)state;
    over_loopback();
    plan.batch = DATAGRAM_BATCH_MAX;
    for (int i = 0; i < DATAGRAM_BATCH_MAX + 5; i++)
        send_some("x", 1);
    while (seen.count < DATAGRAM_BATCH_MAX + 5)
        serve();
    for (int i = 0; i < DATAGRAM_BATCH_MAX + 5; i++)
        expect_answer("x");
    assert_int_equal(try_to_serve(), -1);
}

static void one_at_a_time_where_a_handler_may_wait(void **state)
{
    (void)state;
    over_loopback();
    send_some("a", 1);
    send_some("b", 1);
    serve();
    assert_int_equal(seen.count, 1);
    expect_answer("a");
    expect_no_answer();
    serve();
    expect_answer("b");
}

static void what_was_received_is_answered_in_spite_of_a_drain(void **state)
{
    (void)state;
    over_loopback();
    plan.batch = 4;
    seen.drained = true;
    send_some("a", 1);
    send_some("b", 1);
    serve();
    expect_answer("a");
    expect_answer("b");
}

static void a_network_that_is_busy_is_waited_for(void **state)
{
    (void)state;
    over_loopback();
    plan.batch = 4;
    refusals = 3;
    send_some("a", 1);
    send_some("b", 1);
    serve();
    expect_answer("a");
    expect_answer("b");
}

static void a_client_that_does_not_read_is_not_waited_for(void **state)
{
    (void)state;
    over_unix(true);
    plan.batch = 4;
    refusals = 1;
    send_some("a", 1);
    send_some("b", 1);
    serve();
    expect_answer("b");
    assert_int_equal(slot.bytes_out, 1);
}

static void nothing_there_is_told(void **state)
{
    (void)state;
    over_loopback();
    assert_int_equal(try_to_serve(), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(seen.count, 0);
    assert_int_equal(slot.connections, 0);
}

/* The answer comes from the address TO, whichever the server would come from by itself. */
static void expect_answer_from(const char *host, const char *from, const char *to)
{
    union socket_address answered;
    socklen_t length = sizeof answered;
    char got[8];
    over_udp(host, from, to);
    send_some("who", 3);
    serve();
    assert_int_equal(recvfrom(client, got, sizeof got, MSG_DONTWAIT, &answered.any, &length), 3);
    assert_int_equal(length, server_length);
    if (answered.any.sa_family == AF_INET)
        assert_int_equal(answered.in.sin_addr.s_addr, server_address.in.sin_addr.s_addr);
    else
        assert_memory_equal(&answered.in6.sin6_addr, &server_address.in6.sin6_addr, 16);
    expect_local();
}

static void ipv4_is_answered_from_where_it_was_asked(void **state)
{
    (void)state;
    expect_answer_from("0.0.0.0", "127.0.0.1", "127.0.0.2");
    release(NULL);
    expect_answer_from("0.0.0.0", "127.0.0.9", "127.0.0.1");
}

static void dual_stack_is_answered_from_where_it_was_asked(void **state)
{
    (void)state;
    expect_answer_from("::", "127.0.0.1", "127.0.0.2");
    assert_int_equal(strncmp(seen.peer, "127.0.0.1:", 10), 0);
    release(NULL);
    expect_answer_from("::", "::1", "::1");
    assert_int_equal(strncmp(seen.peer, "[::1]:", 6), 0);
}

/* A broadcast address is nobody's to answer from; a handler that answers anyway does so from an
 * address of ours. Those that answer whatever they are sent do not: one datagram would be answered
 * by a whole network. */
static void broadcasts_are_answered_from_an_address_of_ours(void **state)
{
    static const char *const hosts[] = {"0.0.0.0", "::"};
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        over_udp(hosts[i], "127.0.0.1", "127.255.255.255");
        send_some("all", 3);
        serve();
        expect_answer("all");
        assert_false(seen.from_client);
        expect_local();
        release(NULL);
    }
    server = client = -1;
}

/* Of a client at PORT of 127.0.0.1; -1 where that port cannot be had now. */
static int is_client(const char *host, unsigned port)
{
    over_udp(host, "127.0.0.1", "127.0.0.1");
    close(client);
    client = bound("127.0.0.7", port);
    if (client < 0)
        return -1;
    send_some("x", 1);
    serve();
    bool answer = seen.from_client;
    release(NULL);
    server = client = -1;
    return answer;
}

static void other_services_are_no_clients(void **state)
{
    static const unsigned ports[] = {7, 19, 53, 123, 1023, 1900, 5353, 11211, 27015, 37810};
    (void)state;
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        assert_in_range(is_client("127.0.0.1", ports[i]) + 1, 0, 1);
        assert_in_range(is_client("::", ports[i]) + 1, 0, 1);
    }
    assert_int_equal(is_client("127.0.0.1", 1900), false);
    assert_int_equal(is_client("127.0.0.1", 1025), true);
    assert_int_equal(is_client("::", 1901), true);
}

static void unix_clients_are_clients(void **state)
{
    (void)state;
    over_unix(true);
    send_some("hello", 5);
    serve();
    assert_true(seen.from_client);
    assert_string_equal(seen.peer, "unix");
    assert_string_equal(seen.local, "unix");
    expect_answer("hello");
}

static void who_has_no_name_is_served_and_not_answered(void **state)
{
    (void)state;
    over_unix(false);
    plan.batch = 4;
    send_some("hello", 5);
    send_some("", 0);
    serve();
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.peer, "unix");
    assert_int_equal(slot.bytes_out, 0);
    expect_no_answer();
}

/* Those behind it in the batch are answered. */
static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 64; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Who may send a datagram may send descriptors with it, unix(7): none of them stays here. */
static void nobody_leaves_descriptors_here(void **state)
{
    (void)state;
    over_unix(true);
    assert_int_equal(connect(client, &server_address.any, server_length), 0);
    for (int several = 1; several <= 2; several++) {
        plan.batch = several;
        int before = open_descriptors();
        for (int i = 0; i < several; i++)
            assert_int_equal(fds_send(client, "x", 1, client), 0);
        serve();
        assert_int_equal(open_descriptors(), before);
        expect_answer("x");
    }
    assert_int_equal(seen.count, 3);
}

static void who_is_gone_costs_nobody_an_answer(void **state)
{
    sa_family_t autobind = AF_UNIX;
    (void)state;
    over_unix(true);
    plan.batch = 4;
    send_some("gone", 4);
    close(client);
    client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(client, (struct sockaddr *)(void *)&autobind, sizeof autobind), 0);
    send_some("one", 3);
    send_some("two", 3);
    serve();
    assert_int_equal(seen.count, 3);
    expect_answer("one");
    expect_answer("two");
}

/* Somebody who shares an inherited one may do that: it would be readable for ever. */
static void a_socket_that_was_shut_down_is_told(void **state)
{
    (void)state;
    over_unix(true);
    plan.batch = 4;
    shutdown(server, SHUT_RD);
    assert_int_equal(try_to_serve(), -1);
    assert_int_equal(errno, EINVAL);
    release(NULL);
    over_loopback();
    shutdown(server, SHUT_RDWR);
    assert_int_equal(try_to_serve(), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(seen.count, 0);
}

static void somebody_rings(int number)
{
    (void)number;
}

/* Somebody who shares it may do that, too: it is waited for all the same. */
static void a_socket_that_does_not_block_is_waited_for(void **state)
{
    struct sigaction ring = {.sa_handler = somebody_rings};
    (void)state;
    over_loopback();
    fcntl(server, F_SETFL, O_NONBLOCK);
    sigaction(SIGALRM, &ring, NULL);
    alarm(1);
    assert_int_equal(try_to_serve_as(0), -1);
    assert_int_equal(errno, EINTR);
    assert_int_equal(alarm(0), 0); /* it rang */
    send_some("x", 1);
    assert_int_equal(try_to_serve_as(0), 0);
    expect_answer("x");
}

int main(void)
{
    struct error error;
    if (datagram_guard_init(&guard, 0, &error) < 0)
        return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, release)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_back),
        TEST(who_is_not_answered_gets_nothing),
        TEST(an_answer_is_given_once),
        TEST(what_is_counted),
        TEST(datagrams_may_be_empty),
        TEST(the_longest_datagram_is_whole),
        TEST(longer_ones_are_cut),
        TEST(a_batch_is_what_is_there),
        TEST(who_comes_alone_is_taken_alone),
        TEST(more_than_a_batch_waits),
        TEST(one_at_a_time_where_a_handler_may_wait),
        TEST(what_was_received_is_answered_in_spite_of_a_drain),
        TEST(a_network_that_is_busy_is_waited_for),
        TEST(a_client_that_does_not_read_is_not_waited_for),
        TEST(nothing_there_is_told),
        TEST(ipv4_is_answered_from_where_it_was_asked),
        TEST(dual_stack_is_answered_from_where_it_was_asked),
        TEST(broadcasts_are_answered_from_an_address_of_ours),
        TEST(other_services_are_no_clients),
        TEST(unix_clients_are_clients),
        TEST(who_has_no_name_is_served_and_not_answered),
        TEST(nobody_leaves_descriptors_here),
        TEST(who_is_gone_costs_nobody_an_answer),
        TEST(a_socket_that_was_shut_down_is_told),
        TEST(a_socket_that_does_not_block_is_waited_for),
    };
    return cmocka_run_group_tests_name("datagram", tests, NULL, NULL);
}
