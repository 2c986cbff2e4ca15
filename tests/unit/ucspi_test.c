/* SPDX-License-Identifier: MIT
 *
 * ucspi_test - a connection is told as UCSPI tells it, with nothing in a value that a client or a
 * path could do harm with.
 */
#include "server/ucspi.h"

#include "lib/fds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ucspi ucspi;
static int listener, client, served;

static int make(void **state)
{
    (void)state;
    memset(&ucspi, 0xAA, sizeof ucspi);
    listener = client = served = -1;
    return 0;
}

static int release(void **state)
{
    (void)state;
    int *fds[] = {&listener, &client, &served};
    for (int i = 0; i < 3; i++)
        fds_close(fds[i]);
    return 0;
}

/* The value of NAME, NULL where it has none; fails where it has two. */
static const char *get(const char *name)
{
    const char *found = NULL;
    size_t length = strlen(name);
    for (int i = 0; i < ucspi.count; i++)
        if (strncmp(ucspi.text[i], name, length) == 0 && ucspi.text[i][length] == '=') {
            assert_null(found);
            found = ucspi.text[i] + length + 1;
        }
    return found;
}

static void expect(const char *name, const char *value)
{
    assert_non_null(get(name));
    assert_string_equal(get(name), value);
}

static void expect_number(const char *name, long value)
{
    char text[24];
    snprintf(text, sizeof text, "%ld", value);
    expect(name, text);
}

static socklen_t name_of(int fd, union socket_address *address)
{
    socklen_t length = sizeof *address;
    assert_int_equal(getsockname(fd, &address->any, &length), 0);
    return length;
}

/* A client connects to ADDRESS, and is described. */
static void describe(union socket_address *address, socklen_t length)
{
    union socket_address peer = {0};
    socklen_t size = sizeof peer;
    client = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &address->any, length), 0);
    served = accept(listener, &peer.any, &size);
    assert_true(served >= 0);
    ucspi_describe(&ucspi, served, &peer, NULL);
}

static bool listens(union socket_address *address, socklen_t length)
{
    listener = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return listener >= 0 && bind(listener, &address->any, length) == 0 && listen(listener, 4) == 0;
}

static void expect_tcp(const char *host, int remote_port, int local_port)
{
    assert_int_equal(ucspi.count, 7);
    expect("PROTO", "TCP");
    expect("TCPREMOTEIP", host);
    expect("REMOTE_ADDR", host);
    expect("TCPLOCALIP", host);
    expect_number("TCPREMOTEPORT", remote_port);
    expect_number("REMOTE_PORT", remote_port);
    expect_number("TCPLOCALPORT", local_port);
}

static void ipv4(void **state)
{
    union socket_address at = {.in = {.sin_family = AF_INET}}, from;
    (void)state;
    at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(listens(&at, sizeof at.in));
    name_of(listener, &at);
    describe(&at, sizeof at.in);
    name_of(client, &from);
    expect_tcp("127.0.0.1", ntohs(from.in.sin_port), ntohs(at.in.sin_port));
}

static void ipv6(void **state)
{
    union socket_address at = {.in6 = {.sin6_family = AF_INET6}}, from;
    (void)state;
    at.in6.sin6_addr = in6addr_loopback;
    if (!listens(&at, sizeof at.in6))
        skip(); /* this machine has no IPv6 */
    name_of(listener, &at);
    describe(&at, sizeof at.in6);
    name_of(client, &from);
    expect_tcp("::1", ntohs(from.in6.sin6_port), ntohs(at.in6.sin6_port));
}

static void ipv4_client_of_a_dual_socket_is_ipv4(void **state)
{
    union socket_address at = {.in6 = {.sin6_family = AF_INET6}}, from;
    (void)state;
    if (!listens(&at, sizeof at.in6))
        skip(); /* this machine has no IPv6 */
    name_of(listener, &at);
    at.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = at.in6.sin6_port};
    at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    describe(&at, sizeof at.in);
    name_of(client, &from);
    expect_tcp("127.0.0.1", ntohs(from.in.sin_port), ntohs(at.in.sin_port));
}

