/* SPDX-License-Identifier: MIT
 *
 * address_test - every way to write an address, and what is said about the wrong ones.
 *
 * Names are resolved only as far as no name server is asked: getaddrinfo(3) knows the old short
 * forms of IPv4 addresses by itself.
 */
#include "lib/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>

#define PATH_MAX_UNIX (sizeof((struct sockaddr_un *)0)->sun_path - 1)

static struct address found[ADDRESS_RESOLVED_MAX];
static struct error error;

static int empty(void **state)
{
    (void)state;
    memset(found, 0xAA, sizeof found); /* nothing may be left as it was */
    memset(&error, 0, sizeof error);
    return 0;
}

static const struct address *parsed(const char *text)
{
    if (address_parse(text, found, &error) != 1)
        fail_msg("%s: %s", text, error.text);
    assert_int_equal(address_check(text, &error), 0);
    return &found[0];
}

/* TEXT is refused, and each of WORDS, NULL behind the last, is in what is said about it. */
static void refuse(const char *text, const char *const *words)
{
    struct error checked = {0};
    empty(NULL);
    if (address_parse(text, found, &error) != -1)
        fail_msg("\"%s\" was taken", text);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    for (; *words; words++)
        if (!strstr(error.text, *words))
            fail_msg("\"%s\": no \"%s\" in: %s", text, *words, error.text);
    assert_int_equal(address_check(text, &checked), -1);
    assert_string_equal(checked.text, error.text);
}

#define expect_refused(text, ...) refuse(text, (const char *const[]){__VA_ARGS__, NULL})

static const char *round_trip(const char *text)
{
    static char printed[ADDRESS_TEXT_MAX];
    struct address first = *parsed(text);
    address_print(&first, printed);
    assert_int_equal(address_parse(printed, found, &error), 1);
    assert_int_equal(found[0].length, first.length);
    assert_memory_equal(&found[0].socket, &first.socket, first.length);
    assert_int_equal(found[0].dual_stack, first.dual_stack);
    assert_int_equal(found[0].type, first.type);
    assert_int_equal(found[0].number, first.number);
    assert_string_equal(found[0].name, first.name);
    return printed;
}

static void ipv4(void **state)
{
    const struct address *a = parsed("tcp://127.0.0.1:7000");
    (void)state;
    assert_int_equal(a->length, sizeof(struct sockaddr_in));
    assert_int_equal(a->socket.in.sin_family, AF_INET);
    assert_int_equal(ntohl(a->socket.in.sin_addr.s_addr), 0x7F000001);
    assert_int_equal(ntohs(a->socket.in.sin_port), 7000);
    assert_false(a->dual_stack);
    assert_string_equal(round_trip("tcp://127.0.0.1:7000"), "tcp://127.0.0.1:7000");
}

static void ipv6(void **state)
{
    const struct address *a = parsed("tcp://[2001:db8::1]:65535");
    (void)state;
    assert_int_equal(a->length, sizeof(struct sockaddr_in6));
    assert_int_equal(a->socket.in6.sin6_family, AF_INET6);
    assert_int_equal(a->socket.in6.sin6_addr.s6_addr[0], 0x20);
    assert_int_equal(a->socket.in6.sin6_addr.s6_addr[15], 1);
    assert_int_equal(ntohs(a->socket.in6.sin6_port), 65535);
    assert_int_equal(a->socket.in6.sin6_scope_id, 0);
    assert_int_equal(a->socket.in6.sin6_flowinfo, 0);
    assert_false(a->dual_stack);
    assert_string_equal(round_trip("tcp://[2001:db8::1]:65535"), "tcp://[2001:db8::1]:65535");
    assert_string_equal(round_trip("tcp://[2001:0DB8:0::1]:1"), "tcp://[2001:db8::1]:1");
}

static void star_is_every_address(void **state)
{
    const struct address *a = parsed("tcp://*:0");
    (void)state;
    assert_int_equal(a->socket.in6.sin6_family, AF_INET6);
    assert_true(IN6_IS_ADDR_UNSPECIFIED(&a->socket.in6.sin6_addr));
    assert_int_equal(a->socket.in6.sin6_port, 0);
    assert_true(a->dual_stack);
    assert_string_equal(round_trip("tcp://*:80"), "tcp://*:80");
    assert_string_equal(round_trip("tcp://[::]:80"), "tcp://[::]:80");
}

