/* SPDX-License-Identifier: MIT
 *
 * cidr_test - networks are read strictly, include what they should at both of their edges, and an
 * IPv4 client is one on every socket.
 */
#include "lib/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>

static struct error error;

static struct cidr network(const char *text)
{
    struct cidr c;
    if (cidr_parse(text, &c, &error) < 0)
        fail_msg("%s: %s", text, error.text);
    return c;
}

static union socket_address peer(const char *host)
{
    union socket_address a;
    memset(&a, 0xee, sizeof a); /* port, flow and interface are not looked at */
    a.any.sa_family = strchr(host, ':') ? AF_INET6 : strcmp(host, "unix") ? AF_INET : AF_UNIX;
    if (a.any.sa_family != AF_UNIX)
        assert_int_equal(inet_pton(a.any.sa_family, host,
                                   a.any.sa_family == AF_INET ? (void *)&a.in.sin_addr
                                                              : (void *)&a.in6.sin6_addr),
                         1);
    return a;
}

static bool includes(const char *text, const char *host)
{
    struct cidr c = network(text);
    union socket_address a = peer(host);
    return cidr_match(&c, 1, &a);
}

static void network_includes_its_edges_and_not_their_neighbours(void **state)
{
    static const struct {
        const char *text, *before, *first, *last, *behind; /* NULL: there is none */
    } rows[] = {
        {"10.0.0.0/8", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
        {"192.0.2.128/25", "192.0.2.127", "192.0.2.128", "192.0.2.255", "192.0.3.0"},
        {"192.0.2.8/29", "192.0.2.7", "192.0.2.8", "192.0.2.15", "192.0.2.16"},
        {"172.16.0.0/12", "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
        {"128.0.0.0/1", "127.255.255.255", "128.0.0.0", "255.255.255.255", NULL},
        {"0.0.0.0/0", NULL, "0.0.0.0", "255.255.255.255", NULL},
        {"192.0.2.1", "192.0.2.0", "192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"192.0.2.0/31", "192.0.1.255", "192.0.2.0", "192.0.2.1", "192.0.2.2"},
        {"255.255.255.255/32", "255.255.255.254", "255.255.255.255", "255.255.255.255", NULL},
        {"::1", "::", "::1", "::1", "::2"},
        {"2001:db8::/32", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
         "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
        {"fe80::/10", "fe7f:ffff::", "fe80::", "febf:ffff::1", "fec0::"},
        {"2001:db8::/63", "2001:db7::", "2001:db8::", "2001:db8:0:1:ffff::", "2001:db8:0:2::"},
        {"2001:db8::8/125", "2001:db8::7", "2001:db8::8", "2001:db8::f", "2001:db8::10"},
        {"::/0", NULL, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(includes(rows[i].text, rows[i].first));
        assert_true(includes(rows[i].text, rows[i].last));
        assert_false(rows[i].before && includes(rows[i].text, rows[i].before));
        assert_false(rows[i].behind && includes(rows[i].text, rows[i].behind));
    }
}

static void families_are_kept_apart(void **state)
{
    (void)state;
    assert_false(includes("0.0.0.0/0", "::"));
    assert_false(includes("0.0.0.0/0", "unix"));
    assert_false(includes("::/0", "0.0.0.0"));
    assert_false(includes("::/0", "unix"));
    assert_true(includes("unix", "unix"));
    assert_false(includes("unix", "0.0.0.0"));
    assert_false(includes("unix", "::"));
    assert_false(includes("0.0.0.0", "::"));
}

static void mapped_client_is_an_ipv4_client(void **state)
{
    (void)state;
    assert_true(includes("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_false(includes("10.0.0.0/8", "::ffff:11.1.2.3"));
    assert_false(includes("10.0.0.0/8", "::10.1.2.3")); /* not mapped */
    assert_false(includes("::/0", "::ffff:10.1.2.3"));
    assert_true(includes("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_true(includes("::ffff:10.0.0.0/104", "::ffff:10.1.2.3"));
    assert_false(includes("::ffff:10.0.0.0/104", "11.1.2.3"));
    assert_true(includes("::ffff:0:0/96", "192.0.2.1"));
    assert_true(includes("::ffff:192.0.2.1", "192.0.2.1"));
    assert_false(includes("::ffff:192.0.2.1", "192.0.2.2"));
}

static void list_is_searched_to_its_end(void **state)
{
    const struct cidr list[] = {network("10.0.0.0/8"), network("::1"), network("unix")};
    static const char *const in[] = {"10.0.0.1", "::1", "unix", "::ffff:10.0.0.1"};
    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        union socket_address a = peer(in[i]);
        assert_true(cidr_match(list, 3, &a));
        assert_false(cidr_match(list, 0, &a));
    }
    union socket_address a = peer("unix");
    assert_false(cidr_match(list, 2, &a));
    a = peer("192.0.2.1");
    assert_false(cidr_match(list, 3, &a));
}

static void unspecified_peer_is_in_no_network(void **state)
{
    const struct cidr list[] = {network("0.0.0.0/0"), network("::/0"), network("unix")};
    union socket_address a = {.any.sa_family = AF_UNSPEC};
    (void)state;
    assert_false(cidr_match(list, 3, &a));
    a.any.sa_family = AF_NETLINK;
    assert_false(cidr_match(list, 3, &a));
}

static void other_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "/",
        "/8",
        "10",
        "10/8",
        "10.0.0/8",
        "10.0.0.0.",
        "010.0.0.0/8",
        "10.0.0.256",
        "localhost",
        "example.com/8",
        "*",
        "Unix",
        "unix/0",
        " unix",
        "unix ",
        "unix:/x",
        "10.0.0.0:80",
        "[::1]",
        "[::1]/128",
        "fe80::1%lo",
        "::1::",
        ":",
        " 10.0.0.0/8",
        "12345::",
        "1:2:3:4:5:6:7:8:9",
        "tcp://10.0.0.0",
        "::ffff:10.0.0.0.0",
        "0000:0000:0000:0000:0000:0000:255.255.255.2555",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    };
    struct cidr c = {.bits = 77};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (cidr_parse(texts[i], &c, &error) == 0)
            fail_msg("\"%s\" is taken", texts[i]);
        assert_int_equal(error.code, EXIT_CODE_CONFIG);
        assert_non_null(strstr(error.text, "is not a network; write"));
        assert_int_equal(c.bits, 77);
    }
}

static void prefixes_are_numbers_in_range(void **state)
{
    static const char *const texts[] = {
        "10.0.0.0/",          "10.0.0.0/33",         "10.0.0.0/-1",  "10.0.0.0/+8", "10.0.0.0/08",
        "10.0.0.0/8 ",        "10.0.0.0/ 8",         "10.0.0.0/8/8", "10.0.0.0/a",  "10.0.0.0/0x8",
        "10.0.0.0/255.0.0.0", "10.0.0.0/4294967304", "0.0.0.0/00",
    };
    struct cidr c;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (cidr_parse(texts[i], &c, &error) == 0)
            fail_msg("\"%s\" is taken", texts[i]);
        assert_non_null(strstr(error.text, "is not a number from 0 to 32"));
    }
    assert_int_equal(cidr_parse("::/129", &c, &error), -1);
    assert_string_equal(error.text, "the prefix of \"::/129\" is not a number from 0 to 128");
}

static void bits_behind_the_prefix_are_an_error_that_says_what_to_write(void **state)
{
    struct cidr c;
    (void)state;
    assert_int_equal(cidr_parse("10.1.2.3/8", &c, &error), -1);
    assert_string_equal(error.text, "\"10.1.2.3/8\" has bits behind its prefix; write "
                                    "\"10.0.0.0/8\" for the network or \"10.1.2.3\" for the host");
    assert_int_equal(cidr_parse("2001:db8::1/127", &c, &error), -1);
    assert_non_null(strstr(error.text, "\"2001:db8::/127\""));
    assert_int_equal(cidr_parse("1.0.0.0/0", &c, &error), -1);
    assert_int_equal(cidr_parse("192.0.2.1/31", &c, &error), -1);
    assert_int_equal(cidr_parse("::ffff:10.0.0.0/95", &c, &error), -1);
}

static void what_is_printed_is_what_is_read(void **state)
{
    static const struct {
        const char *text, *printed;
    } rows[] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"192.0.2.1/32", "192.0.2.1"},
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"2001:DB8:0::0/32", "2001:db8::/32"},
        {"::1/128", "::1"},
        {"::/0", "::/0"},
        {"unix", "unix"},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
        {"::ffff:0:0/96", "0.0.0.0/0"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
    };
    char text[CIDR_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cidr c = network(rows[i].text);
        assert_string_equal(cidr_print(&c, text), rows[i].printed);
        c = network(text);
        assert_string_equal(cidr_print(&c, text), rows[i].printed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_includes_its_edges_and_not_their_neighbours),
        cmocka_unit_test(families_are_kept_apart),
        cmocka_unit_test(mapped_client_is_an_ipv4_client),
        cmocka_unit_test(list_is_searched_to_its_end),
        cmocka_unit_test(unspecified_peer_is_in_no_network),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(prefixes_are_numbers_in_range),
        cmocka_unit_test(bits_behind_the_prefix_are_an_error_that_says_what_to_write),
        cmocka_unit_test(what_is_printed_is_what_is_read),
    };
    return cmocka_run_group_tests_name("cidr", tests, NULL, NULL);
}