/* The longest that there are, and a scope, which no value may hold. */
static void longest_addresses_fit(void **state)
{
    union socket_address peer = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(65535)}};
    (void)state;
    memset(&peer.in6.sin6_addr, 0xFE, sizeof peer.in6.sin6_addr);
    peer.in6.sin6_scope_id = 7;
    ucspi_describe(&ucspi, -1, &peer, NULL);
    expect("TCPREMOTEIP", "fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe");
    expect("TCPREMOTEPORT", "65535");
}

static socklen_t unix_address(union socket_address *address, const char *name, size_t length)
{
    assert_in_range(length, 0, sizeof address->un.sun_path);
    memset(address, 0, sizeof *address);
    address->un.sun_family = AF_UNIX;
    memcpy(address->un.sun_path, name, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static void expect_ipc(const char *path)
{
    expect("PROTO", "IPC");
    expect_number("IPCREMOTEPID", getpid());
    expect_number("IPCREMOTEEUID", geteuid());
    expect_number("IPCREMOTEEGID", getegid());
    if (path)
        expect("IPCLOCALPATH", path);
    assert_int_equal(ucspi.count, path ? 5 : 4);
}

/* A socket in a new folder, named NAME, is told so; TOLD: with its path. */
static void unix_socket(const char *name, bool told)
{
    char folder[] = "/tmp/preforkd-ucspi-XXXXXX", path[160];
    union socket_address at;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    socklen_t length = unix_address(&at, path, strlen(path));
    bool listening = listens(&at, length);
    if (listening)
        describe(&at, length);
    unlink(path);
    rmdir(folder);
    assert_true(listening);
    expect_ipc(told ? path : NULL);
}

static void unix_path(void **state)
{
    (void)state;
    unix_socket("a.sock", true);
}

static void odd_path_is_not_told(void **state)
{
    static const char *const names[] = {"a b", "a=b", "a\nb", "a'b", "a;b", "a$b", "\xC3\xA4"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unix_socket(names[i], false);
        release(NULL);
    }
}

/* As long as a path can be; the kernel tells one byte more than the structure has room for. */
static void longest_path_is_told_whole(void **state)
{
    char name[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    size_t length = sizeof name - 1 - strlen("/tmp/preforkd-ucspi-XXXXXX/");
    (void)state;
    memset(name, 'n', length);
    name[length] = '\0';
    unix_socket(name, true);
    release(NULL);
    name[length - 1] = '\0';
    unix_socket(name, true);
}

static void abstract(const char *name, size_t length, const char *told)
{
    union socket_address at;
    socklen_t size = unix_address(&at, name, length);
    assert_true(listens(&at, size));
    describe(&at, size);
    expect_ipc(told);
    release(NULL);
}

static void abstract_name_has_an_at(void **state)
{
    (void)state;
    abstract("\0preforkd-ucspi-test", 20, "@preforkd-ucspi-test");
}

/* Told in part it would be the name of another socket. */
static void abstract_name_that_cannot_be_told_is_not(void **state)
{
    (void)state;
    abstract("\0preforkd-ucspi\0test", 20, NULL);
    abstract("\0preforkd-ucspi-test\0", 21, NULL);
    abstract("\0preforkd ucspi test", 20, NULL);
}

static void longest_abstract_name_fits(void **state)
{
    char name[sizeof((struct sockaddr_un *)0)->sun_path], told[sizeof name + 1] = "@";
    (void)state;
    memset(name, 'n', sizeof name);
    memcpy(name, "\0preforkd-ucspi-", 16);
    memcpy(told + 1, name + 1, sizeof name - 1);
    abstract(name, sizeof name, told);
}

static void unnamed_socket_has_no_path(void **state)
{
    union socket_address peer = {.any.sa_family = AF_UNIX};
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client = ends[0];
    served = ends[1];
    ucspi_describe(&ucspi, served, &peer, NULL);
    expect_ipc(NULL);
}

/* The connection itself is another one, to the proxy. */
static void client_of_a_proxy_is_told_as_the_proxy_tells_it(void **state)
{
    union socket_address at = {.in = {.sin_family = AF_INET}}, to = at;
    (void)state;
    inet_pton(AF_INET, "192.0.2.1", &at.in.sin_addr);
    inet_pton(AF_INET, "192.0.2.1", &to.in.sin_addr);
    at.in.sin_port = htons(56324);
    to.in.sin_port = htons(443);
    unnamed_socket_has_no_path(state);
    ucspi_describe(&ucspi, served, &at, &to);
    expect_tcp("192.0.2.1", 56324, 443);
}

/* Its credentials would be the proxy's. */
static void unix_client_of_a_proxy_has_no_credentials(void **state)
{
    union socket_address at = {.any.sa_family = AF_UNIX}, to;
    (void)state;
    unnamed_socket_has_no_path(state);
    unix_address(&to, "/run/server", sizeof "/run/server");
    ucspi_describe(&ucspi, served, &at, &to);
    assert_int_equal(ucspi.count, 2);
    expect("PROTO", "IPC");
    expect("IPCLOCALPATH", "/run/server");
    unix_address(&to, "\0abstract", sizeof "\0abstract"); /* where it ends is not told */
    ucspi_describe(&ucspi, served, &at, &to);
    assert_int_equal(ucspi.count, 1);
    expect("PROTO", "IPC");
}

/* A program that is handed a socket for datagrams has no client, or many. */
static void datagrams(const char *path)
{
    union socket_address at = {.in = {.sin_family = AF_INET}}, nobody = {0};
    socklen_t length = sizeof at.in;
    at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (path)
        length = unix_address(&at, path, strlen(path + 1) + 1);
    served = socket(at.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(served, &at.any, length), 0);
    ucspi_describe(&ucspi, served, &nobody, NULL);
}

static void socket_for_datagrams_is_told_without_a_client(void **state)
{
    union socket_address at;
    (void)state;
    datagrams(NULL);
    name_of(served, &at);
    assert_int_equal(ucspi.count, 3);
    expect("PROTO", "UDP");
    expect("UDPLOCALIP", "127.0.0.1");
    expect_number("UDPLOCALPORT", ntohs(at.in.sin_port));
    release(NULL);
    datagrams("\0preforkd-ucspi-datagrams");
    assert_int_equal(ucspi.count, 2);
    expect("PROTO", "IPC");
    expect("IPCLOCALPATH", "@preforkd-ucspi-datagrams");
}

static bool is_named(const char *text)
{
    for (const char *const *name = ucspi_names; *name; name++)
        if (strncmp(text, *name, strlen(*name)) == 0 && text[strlen(*name)] == '=')
            return true;
    return false;
}

/* The preload library takes away what an earlier connection has left by these names. */
static void every_name_is_in_the_list(void **state)
{
    int names = 0, told = 0;
    ipv4(state);
    for (int i = 0; i < ucspi.count; i++, told++)
        assert_true(is_named(ucspi.text[i]));
    release(NULL);
    unix_path(state);
    for (int i = 0; i < ucspi.count; i++)
        assert_true(is_named(ucspi.text[i]));
    told += ucspi.count - 1; /* PROTO is in all */
    release(NULL);
    datagrams(NULL);
    for (int i = 0; i < ucspi.count; i++)
        assert_true(is_named(ucspi.text[i]));
    told += ucspi.count - 1;
    for (const char *const *name = ucspi_names; *name; name++)
        names++;
    assert_int_equal(names, told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ipv4),
        TEST(ipv6),
        TEST(ipv4_client_of_a_dual_socket_is_ipv4),
        TEST(longest_addresses_fit),
        TEST(unix_path),
        TEST(odd_path_is_not_told),
        TEST(longest_path_is_told_whole),
        TEST(abstract_name_has_an_at),
        TEST(abstract_name_that_cannot_be_told_is_not),
        TEST(longest_abstract_name_fits),
        TEST(unnamed_socket_has_no_path),
        TEST(client_of_a_proxy_is_told_as_the_proxy_tells_it),
        TEST(unix_client_of_a_proxy_has_no_credentials),
        TEST(socket_for_datagrams_is_told_without_a_client),
        TEST(every_name_is_in_the_list),
    };
    return cmocka_run_group_tests_name("ucspi", tests, NULL, NULL);
}
