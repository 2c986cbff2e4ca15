/* SPDX-License-Identifier: MIT
 *
 * dial_test - sockets of every type reach their server, and its answers reach them.
 */
#include "client/dial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

static struct address found[ADDRESS_RESOLVED_MAX];
static struct error error;

static void resolve(const char *text)
{
    if (dial_resolve(text, found, &error) != 1)
        fail_msg("%s", error.text);
}

static void refuse(const char *text, const char *words)
{
    assert_int_equal(dial_resolve(text, found, &error), -1);
    assert_int_equal(error.code, EXIT_CODE_USAGE);
    if (!strstr(error.text, words))
        fail_msg("no \"%s\" in: %s", words, error.text);
}

static void addresses_have_a_type(void **state)
{
    (void)state;
    resolve("127.0.0.1:80");
    assert_int_equal(found[0].type, SOCK_STREAM);
    resolve("udp://127.0.0.1:80");
    assert_int_equal(found[0].type, SOCK_DGRAM);
    resolve("unixgram:@x");
    assert_int_equal(found[0].type, SOCK_DGRAM);
    resolve("seqpacket:///x");
    assert_int_equal(found[0].type, SOCK_SEQPACKET);
}

static void inherited_sockets_are_not_for_clients(void **state)
{
    (void)state;
    refuse("fd://web", "\"fd://web\" is a socket that a server inherits");
    refuse("fd://", "has no name");
    refuse("udp://127.0.0.1", "udp://HOST:PORT");
}

/* A server on ADDRESS; FOUND then is where it really is. */
static int serve(const char *address)
{
    resolve(address);
    int fd = socket(found[0].socket.any.sa_family, found[0].type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &found[0].socket.any, found[0].length), 0);
    found[0].length = sizeof found[0].socket;
    assert_int_equal(getsockname(fd, &found[0].socket.any, &found[0].length), 0);
    if (found[0].type != SOCK_DGRAM)
        assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void expect_answer(const char *address)
{
    union socket_address from;
    socklen_t length = sizeof from;
    char byte = 0;
    int server = serve(address), client = dial_connect(found, 1, 1000);
    assert_true(client >= 0);
    assert_int_equal(send(client, "x", 1, 0), 1);
    int fd = found[0].type == SOCK_DGRAM ? server : accept4(server, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(recvfrom(fd, &byte, 1, 0, &from.any, &length), 1);
    assert_int_equal(
        sendto(fd, "y", 1, 0, fd == server ? &from.any : NULL, fd == server ? length : 0), 1);
    assert_int_equal(dial_wait(client, POLLIN, INT64_MAX), POLLIN);
    assert_int_equal(recv(client, &byte, 1, 0), 1);
    assert_int_equal(byte, 'y');
    if (fd != server)
        close(fd);
    close(client);
    close(server);
}

static void every_type_is_answered(void **state)
{
    (void)state;
    expect_answer("tcp://127.0.0.1:0");
    expect_answer("udp://127.0.0.1:0");
    expect_answer("unix:@preforkd-dial-test");
    expect_answer("unixgram:@preforkd-dial-test");
    expect_answer("seqpacket:@preforkd-dial-test");
}

static void datagrams_may_come_from_a_chosen_address(void **state)
{
    struct address from = {.length = sizeof from.socket.in};
    union socket_address seen;
    socklen_t length = sizeof seen;
    char byte;
    (void)state;
    int server = serve("udp://127.0.0.1:0");
    from.socket.in.sin_family = AF_INET;
    inet_pton(AF_INET, "127.0.0.9", &from.socket.in.sin_addr);
    int client = dial_start(&found[0], &from);
    assert_true(client >= 0);
    assert_int_equal(send(client, "x", 1, 0), 1);
    assert_int_equal(recvfrom(server, &byte, 1, 0, &seen.any, &length), 1);
    assert_int_equal(seen.in.sin_addr.s_addr, from.socket.in.sin_addr.s_addr);
    close(client);
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_a_type),
        cmocka_unit_test(inherited_sockets_are_not_for_clients),
        cmocka_unit_test(every_type_is_answered),
        cmocka_unit_test(datagrams_may_come_from_a_chosen_address),
    };
    return cmocka_run_group_tests_name("dial", tests, NULL, NULL);
}
