/* SPDX-License-Identifier: MIT
 *
 * accept_test - what every errno of accept4(2) means, how long to back off, and that clients of
 * several sockets are all served.
 */
#include "server/accept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#define ERRNO_MAX 4095 /* the kernel returns none above */

static const int WAIT[] = {EAGAIN};
static const int BACK_OFF[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
static const int CLOSED[] = {EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP, EFAULT};

#define HAS(list, number) has(list, sizeof(list) / sizeof *(list), number)

static bool has(const int *list, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == number)
            return true;
    return false;
}

static void every_errno_is_judged(void **state)
{
    (void)state;
    for (int number = 1; number <= ERRNO_MAX; number++) {
        enum accept_verdict expected = HAS(WAIT, number)       ? ACCEPT_WAIT
                                       : HAS(BACK_OFF, number) ? ACCEPT_BACK_OFF
                                       : HAS(CLOSED, number)   ? ACCEPT_CLOSED
                                                               : ACCEPT_RETRY;
        if (accept_judge(number) != expected)
            fail_msg("%d (%s)", number, strerror(number));
    }
}

static void nobodys_trouble_but_the_clients_is_retried(void **state)
{
    static const int numbers[] = {EINTR,     ECONNABORTED, EPROTO,      EPERM,       ENETDOWN,
                                  EHOSTDOWN, EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, ETIMEDOUT};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(accept_judge(numbers[i]), ACCEPT_RETRY);
}

static void delays_double_up_to_half_a_second(void **state)
{
    static const int delays[] = {10, 10, 20, 40, 80, 160, 320, 500, 500};
    (void)state;
    for (int i = 0; i < (int)(sizeof delays / sizeof *delays); i++)
        assert_int_equal(accept_delay_ms(i), delays[i]);
    assert_int_equal(accept_delay_ms(100000), 500);
}

/* Real sockets from here on: their clients are connected before they are asked for. */

#define SOCKETS 3

static int listeners[SOCKETS];
static union socket_address addresses[SOCKETS];
static socklen_t lengths[SOCKETS];
static volatile sig_atomic_t stopping;
static struct acceptor acceptor;

static int listen_on(int family, union socket_address *address, socklen_t *length)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (union socket_address){.any.sa_family = (sa_family_t)family};
    *length = family == AF_INET ? sizeof address->in : sizeof(sa_family_t);
    if (family == AF_INET)
        address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* No port and no name: the kernel finds a free one. */
    assert_int_equal(bind(fd, &address->any, *length), 0);
    assert_int_equal(listen(fd, 16), 0);
    *length = sizeof *address;
    assert_int_equal(getsockname(fd, &address->any, length), 0);
    return fd;
}

static int open_listeners(void **state)
{
    (void)state;
    listeners[0] = listen_on(AF_INET, &addresses[0], &lengths[0]);
    listeners[1] = listen_on(AF_UNIX, &addresses[1], &lengths[1]);
    listeners[2] = listen_on(AF_INET, &addresses[2], &lengths[2]);
    stopping = 0;
    acceptor = (struct acceptor){.listeners = listeners, .count = 1, .stopping = &stopping};
    return 0;
}

static int close_listeners(void **state)
{
    (void)state;
    for (int i = 0; i < SOCKETS; i++)
        close(listeners[i]);
    return 0;
}

static void dont_block(void)
{
    for (int i = 0; i < SOCKETS; i++)
        fcntl(listeners[i], F_SETFL, O_NONBLOCK);
    acceptor.count = SOCKETS;
}

static int client_of(int listener)
{
    int fd = socket(addresses[listener].any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, &addresses[listener].any, lengths[listener]), 0);
    return fd;
}

/* Accepts one client; returns which socket it came by. */
static int serve_one(void)
{
    union socket_address peer, own = {0};
    socklen_t length = sizeof own;
    int fd = accept_next(&acceptor, &peer), by = 0;
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(getsockname(fd, &own.any, &length), 0);
    close(fd);
    while (by < SOCKETS && memcmp(&own, &addresses[by], lengths[by]) != 0)
        by++;
    assert_true(by < SOCKETS);
    assert_int_equal(peer.any.sa_family, addresses[by].any.sa_family);
    return by;
}

static void client_is_accepted_with_its_address(void **state)
{
    union socket_address peer, own;
    socklen_t length = sizeof own;
    (void)state;
    int client = client_of(0);
    int fd = accept_next(&acceptor, &peer);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(client, &own.any, &length), 0);
    assert_int_equal(peer.in.sin_port, own.in.sin_port);
    assert_int_equal(peer.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    close(client);
}

static void unix_client_is_unix_though_it_has_no_name(void **state)
{
    (void)state;
    acceptor.listeners = &listeners[1];
    int client = client_of(1);
    assert_int_equal(serve_one(), 1);
    close(client);
}

static void wait_together(void)
{
    acceptor.wait_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < SOCKETS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        assert_int_equal(epoll_ctl(acceptor.wait_fd, EPOLL_CTL_ADD, listeners[i], &event), 0);
    }
}

static void serve_all_in_turn(void)
{
    int clients[SOCKETS][4], served[SOCKETS] = {0};
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < SOCKETS; i++)
            clients[i][round] = client_of(i);
    for (int round = 1; round <= 4; round++) {
        for (int i = 0; i < SOCKETS; i++)
            served[serve_one()]++;
        for (int i = 0; i < SOCKETS; i++)
            assert_int_equal(served[i], round); /* each had its turn before any had another */
    }
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < SOCKETS; i++)
            close(clients[i][round]);
}

