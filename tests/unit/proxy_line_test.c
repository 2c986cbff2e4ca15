/* SPDX-License-Identifier: MIT
 *
 * proxy_line_test - version 1 of the PROXY protocol: the grammar, to the byte, and that nothing
 * behind the line is asked for.
 */
#include "server/proxy_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "tests/unit/proxy_expect.h"

#define LONGEST_HOST "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define WHOLE        0 /* the error is seen with the last byte */

static void expect_bad(const char *line, size_t decides, enum proxy_header_reason reason)
{
    size_t length = strlen(line);
    proxy_expect_bad(line, length, decides == WHOLE ? length : decides, reason);
}

static void addresses_and_ports_are_taken(void **state)
{
    static const struct {
        const char *line, *source;
        int source_port;
        const char *destination;
        int destination_port;
    } rows[] = {
        {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1", 56324, "192.168.0.11",
         443},
        {"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0", 0, "0.0.0.0", 0},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", 65535,
         "255.255.255.255", 65535},
        {"PROXY TCP6 :: :: 0 0\r\n", "::", 0, "::", 0},
        {"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "2001:db8::1", 1, "::1", 65535},
        {"PROXY TCP6 2001:DB8:0:0::0:0001 ::1 10 100\r\n", "2001:db8::1", 10, "::1", 100},
        {"PROXY TCP6 " LONGEST_HOST " " LONGEST_HOST " 65535 65535\r\n", LONGEST_HOST, 65535,
         LONGEST_HOST, 65535},
        {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c000:202 1 2\r\n", "::ffff:192.0.2.1", 1,
         "::ffff:192.0.2.2", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct proxy_header header = proxy_expect_done(rows[i].line, strlen(rows[i].line));
        proxy_expect_address(&header.source, rows[i].source, rows[i].source_port);
        proxy_expect_address(&header.destination, rows[i].destination, rows[i].destination_port);
        assert_int_equal(header.version, 1);
        assert_int_equal(header.command, PROXY_HEADER_PROXY);
        assert_int_equal(header.transport, PROXY_HEADER_STREAM);
        assert_true(proxy_header_names_client(&header));
    }
}

static void mapped_address_is_printed_as_ipv4(void **state)
{
    static const char line[] = "PROXY TCP6 ::ffff:192.0.2.1 ::1 5 6\r\n";
    char text[ADDRESS_TEXT_MAX];
    (void)state;
    struct proxy_header header = proxy_expect_done(line, sizeof line - 1);
    assert_int_equal(header.source.any.sa_family, AF_INET6);
    assert_string_equal(address_peer(&header.source, text), "192.0.2.1:5");
}

static void unknown_names_nobody_whatever_follows(void **state)
{
    static const char *const lines[] = {
        "PROXY UNKNOWN\r\n",
        "PROXY UNKNOWN \r\n",
        "PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY UNKNOWN " LONGEST_HOST " " LONGEST_HOST " 65535 65535\r\n",
        "PROXY UNKNOWN \x01\xff  what ever\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct proxy_header header = proxy_expect_done(lines[i], strlen(lines[i]));
        assert_int_equal(header.source.any.sa_family, AF_UNSPEC);
        assert_int_equal(header.destination.any.sa_family, AF_UNSPEC);
        assert_false(proxy_header_names_client(&header));
    }
    proxy_expect_done("PROXY UNKNOWN \0\r\n", 17);
}

static void line_of_107_bytes_is_the_longest(void **state)
{
    char line[110];
    (void)state;
    for (size_t length = 100; length <= 107; length++) {
        memset(line, 'x', sizeof line);
        memcpy(line, "PROXY UNKNOWN ", 14);
        memcpy(line + length - 2, "\r\n", 2);
        proxy_expect_done(line, length);
    }
    memset(line + 14, 'x', sizeof line - 14);
    proxy_expect_bad(line, sizeof line, 106, PROXY_HEADER_BAD_TOO_LONG);
    memcpy(line + 106, "\r\n", 2); /* 108 bytes */
    proxy_expect_bad(line, 108, 106, PROXY_HEADER_BAD_TOO_LONG);
    memset(line, '9', sizeof line);
    memcpy(line, "PROXY TCP4 ", 11);
    proxy_expect_bad(line, sizeof line, 106, PROXY_HEADER_BAD_TOO_LONG);
}

static void other_bytes_are_no_header_at_the_first_odd_one(void **state)
{
    (void)state;
    expect_bad("GET / HTTP/1.1\r\n\r\n", 1, PROXY_HEADER_BAD_ABSENT);
    expect_bad("proxy TCP4 ", 1, PROXY_HEADER_BAD_ABSENT);
    expect_bad(" PROXY TCP4 ", 1, PROXY_HEADER_BAD_ABSENT);
    expect_bad("\n", 1, PROXY_HEADER_BAD_ABSENT);
    expect_bad("POST / HTTP/1.1\r\n", 2, PROXY_HEADER_BAD_ABSENT);
    expect_bad("PROXy ", 5, PROXY_HEADER_BAD_ABSENT);
    expect_bad("PROXY\tTCP4 ", 6, PROXY_HEADER_BAD_ABSENT);
    expect_bad("PROXY\r\n", 6, PROXY_HEADER_BAD_ABSENT);
    proxy_expect_bad("PROXY\0TCP4 ", 11, 6, PROXY_HEADER_BAD_ABSENT);
    proxy_expect_bad("\0PROXY", 6, 1, PROXY_HEADER_BAD_ABSENT);
}

static void malformed_lines_are_refused(void **state)
{
    static const struct {
        const char *line;
        size_t decides;
    } rows[] = {
        {"PROXY  TCP4 1.1.1.1 2.2.2.2 3 4\r\n", 7},
        {"PROXY tcp4 1.1.1.1 2.2.2.2 3 4\r\n", 7},
        {"PROXY TCP5 1.1.1.1 2.2.2.2 3 4\r\n", 10},
        {"PROXY TCP 1.1.1.1 2.2.2.2 3 4\r\n", 10},
        {"PROXY TCP46 1.1.1.1 2.2.2.2 3 4\r\n", 11},
        {"PROXY UDP4 1.1.1.1 2.2.2.2 3 4\r\n", 8},
        {"PROXY UNKNOWN\tx\r\n", 14},
        {"PROXY UNKNOWN\n", 14},
        {"PROXY UNKNOWNX\r\n", 14},
        {"PROXY UNKNOW \r\n", 13},
        {"PROXY UNKNOWN x\ny\r\n", 16},
        {"PROXY UNKNOWN x\ry\r\n", 17},
        {"PROXY UNKNOWN\rx\r\n", 15},
        {"PROXY TCP4 1.1.1.1 2.2.2.2 3 4\n", WHOLE},
        {"PROXY TCP4 1.1.1.1 2.2.2.2 3 4\rx", WHOLE},
        {"PROXY TCP4 1.1.1.1 2.2.2.2 3 4\r\r\n", 32},
        {"PROXY TCP4\r\n", 11},
        {"PROXY TCP4 \r\n", WHOLE},
        {"PROXY TCP4 1.1.1.1\r\n", WHOLE},
        {"PROXY TCP4 1.1.1.1 2.2.2.2\r\n", WHOLE},
        {"PROXY TCP4 1.1.1.1 2.2.2.2 3\r\n", WHOLE},
        {"PROXY TCP4 1.1.1.1 2.2.2.2 3 \r\n", WHOLE},
        {"PROXY TCP4 1.1.1.1 2.2.2.2 3 4 \r\n", 31},
        {"PROXY TCP4 1.1.1.1 2.2.2.2 3 4 5\r\n", 31},
        {"PROXY TCP4  1.1.1.1 2.2.2.2 3\r\n", WHOLE},
        {"PROXY TCP4 1.1.1.1  2.2.2.2 3\r\n", WHOLE},
        {"PROXY TCP4 1.1.1.1 2.2.2.2  3\r\n", WHOLE},
        {"PROXY TCP6 ::1 ::1 1\r\n", WHOLE},
        {"PROXY TCP6 0000:0000:0000:0000:0000:0000:0000:0000:0000:1 :: 1 2\r\n", WHOLE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_bad(rows[i].line, rows[i].decides, PROXY_HEADER_BAD_LINE);
    proxy_expect_bad("PROXY TCP4 1.1.1.1\0 2.2.2.2 3 4\r\n", 33, 33, PROXY_HEADER_BAD_LINE);
    proxy_expect_bad("PROXY TCP4 1.1.1.1 2.2.2.2 3\0 4\r\n", 33, 33, PROXY_HEADER_BAD_LINE);
}

static void addresses_are_in_their_canonical_form(void **state)
{
    static const char *const hosts4[] = {
        "1.1.1",     "1.1.1.1.1", "256.1.1.1", "01.1.1.1", "1.1.1.01",  "1.1.1.00",
        "0x1.1.1.1", "1.1.1.1x",  "1..1.1",    ".1.1.1",   "1.1.1.",    "-1.1.1.1",
        "+1.1.1.1",  "1.1.1.1/8", "::1",       "a.b.c.d",  "localhost", "16843009",
    };
    static const char *const hosts6[] = {"1.1.1.1",      ":",           ":::",        "1::2::3",
                                         "00001::",      "g::",         "::1%lo",     "[::1]",
                                         "::1/128",      "1:2",         "1:2:3:4:5:", ":1:2:3:4::",
                                         "::ffff:1.1.1", "::1.2.3.400", "::-1",       "::01.2.3.4"};
    char line[128];
    (void)state;
    for (size_t i = 0; i < sizeof hosts4 / sizeof *hosts4; i++) {
        snprintf(line, sizeof line, "PROXY TCP4 %s 2.2.2.2 3 4\r\n", hosts4[i]);
        expect_bad(line, WHOLE, PROXY_HEADER_BAD_ADDRESS);
        snprintf(line, sizeof line, "PROXY TCP4 2.2.2.2 %s 3 4\r\n", hosts4[i]);
        expect_bad(line, WHOLE, PROXY_HEADER_BAD_ADDRESS);
    }
    for (size_t i = 0; i < sizeof hosts6 / sizeof *hosts6; i++) {
        snprintf(line, sizeof line, "PROXY TCP6 %s ::2 3 4\r\n", hosts6[i]);
        expect_bad(line, WHOLE, PROXY_HEADER_BAD_ADDRESS);
        snprintf(line, sizeof line, "PROXY TCP6 ::2 %s 3 4\r\n", hosts6[i]);
        expect_bad(line, WHOLE, PROXY_HEADER_BAD_ADDRESS);
    }
}

static void ports_are_plain_numbers(void **state)
{
    static const char *const ports[] = {"65536",      "99999", "00", "01",  "080", "-1", "+1",
                                        "4294967297", "0x50",  "1x", "1.0", "\t1", "a",  "1,"};
    char line[128];
    (void)state;
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        snprintf(line, sizeof line, "PROXY TCP4 1.1.1.1 2.2.2.2 %s 4\r\n", ports[i]);
        expect_bad(line, WHOLE, PROXY_HEADER_BAD_PORT);
        snprintf(line, sizeof line, "PROXY TCP6 ::1 ::2 3 %s\r\n", ports[i]);
        expect_bad(line, WHOLE, PROXY_HEADER_BAD_PORT);
    }
}

/* Not what must be, but what it costs: a byte at a time would be 47. */
static void few_reads_are_enough(void **state)
{
    static const char usual[] = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
    (void)state;
    assert_in_range(proxy_expect_reads(usual, sizeof usual - 1), 1, 6);
    assert_int_equal(proxy_expect_reads("PROXY UNKNOWN\r\n", 15), 1);
    assert_in_range(proxy_expect_reads("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", 32), 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_ports_are_taken),
        cmocka_unit_test(mapped_address_is_printed_as_ipv4),
        cmocka_unit_test(unknown_names_nobody_whatever_follows),
        cmocka_unit_test(line_of_107_bytes_is_the_longest),
        cmocka_unit_test(other_bytes_are_no_header_at_the_first_odd_one),
        cmocka_unit_test(malformed_lines_are_refused),
        cmocka_unit_test(addresses_are_in_their_canonical_form),
        cmocka_unit_test(ports_are_plain_numbers),
        cmocka_unit_test(few_reads_are_enough),
    };
    return cmocka_run_group_tests_name("proxy_line", tests, NULL, NULL);
}