static void names_are_resolved(void **state)
{
    char text[ADDRESS_TEXT_MAX];
    (void)state;
    assert_int_equal(address_parse("tcp://127.1:80", found, &error), 1);
    assert_string_equal(address_print(&found[0], text), "tcp://127.0.0.1:80");
    assert_int_equal(address_check("tcp://no-such-host.invalid:80", &error), 0);
}

static void names_that_cannot_be_are_refused(void **state)
{
    /* A label of 64 letters: no resolver sends such a question. */
    static const char text[] =
        "tcp://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid:80";
    (void)state;
    assert_int_equal(address_parse(text, found, &error), -1);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    assert_non_null(strstr(error.text, "cannot resolve \"aaaa"));
}

static void unix_path(void **state)
{
    const struct address *a = parsed("unix:///run/preforkd/greet.sock");
    (void)state;
    assert_int_equal(a->socket.un.sun_family, AF_UNIX);
    assert_string_equal(a->socket.un.sun_path, "/run/preforkd/greet.sock");
    assert_int_equal(a->length, offsetof(struct sockaddr_un, sun_path) + 25);
    assert_string_equal(address_path(a), "/run/preforkd/greet.sock");
    assert_string_equal(round_trip("unix:///a b"), "unix:///a b");
}

static void unix_abstract(void **state)
{
    const struct address *a = parsed("unix:@greet");
    (void)state;
    assert_int_equal(a->socket.un.sun_family, AF_UNIX);
    assert_memory_equal(a->socket.un.sun_path, "\0greet", 6);
    assert_int_equal(a->length, offsetof(struct sockaddr_un, sun_path) + 6);
    assert_null(address_path(a));
    assert_string_equal(round_trip("unix:@greet"), "unix:@greet");
}

static void only_unix_paths_have_a_path(void **state)
{
    (void)state;
    assert_null(address_path(parsed("tcp://127.0.0.1:1")));
    assert_null(address_path(parsed("tcp://[::1]:1")));
}

static void longest_unix_names(void **state)
{
    char path[] = "unix:///";
    char text[300];
    (void)state;
    snprintf(text, sizeof text, "%s%0*d", path, (int)(PATH_MAX_UNIX - 1), 0);
    assert_int_equal(strlen(parsed(text)->socket.un.sun_path), PATH_MAX_UNIX);
    assert_string_equal(round_trip(text), text);
    snprintf(text, sizeof text, "unix:@%0*d", (int)PATH_MAX_UNIX, 0);
    assert_int_equal(parsed(text)->length, sizeof(struct sockaddr_un));
    assert_string_equal(round_trip(text), text);
    snprintf(text, sizeof text, "%s%0*d", path, (int)PATH_MAX_UNIX, 0);
    expect_refused(text, "too long", "108 of 107 bytes");
    snprintf(text, sizeof text, "unix:@%0*d", (int)PATH_MAX_UNIX + 1, 0);
    expect_refused(text, "too long");
}

static void wrong_unix_addresses(void **state)
{
    (void)state;
    expect_refused("unix:", "unix:///absolute/path", "unix:@name");
    expect_refused("unix://", "unix:///absolute/path");
    expect_refused("unix://run/x", "unix:///absolute/path");
    expect_refused("unix:/run/x", "unix:///absolute/path");
    expect_refused("unix:name", "unix:@name");
    expect_refused("unix:@", "empty");
}

static void wrong_ports(void **state)
{
    (void)state;
    expect_refused("tcp://127.0.0.1:70000", "70000", "out of range (0 to 65535)");
    expect_refused("tcp://[::1]:65536", "65536", "out of range");
    expect_refused("tcp://127.0.0.1:http", "\"http\" is not a number");
    expect_refused("tcp://127.0.0.1:-1", "\"-1\" is not a number");
    expect_refused("tcp://127.0.0.1:80x", "\"80x\" is not a number");
    expect_refused("tcp://127.0.0.1: 80", "is not a number");
    expect_refused("tcp://127.0.0.1:", "\"\" is not a number");
    expect_refused("tcp://[::1]:", "is not a number");
    expect_refused("tcp://*:99999999999999999999", "is not a number");
}

static void wrong_hosts(void **state)
{
    char text[400];
    (void)state;
    expect_refused("tcp://127.0.0.1", "has no port", "tcp://HOST:PORT");
    expect_refused("tcp://", "has no port");
    expect_refused("tcp://:80", "has no host", "tcp://*:PORT");
    expect_refused("tcp://[]:80", "has no host");
    snprintf(text, sizeof text, "tcp://%0300d:80", 0);
    expect_refused(text, "has no host");
}

