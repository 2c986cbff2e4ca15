/* SPDX-License-Identifier: MIT
 *
 * proxy_claim_test - headers of the PROXY protocol, byte for byte as its specification has them.
 */
#include "client/proxy_claim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct error error;

/* The header of --proxy TEXT on FD. */
static size_t header(const char *text, int fd, char out[static PROXY_CLAIM_MAX])
{
    struct proxy_claim p;
    if (proxy_claim_parse(text, &p, &error) < 0)
        fail_msg("%s: %s", text, error.text);
    return proxy_claim_write(&p, fd, out);
}

static void expect(const char *text, const char *bytes, size_t length)
{
    char out[PROXY_CLAIM_MAX];
    assert_int_equal(header(text, -1, out), length);
    assert_memory_equal(out, bytes, length);
}

static void refuse(const char *text, const char *words)
{
    struct proxy_claim p;
    assert_int_equal(proxy_claim_parse(text, &p, &error), -1);
    assert_int_equal(error.code, EXIT_CODE_USAGE);
    if (!strstr(error.text, words))
        fail_msg("%s: no \"%s\" in: %s", text, words, error.text);
}

static void version_1(void **state)
{
    static const char v4[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4711 80\r\n";
    static const char v6[] = "PROXY TCP6 2001:db8::1 ::1 65535 1\r\n";
    (void)state;
    expect("v1:192.0.2.1:4711-198.51.100.2:80", v4, sizeof v4 - 1);
    expect("v1:[2001:db8::1]:65535-[::1]:1", v6, sizeof v6 - 1);
    expect("v1:unknown", "PROXY UNKNOWN\r\n", 15);
}

static void version_2(void **state)
{
    static const char v4[] =
        SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x67\x00P";
    static const char v6[] = SIGNATURE "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xff\xff\0\x01";
    (void)state;
    expect("v2:192.0.2.1:4711-198.51.100.2:80", v4, sizeof v4 - 1);
    expect("v2:[2001:db8::1]:65535-[::1]:1", v6, sizeof v6 - 1);
    expect("v2:local", SIGNATURE "\x20\x00\x00\x00", 16);
}

static void longest_version_1(void **state)
{
    char out[PROXY_CLAIM_MAX];
    (void)state;
    size_t length = header("v1:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535-"
                           "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535",
                           -1, out);
    assert_int_equal(length, 104);
    assert_memory_equal(out + length - 2, "\r\n", 2);
}

static void wrong_values(void **state)
{
    (void)state;
    refuse("", "write v1, v2");
    refuse("v", "write v1, v2");
    refuse("v3", "\"v3\" is not a version");
    refuse("2", "write v1, v2");
    refuse("v12", "write v1, v2");
    refuse("v1:", "v1:SRC-DST");
    refuse("v2:unknown", "v2:SRC-DST");
    refuse("v1:local", "v1:SRC-DST");
    refuse("v2:192.0.2.1:80", "write for example v2:192.0.2.1:4711-192.0.2.2:80");
    refuse("v2:192.0.2.1:80-", "\"\" is not a numeric HOST:PORT");
    refuse("v2:192.0.2.1-192.0.2.2:80", "\"192.0.2.1\" is not a numeric");
    refuse("v2:192.0.2.1:80-localhost:80", "\"localhost:80\" is not a numeric");
    refuse("v2:*:80-192.0.2.1:80", "\"*:80\" is not a numeric");
    refuse("v2:192.0.2.1:80-192.0.2.2:65536", "\"192.0.2.2:65536\" is not a numeric");
    refuse("v2:192.0.2.1:80-[::1]:80", "one IPv4 and one IPv6");
}

static int listening(struct sockaddr_in *at)
{
    socklen_t length = sizeof *at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET};
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &length), 0);
    return fd;
}

