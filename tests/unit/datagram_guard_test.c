/* SPDX-License-Identifier: MIT
 *
 * datagram_guard_test - whom services answer that answer whatever they are sent: no other service,
 * nobody more often than he may be, and what ends when two services talk to each other.
 */
#include "server/datagram_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/wait.h>
#include <unistd.h>

#define RATE 100
#define NOW  INT64_C(1000000)

static struct datagram_guard guard;

static int prepare(void **state)
{
    struct error error;
    (void)state;
    assert_int_equal(datagram_guard_init(&guard, RATE, &error), 0);
    return 0;
}

static union socket_address address(const char *host, unsigned port)
{
    union socket_address a = {.in = {.sin_family = AF_INET}};
    if (inet_pton(AF_INET, host, &a.in.sin_addr) != 1) {
        a.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
        assert_int_equal(inet_pton(AF_INET6, host, &a.in6.sin6_addr), 1);
    }
    a.in.sin_port = htons((in_port_t)port);
    return a;
}

static bool permits_port(struct datagram_guard *g, const char *host, unsigned port, int64_t now_ms)
{
    static struct preforkd_datagram d;
    d.peer = address(host, port);
    return datagram_guard_permits(g, &d, now_ms);
}

static bool permits(const char *host, int64_t now_ms)
{
    return permits_port(&guard, host, 40000, now_ms);
}

/* How many of COUNT are answered at NOW_MS. */
static int answered(const char *host, int count, int64_t now_ms)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += permits(host, now_ms);
    return sum;
}

static void other_services_are_not_answered(void **state)
{
    static const unsigned ports[] = {0, 7, 19, 53, 123, 1023, 1900, 5353, 11211, 27015, 37810};
    (void)state;
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        assert_false(permits_port(&guard, "127.0.0.1", ports[i], NOW));
        assert_false(permits_port(&guard, "2001:db8::1", ports[i], NOW));
    }
    assert_true(permits_port(&guard, "127.0.0.1", 1024, NOW));
    assert_true(permits_port(&guard, "2001:db8::1", 65535, NOW));
}

static void ports_of_the_configuration_are_not_answered(void **state)
{
    (void)state;
    assert_true(permits_port(&guard, "192.0.2.1", 7000, NOW));
    datagram_guard_add(&guard, 7000);
    datagram_guard_add(&guard, 65535);
    assert_false(permits_port(&guard, "192.0.2.1", 7000, NOW));
    assert_false(permits_port(&guard, "::1", 65535, NOW));
    assert_true(permits_port(&guard, "192.0.2.1", 6999, NOW));
    assert_true(permits_port(&guard, "192.0.2.1", 7001, NOW));
}

static void own_ports_are_not_answered(void **state)
{
    struct datagram_socket four = {.bound = address("0.0.0.0", 7000)};
    struct datagram_socket six = {.bound = address("::", 7001)};
    struct datagram_socket local = {.bound.any.sa_family = AF_UNIX};
    (void)state;
    datagram_guard_watch(&guard, &four);
    datagram_guard_watch(&guard, &six);
    datagram_guard_watch(&guard, &local);
    assert_ptr_equal(local.guard, &guard);
    assert_false(permits_port(&guard, "192.0.2.1", 7000, NOW));
    assert_false(permits_port(&guard, "192.0.2.1", 7001, NOW));
}

static void an_address_gets_a_second_s_worth_at_once_and_the_rate_then(void **state)
{
    (void)state;
    assert_int_equal(answered("192.0.2.1", 3 * RATE, NOW), RATE);
    assert_int_equal(answered("192.0.2.1", 10, NOW), 0);
    assert_int_equal(answered("192.0.2.1", RATE, NOW + 100), RATE / 10);
    assert_int_equal(answered("192.0.2.1", 3 * RATE, NOW + 100 + 1000), RATE);
    assert_int_equal(answered("192.0.2.1", 3 * RATE, NOW + 3600 * 1000), RATE);
}

static void ports_of_an_address_count_together(void **state)
{
    int sum = 0;
    (void)state;
    for (unsigned port = 40000; port < 40000 + 3 * RATE; port++)
        sum += permits_port(&guard, "192.0.2.1", port, NOW);
    assert_int_equal(sum, RATE);
}