static void wrong_brackets(void **state)
{
    (void)state;
    expect_refused("tcp://::1:7000", "brackets", "tcp://[::1]:7000");
    expect_refused("tcp://2001:db8::1:80", "tcp://[2001:db8::1]:80");
    expect_refused("tcp://[::1]", "]:PORT", "tcp://[::1]:7000");
    expect_refused("tcp://[::1:7000", "]:PORT");
    expect_refused("tcp://[::1]7000", "]:PORT");
    expect_refused("tcp://[127.0.0.1]:80", "\"127.0.0.1\" is not an IPv6 address");
    expect_refused("tcp://[::g]:80", "\"::g\" is not an IPv6 address");
}

static void type_comes_of_the_scheme(void **state)
{
    (void)state;
    assert_int_equal(parsed("tcp://127.0.0.1:7")->type, SOCK_STREAM);
    assert_int_equal(parsed("udp://127.0.0.1:7")->type, SOCK_DGRAM);
    assert_int_equal(parsed("unix:///x")->type, SOCK_STREAM);
    assert_int_equal(parsed("unixgram:///x")->type, SOCK_DGRAM);
    assert_int_equal(parsed("seqpacket:@x")->type, SOCK_SEQPACKET);
    assert_int_equal(address_parse("udp://127.1:80", found, &error), 1); /* resolved */
    assert_int_equal(found[0].type, SOCK_DGRAM);
}

static void datagram_addresses(void **state)
{
    (void)state;
    assert_string_equal(round_trip("udp://127.0.0.1:53"), "udp://127.0.0.1:53");
    assert_string_equal(round_trip("udp://[::1]:53"), "udp://[::1]:53");
    assert_string_equal(round_trip("udp://*:53"), "udp://*:53");
    assert_true(found[0].dual_stack);
    assert_int_equal(address_check("udp://no-such-host.invalid:80", &error), 0);
    assert_string_equal(round_trip("unixgram:///run/x"), "unixgram:///run/x");
    assert_string_equal(address_path(&found[0]), "/run/x");
    assert_string_equal(round_trip("unixgram:@x"), "unixgram:@x");
    assert_string_equal(round_trip("seqpacket:///run/x"), "seqpacket:///run/x");
    assert_string_equal(round_trip("seqpacket:@x"), "seqpacket:@x");
}

static void what_is_wrong_is_told_with_its_scheme(void **state)
{
    (void)state;
    expect_refused("udp://127.0.0.1", "has no port", "udp://HOST:PORT");
    expect_refused("udp://:53", "udp://*:PORT");
    expect_refused("udp://::1:53", "udp://[::1]:53");
    expect_refused("udp://[::1]", "udp://[::1]:7000");
    expect_refused("udp://127.0.0.1:65536", "out of range");
    expect_refused("unixgram://run/x", "unixgram:///absolute/path", "unixgram:@name");
    expect_refused("unixgram:x", "unixgram:@name");
    expect_refused("seqpacket:@", "empty");
    expect_refused("seqpacket://", "seqpacket:///absolute/path");
    expect_refused("unixgram//x", "is not an address");
}

static void inherited_sockets(void **state)
{
    const struct address *a = parsed("fd://web.socket");
    (void)state;
    assert_true(address_is_inherited(a));
    assert_false(address_is_ephemeral(a));
    assert_null(address_path(a));
    assert_int_equal(a->type, 0);
    assert_int_equal(a->number, 0);
    assert_string_equal(a->name, "web.socket");
    assert_string_equal(round_trip("fd://web.socket"), "fd://web.socket");
    assert_string_equal(round_trip("fd://web:2"), "fd://web:2");
    assert_int_equal(found[0].number, 2);
    assert_string_equal(round_trip("fd://a b/c@d"), "fd://a b/c@d");
    assert_false(address_is_inherited(parsed("unix:@web")));
    assert_false(address_is_inherited(parsed("tcp://127.0.0.1:1")));
}