static void no_socket_starves(void **state)
{
    (void)state;
    dont_block();
    serve_all_in_turn();
}

static void no_socket_starves_where_workers_wait_together(void **state)
{
    (void)state;
    dont_block();
    wait_together();
    serve_all_in_turn();
    close(acceptor.wait_fd);
}

/* The instance is not one (any more): it is polled instead. */
static void waits_without_the_instance(void **state)
{
    (void)state;
    dont_block();
    acceptor.wait_fd = listeners[0];
    int client = client_of(2);
    assert_int_equal(serve_one(), 2);
    close(client);
}

static void single_socket_that_does_not_block_is_waited_for(void **state)
{
    (void)state;
    dont_block();
    acceptor.count = 1;
    int client = client_of(0);
    assert_int_equal(serve_one(), 0);
    close(client);
}

static void stopping_worker_accepts_no_more(void **state)
{
    union socket_address peer;
    (void)state;
    int client = client_of(0);
    stopping = 1;
    assert_int_equal(accept_next(&acceptor, &peer), -1);
    stopping = 0;
    assert_int_equal(serve_one(), 0); /* that client is still there for another one */
    close(client);
}

/* What a worker does when it is told to leave: the flag, and a descriptor that no client comes by
 * in place of the listeners. */
static void on_drain(int number)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)number;
    stopping = 1;
    for (int i = 0; i < SOCKETS; i++)
        dup2(null, listeners[i]);
    if (acceptor.wait_fd > 0)
        dup2(null, acceptor.wait_fd);
    close(null);
}

/* The signal finds it in accept4, or in poll, in which it waits for a client that never comes. */
static void expect_drained(void)
{
    struct sigaction drain = {.sa_handler = on_drain, .sa_flags = SA_RESTART}, before;
    const struct itimerval soon = {.it_value.tv_usec = 5000};
    union socket_address peer;
    assert_int_equal(sigaction(SIGALRM, &drain, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(accept_next(&acceptor, &peer), -1);
    assert_int_equal(stopping, 1);
    sigaction(SIGALRM, &before, NULL);
}

static void drain_ends_a_blocking_accept(void **state)
{
    (void)state;
    expect_drained();
}

static void drain_ends_waiting_for_several(void **state)
{
    (void)state;
    dont_block();
    expect_drained();
}

static void drain_ends_waiting_together(void **state)
{
    (void)state;
    dont_block();
    wait_together();
    expect_drained();
    close(acceptor.wait_fd);
}

#define TICKS 20 /* more than waits at a dead socket */

static volatile sig_atomic_t ticks, given_up;

static void on_tick(int number)
{
    (void)number;
    stopping |= ++ticks >= TICKS;
}

static void tell_of_the_end(enum accept_news news, int number)
{
    (void)number;
    given_up |= news == ACCEPT_DEAD;
}

/* Nor does the log that is reopened. */
static void tick_does_not_shorten_the_wait_at_a_dead_socket(void **state)
{
    struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART}, before;
    struct itimerval often = {.it_value.tv_usec = 5000, .it_interval.tv_usec = 5000};
    union socket_address peer;
    (void)state;
    ticks = given_up = 0;
    acceptor.tell = tell_of_the_end;
    assert_int_equal(shutdown(listeners[0], SHUT_RDWR), 0);
    assert_int_equal(sigaction(SIGALRM, &tick, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    assert_int_equal(accept_next(&acceptor, &peer), -1);
    often = (struct itimerval){0};
    setitimer(ITIMER_REAL, &often, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_false(given_up);
    assert_true(ticks >= TICKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_errno_is_judged),
        cmocka_unit_test(nobodys_trouble_but_the_clients_is_retried),
        cmocka_unit_test(delays_double_up_to_half_a_second),
        cmocka_unit_test_setup_teardown(client_is_accepted_with_its_address, open_listeners,
                                        close_listeners),
        cmocka_unit_test_setup_teardown(unix_client_is_unix_though_it_has_no_name, open_listeners,
                                        close_listeners),
        cmocka_unit_test_setup_teardown(no_socket_starves, open_listeners, close_listeners),
        cmocka_unit_test_setup_teardown(no_socket_starves_where_workers_wait_together,
                                        open_listeners, close_listeners),
        cmocka_unit_test_setup_teardown(waits_without_the_instance, open_listeners,
                                        close_listeners),
        cmocka_unit_test_setup_teardown(single_socket_that_does_not_block_is_waited_for,
                                        open_listeners, close_listeners),
        cmocka_unit_test_setup_teardown(stopping_worker_accepts_no_more, open_listeners,
                                        close_listeners),
        cmocka_unit_test_setup_teardown(drain_ends_a_blocking_accept, open_listeners,
                                        close_listeners),
        cmocka_unit_test_setup_teardown(drain_ends_waiting_together, open_listeners,
                                        close_listeners),
        cmocka_unit_test_setup_teardown(drain_ends_waiting_for_several, open_listeners,
                                        close_listeners),
        cmocka_unit_test_setup_teardown(tick_does_not_shorten_the_wait_at_a_dead_socket,
                                        open_listeners, close_listeners),
    };
    return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