static void addresses_of_an_ipv6_network_count_together(void **state)
{
    (void)state;
    assert_int_equal(answered("2001:db8::1", 3 * RATE, NOW), RATE);
    assert_int_equal(answered("2001:db8::ffff:1", RATE, NOW), 0);
}

static void ipv4_is_the_same_on_an_ipv6_socket(void **state)
{
    (void)state;
    assert_int_equal(answered("::ffff:192.0.2.1", 3 * RATE, NOW), RATE);
    assert_int_equal(answered("192.0.2.1", RATE, NOW), 0);
}

/* A few may share a bucket, whatever the seed. */
static void others_are_not_concerned(void **state)
{
    char host[32];
    int sum = 0;
    (void)state;
    answered("192.0.2.1", 3 * RATE, NOW);
    for (int i = 0; i < 100; i++) {
        snprintf(host, sizeof host, "%s%d%s", i % 2 == 0 ? "198.51.100." : "2001:db8:1:", i,
                 i % 2 == 0 ? "" : "::1");
        sum += permits(host, NOW);
    }
    assert_in_range(sum, 97, 100);
}

static void this_machine_is_not_counted(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"};
    static struct preforkd_datagram d = {.peer.any.sa_family = AF_UNIX};
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_int_equal(answered(hosts[i], 10 * RATE, NOW), 10 * RATE);
    for (int i = 0; i < 10 * RATE; i++)
        assert_true(datagram_guard_permits(&guard, &d, NOW));
}

static void rates_may_be_anything(void **state)
{
    (void)state;
    guard.rate = 0;
    assert_int_equal(answered("192.0.2.1", 10000, NOW), 10000);
    guard.rate = 1;
    assert_int_equal(answered("192.0.2.2", 10, NOW), 1);
    assert_int_equal(answered("192.0.2.2", 10, NOW + 999), 0);
    assert_int_equal(answered("192.0.2.2", 10, NOW + 1000), 1);
    guard.rate = 1000000;
    assert_int_equal(answered("2001:db8::1", 1100000, NOW + 5000), 1000000);
}

/* Each answers the other's answers: COUNT datagrams that were forged once, and go around in MS.
 * Returns how many still do after a minute. */
static int still_going_around(int count, int64_t ms)
{
    struct datagram_guard other;
    struct error error;
    assert_int_equal(datagram_guard_init(&other, RATE, &error), 0);
    for (int64_t now = NOW; now < NOW + 60 * 1000; now += ms) {
        int left = 0;
        for (int i = 0; i < count; i++)
            left += permits_port(&guard, "192.0.2.1", 7000, now) &&
                    permits_port(&other, "192.0.2.2", 7001, now);
        count = left;
    }
    return count;
}

static void what_two_hosts_tell_each_other_ends_or_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(still_going_around(1, 1), 0);
    prepare(NULL);
    assert_int_equal(still_going_around(1000, 1), 0);
    prepare(NULL);
    assert_in_range(still_going_around(1000, 100), 1, RATE / 10);
}

static void workers_count_together(void **state)
{
    int status;
    (void)state;
    pid_t worker = fork();
    assert_true(worker >= 0);
    if (worker == 0)
        _exit(answered("192.0.2.1", RATE, NOW));
    assert_int_equal(waitpid(worker, &status, 0), worker);
    assert_int_equal(WEXITSTATUS(status), RATE);
    assert_int_equal(answered("192.0.2.1", RATE, NOW), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, prepare)
    const struct CMUnitTest tests[] = {
        TEST(other_services_are_not_answered),
        TEST(ports_of_the_configuration_are_not_answered),
        TEST(own_ports_are_not_answered),
        TEST(an_address_gets_a_second_s_worth_at_once_and_the_rate_then),
        TEST(ports_of_an_address_count_together),
        TEST(addresses_of_an_ipv6_network_count_together),
        TEST(ipv4_is_the_same_on_an_ipv6_socket),
        TEST(others_are_not_concerned),
        TEST(this_machine_is_not_counted),
        TEST(rates_may_be_anything),
        TEST(what_two_hosts_tell_each_other_ends_or_is_bounded),
        TEST(workers_count_together),
    };
    return cmocka_run_group_tests_name("datagram_guard", tests, NULL, NULL);
}