static void names_of_inherited_sockets(void **state)
{
    char text[300], printed[ADDRESS_TEXT_MAX];
    (void)state;
    snprintf(text, sizeof text, "fd://%0255d:9999", 0);
    assert_string_equal(address_print(parsed(text), printed), text);
    snprintf(text, sizeof text, "fd://%0256d", 0);
    expect_refused(text, "too long", "256 of 255 bytes");
    expect_refused("fd://", "has no name", "fd://NAME");
    expect_refused("fd://:1", "has no name");
    expect_refused("fd://caf\xc3\xa9", "printable ASCII");
    expect_refused("fd://a\tb", "printable ASCII");
    expect_refused("fd://web:", "write fd://NAME:1");
    expect_refused("fd://web:0", "write fd://NAME:1");
    expect_refused("fd://web:10000", "write fd://NAME:1");
    expect_refused("fd://web:1:2", "write fd://NAME:1");
    expect_refused("fd:web", "did you mean \"fd://\"?");
}

static void types_by_scheme(void **state)
{
    (void)state;
    assert_int_equal(address_type("tcp://127.0.0.1:1"), SOCK_STREAM);
    assert_int_equal(address_type("unix:///x"), SOCK_STREAM);
    assert_int_equal(address_type("udp://127.0.0.1:1"), SOCK_DGRAM);
    assert_int_equal(address_type("unixgram:@x"), SOCK_DGRAM);
    assert_int_equal(address_type("seqpacket:@x"), SOCK_SEQPACKET);
    assert_int_equal(address_type("fd://x"), 0);
    assert_int_equal(address_type("nonsense"), 0);
}

static void host_and_port_alone_are_tcp(void **state)
{
    static const char *const texts[][2] = {{"127.0.0.1:7000", "tcp://127.0.0.1:7000"},
                                           {"[::1]:7000", "tcp://[::1]:7000"},
                                           {"*:7000", "tcp://*:7000"},
                                           {"localhost:7000", "tcp://localhost:7000"},
                                           {"tcp://*:7000", "tcp://*:7000"},
                                           {"udp://*:7000", "udp://*:7000"},
                                           {"unix:@x", "unix:@x"},
                                           {"unix:x", "unix:x"},
                                           {"seqpacket:@x", "seqpacket:@x"},
                                           {"fd://x", "fd://x"}};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *text = address_complete(texts[i][0]);
        assert_string_equal(text, texts[i][1]);
        free(text);
    }
}

static void wrong_schemes(void **state)
{
    (void)state;
    expect_refused("", "is not an address", "tcp://HOST:PORT", "unix:///path");
    expect_refused("127.0.0.1:80", "is not an address", "tcp://HOST:PORT");
    expect_refused("/run/x", "is not an address", "unix:///path");
    expect_refused("http://127.0.0.1:80", "is not an address");
    expect_refused("tpc://127.0.0.1:80", "did you mean \"tcp://\"?");
    expect_refused("TCP://127.0.0.1:80", "is not an address");
    expect_refused("unx:///run/x", "did you mean \"unix:///\"?");
    expect_refused("seqpaket:@x", "did you mean \"seqpacket:@\"?");
    expect_refused("a-scheme-that-is-longer-than-any-buffer-for-it://x", "is not an address");
}

static const char *peer_of(const char *text)
{
    static char peer[ADDRESS_TEXT_MAX];
    return address_peer(&parsed(text)->socket, peer);
}

static void peers_are_printed_for_people(void **state)
{
    union socket_address none = {0};
    char text[ADDRESS_TEXT_MAX] = "untouched";
    (void)state;
    assert_string_equal(peer_of("tcp://192.0.2.1:4711"), "192.0.2.1:4711");
    assert_string_equal(peer_of("tcp://[2001:db8::1]:4711"), "[2001:db8::1]:4711");
    assert_string_equal(peer_of("tcp://[::ffff:192.0.2.1]:4711"), "192.0.2.1:4711");
    assert_string_equal(peer_of("tcp://[::192.0.2.1]:80"), "[::192.0.2.1]:80");
    assert_string_equal(peer_of("unix:@x"), "unix");
    assert_string_equal(peer_of("unix:///x"), "unix");
    assert_string_equal(address_peer(&none, text), "");
}

static bool equal(const char *a, const char *b)
{
    struct address first = *parsed(a), second = *parsed(b);
    bool one_way = address_equal(&first, &second);
    assert_int_equal(one_way, address_equal(&second, &first));
    return one_way;
}