static void socket_says_its_own_addresses(void **state)
{
    char out[PROXY_CLAIM_MAX], wanted[PROXY_CLAIM_MAX];
    struct sockaddr_in server, client;
    socklen_t length = sizeof client;
    (void)state;
    int listener = listening(&server), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&server, sizeof server), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&client, &length), 0);
    snprintf(wanted, sizeof wanted, "PROXY TCP4 127.0.0.1 127.0.0.1 %u %u\r\n",
             ntohs(client.sin_port), ntohs(server.sin_port));
    assert_int_equal(header("v1", fd, out), strlen(wanted));
    assert_memory_equal(out, wanted, strlen(wanted));
    assert_int_equal(header("v2", fd, out), 28);
    assert_memory_equal(out + 24, &client.sin_port, 2);
    close(fd);
    close(listener);
}

static void unix_sockets_have_nobody_to_tell_of(void **state)
{
    char out[PROXY_CLAIM_MAX];
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(header("v1", ends[0], out), 15);
    assert_memory_equal(out, "PROXY UNKNOWN\r\n", 15);
    assert_int_equal(header("v2", ends[0], out), 16);
    assert_int_equal(out[12], 0x20);
    close(ends[0]);
    close(ends[1]);
}

static void socket_on_the_way_waits(void **state)
{
    struct proxy_claim p;
    char out[PROXY_CLAIM_MAX];
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(proxy_claim_parse("v1", &p, &error), 0);
    assert_int_equal(proxy_claim_write(&p, fd, out), 0);
    assert_int_equal(proxy_claim_send(&p, fd, 0), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
}

static void failed_socket_says_why(void **state)
{
    struct proxy_claim p;
    struct sockaddr_in server;
    (void)state;
    close(listening(&server)); /* nobody there any more */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect(fd, (struct sockaddr *)&server, sizeof server);
    assert_int_equal(proxy_claim_parse("v1", &p, &error), 0);
    assert_int_equal(proxy_claim_send(&p, fd, 0), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static void nothing_is_said_unless_asked(void **state)
{
    const struct proxy_claim none = {0};
    (void)state;
    assert_int_equal(proxy_claim_send(&none, -1, 0), 0);
}

static void header_is_sent(void **state)
{
    struct proxy_claim p;
    char bytes[64];
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(proxy_claim_parse("v1:unknown", &p, &error), 0);
    assert_int_equal(proxy_claim_send(&p, ends[0], MSG_MORE), 0);
    assert_int_equal(recv(ends[1], bytes, sizeof bytes, 0), 15);
    close(ends[1]);
    assert_int_equal(proxy_claim_send(&p, ends[0], 0), -1);
    close(ends[0]);
}

static void datagrams_have_no_beginning(void **state)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    struct proxy_claim p, none = {0};
    (void)state;
    assert_int_equal(proxy_claim_parse("v1", &p, &error), 0);
    assert_int_equal(address_parse("tcp://127.0.0.1:1", found, &error), 1);
    assert_int_equal(proxy_claim_check(&p, &found[0], &error), 0);
    assert_int_equal(address_parse("udp://127.0.0.1:1", found, &error), 1);
    assert_int_equal(proxy_claim_check(&none, &found[0], &error), 0);
    assert_int_equal(proxy_claim_check(&p, &found[0], &error), -1);
    assert_int_equal(error.code, EXIT_CODE_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1),
        cmocka_unit_test(version_2),
        cmocka_unit_test(longest_version_1),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(socket_says_its_own_addresses),
        cmocka_unit_test(unix_sockets_have_nobody_to_tell_of),
        cmocka_unit_test(socket_on_the_way_waits),
        cmocka_unit_test(failed_socket_says_why),
        cmocka_unit_test(nothing_is_said_unless_asked),
        cmocka_unit_test(header_is_sent),
        cmocka_unit_test(datagrams_have_no_beginning),
    };
    return cmocka_run_group_tests_name("proxy_claim", tests, NULL, NULL);
}