static void equal_means_the_same_socket(void **state)
{
    (void)state;
    assert_true(equal("tcp://127.0.0.1:80", "tcp://127.0.0.1:80"));
    assert_true(equal("tcp://[::1]:80", "tcp://[0:0::1]:080"));
    assert_true(equal("tcp://*:80", "tcp://*:80"));
    assert_true(equal("unix:///a", "unix:///a"));
    assert_true(equal("unix:@a", "unix:@a"));
    assert_false(equal("tcp://127.0.0.1:80", "tcp://127.0.0.1:81"));
    assert_false(equal("tcp://127.0.0.1:80", "tcp://127.0.0.2:80"));
    assert_false(equal("tcp://127.0.0.1:80", "tcp://[::1]:80"));
    assert_false(equal("tcp://*:80", "tcp://[::]:80"));
    assert_false(equal("unix:///a", "unix:///ab"));
    assert_false(equal("unix:@a", "unix:@b"));
    assert_false(equal("unix:@/a", "unix:///a"));
}

static void types_are_different_sockets(void **state)
{
    (void)state;
    assert_true(equal("udp://127.0.0.1:80", "udp://127.0.0.1:80"));
    assert_true(equal("seqpacket:@a", "seqpacket:@a"));
    assert_false(equal("udp://127.0.0.1:80", "tcp://127.0.0.1:80"));
    assert_false(equal("udp://*:80", "tcp://*:80"));
    assert_false(equal("unix:@a", "unixgram:@a"));
    assert_false(equal("unix:///a", "seqpacket:///a"));
    assert_true(equal("fd://a", "fd://a"));
    assert_true(equal("fd://a", "fd://a:1"));
    assert_false(equal("fd://a", "fd://a:2"));
    assert_false(equal("fd://a", "fd://b"));
    assert_false(equal("fd://a", "unix:@a"));
}

static bool collide(const char *a, const char *b)
{
    struct address first = *parsed(a), second = *parsed(b);
    return address_collide(&first, &second);
}

static void file_holds_one_socket_of_any_type(void **state)
{
    (void)state;
    assert_true(collide("unix:///a", "unix:///a"));
    assert_true(collide("unix:///a", "seqpacket:///a"));
    assert_true(collide("unixgram:///a", "seqpacket:///a"));
    assert_false(collide("unixgram:///a", "unixgram:///b"));
    assert_false(collide("unix:@a", "unixgram:@a")); /* one name space for each type */
    assert_false(collide("udp://127.0.0.1:80", "tcp://127.0.0.1:80"));
    assert_false(collide("udp://127.0.0.1:0", "udp://127.0.0.1:0"));
}

static void port_0_equals_nothing(void **state)
{
    (void)state;
    assert_false(equal("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"));
    assert_false(equal("tcp://[::1]:0", "tcp://[::1]:0"));
    assert_false(equal("tcp://*:0", "tcp://*:0"));
    assert_false(equal("udp://*:0", "udp://*:0"));
    struct address first = *parsed("udp://*:0");
    assert_true(address_alike(&first, parsed("udp://*:0")));
    assert_false(address_alike(&first, parsed("tcp://*:0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ipv4, empty),
        cmocka_unit_test_setup(ipv6, empty),
        cmocka_unit_test_setup(star_is_every_address, empty),
        cmocka_unit_test_setup(names_are_resolved, empty),
        cmocka_unit_test_setup(names_that_cannot_be_are_refused, empty),
        cmocka_unit_test_setup(unix_path, empty),
        cmocka_unit_test_setup(unix_abstract, empty),
        cmocka_unit_test_setup(only_unix_paths_have_a_path, empty),
        cmocka_unit_test_setup(longest_unix_names, empty),
        cmocka_unit_test_setup(wrong_unix_addresses, empty),
        cmocka_unit_test_setup(wrong_ports, empty),
        cmocka_unit_test_setup(wrong_hosts, empty),
        cmocka_unit_test_setup(wrong_brackets, empty),
        cmocka_unit_test_setup(type_comes_of_the_scheme, empty),
        cmocka_unit_test_setup(datagram_addresses, empty),
        cmocka_unit_test_setup(what_is_wrong_is_told_with_its_scheme, empty),
        cmocka_unit_test_setup(inherited_sockets, empty),
        cmocka_unit_test_setup(names_of_inherited_sockets, empty),
        cmocka_unit_test_setup(types_by_scheme, empty),
        cmocka_unit_test_setup(host_and_port_alone_are_tcp, empty),
        cmocka_unit_test_setup(wrong_schemes, empty),
        cmocka_unit_test_setup(peers_are_printed_for_people, empty),
        cmocka_unit_test_setup(equal_means_the_same_socket, empty),
        cmocka_unit_test_setup(types_are_different_sockets, empty),
        cmocka_unit_test_setup(file_holds_one_socket_of_any_type, empty),
        cmocka_unit_test_setup(port_0_equals_nothing, empty),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
