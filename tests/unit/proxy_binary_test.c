/* SPDX-License-Identifier: MIT
 *
 * proxy_binary_test - version 2 of the PROXY protocol: every split of every valid header, every
 * value of the bytes that decide, TLVs that lie about their length, and the checksum.
 */
#include "server/proxy_binary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "tests/unit/proxy_expect.h"

#define LOCAL 0x20
#define PROXY 0x21

/* A header being made. The length in it is right until somebody sets it. */
struct draft {
    uint8_t bytes[8192];
    size_t length;
};

static void put_length(struct draft *d, size_t length)
{
    d->bytes[14] = (uint8_t)(length >> 8);
    d->bytes[15] = (uint8_t)length;
}

static void add(struct draft *d, const void *bytes, size_t length)
{
    assert_true(d->length + length <= sizeof d->bytes);
    memcpy(d->bytes + d->length, bytes, length);
    d->length += length;
    put_length(d, d->length - 16);
}

static struct draft *begin(struct draft *d, int command, int family)
{
    const uint8_t head[] = {(uint8_t)command, (uint8_t)family, 0, 0};
    memcpy(d->bytes, "\r\n\r\n\0\r\nQUIT\n", 12);
    d->length = 12;
    memcpy(d->bytes + 12, head, 4);
    d->length = 16;
    return d;
}

static void add_tlv(struct draft *d, int type, const void *value, size_t size)
{
    const uint8_t head[] = {(uint8_t)type, (uint8_t)(size >> 8), (uint8_t)size};
    add(d, head, sizeof head);
    add(d, value, size);
}

static const uint8_t ZEROS[4200];

static struct draft *with_inet(struct draft *d)
{
    add(begin(d, PROXY, 0x11), "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb", 12);
    return d;
}

static void expect_inet(const struct proxy_header *header)
{
    proxy_expect_address(&header->source, "192.0.2.1", 56324);
    proxy_expect_address(&header->destination, "198.51.100.2", 443);
    assert_true(proxy_header_names_client(header));
}

static struct proxy_header expect_done(const struct draft *d)
{
    struct proxy_header header = proxy_expect_done(d->bytes, d->length);
    assert_int_equal(header.version, 2);
    return header;
}

static void expect_bad(const struct draft *d, size_t decides, enum proxy_header_reason reason)
{
    proxy_expect_bad(d->bytes, d->length, decides, reason);
}

static void ipv4_is_taken(void **state)
{
    struct draft d;
    (void)state;
    struct proxy_header header = expect_done(with_inet(&d));
    expect_inet(&header);
    assert_int_equal(header.command, PROXY_HEADER_PROXY);
    assert_int_equal(header.transport, PROXY_HEADER_STREAM);
    assert_int_equal(proxy_expect_reads(d.bytes, d.length), 2);
}

static void ipv6_is_taken(void **state)
{
    struct draft d;
    (void)state;
    add(begin(&d, PROXY, 0x21), "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    add(&d, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\2", 16);
    add(&d, "\xff\xff\x00\x01", 4);
    struct proxy_header header = expect_done(&d);
    proxy_expect_address(&header.source, "2001:db8::1", 65535);
    proxy_expect_address(&header.destination, "::ffff:192.0.2.2", 1);
    assert_int_equal(proxy_expect_reads(d.bytes, d.length), 2);
}

static void datagrams_are_told_apart(void **state)
{
    struct draft d;
    (void)state;
    with_inet(&d)->bytes[13] = 0x12;
    struct proxy_header header = expect_done(&d);
    expect_inet(&header);
    assert_int_equal(header.transport, PROXY_HEADER_DGRAM);
}

static void unix_paths_are_taken(void **state)
{
    uint8_t paths[216] = "/run/client";
    struct draft d;
    (void)state;
    memset(paths + 108, 'x', 107); /* the longest */
    add(begin(&d, PROXY, 0x31), paths, sizeof paths);
    struct proxy_header header = expect_done(&d);
    assert_int_equal(header.source.any.sa_family, AF_UNIX);
    assert_string_equal(header.source.un.sun_path, "/run/client");
    assert_int_equal(strlen(header.destination.un.sun_path), 107);
    d.bytes[16] = '\0'; /* an abstract one */
    header = expect_done(&d);
    assert_memory_equal(header.source.un.sun_path, "\0run/client", 12);
}

static void unix_path_without_an_end_is_refused(void **state)
{
    uint8_t paths[216];
    struct draft d;
    (void)state;
    for (int which = 0; which < 2; which++) {
        memset(paths, 0, sizeof paths);
        memset(paths + 108 * which, 'x', 108);
        add(begin(&d, PROXY, 0x31), paths, sizeof paths);
        expect_bad(&d, 232, PROXY_HEADER_BAD_ADDRESS);
    }
}

/* LOCAL: all is skipped, family included; nothing of it can make the header bad. */
static void local_names_nobody_whatever_it_holds(void **state)
{
    struct draft d;
    (void)state;
    for (int family = 0; family <= 0xff; family++) {
        begin(&d, LOCAL, family);
        struct proxy_header header = expect_done(&d);
        assert_int_equal(header.command, PROXY_HEADER_LOCAL);
        assert_int_equal(header.source.any.sa_family, AF_UNSPEC);
        assert_false(proxy_header_names_client(&header));
    }
    with_inet(&d)->bytes[12] = LOCAL;
    add(&d, "\x03\xff\xff", 3); /* no TLV */
    struct proxy_header header = expect_done(&d);
    assert_false(proxy_header_names_client(&header));
}

static void unspec_names_nobody(void **state)
{
    static const int combinations[] = {0x00, 0x01, 0x02, 0x10, 0x20, 0x30};
    struct draft d;
    (void)state;
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
        begin(&d, PROXY, combinations[i]);
        for (size_t more = 0; more < 20; more++) {
            struct proxy_header header = expect_done(&d);
            assert_int_equal(header.command, PROXY_HEADER_PROXY);
            assert_false(proxy_header_names_client(&header));
            add(&d, "x", 1);
        }
    }
}

static void every_bit_of_the_signature_matters(void **state)
{
    struct draft d;
    (void)state;
    for (size_t bit = 0; bit < 12 * 8; bit++) {
        with_inet(&d)->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_bad(&d, bit / 8 + 1, PROXY_HEADER_BAD_ABSENT);
    }
}

static void version_is_2_and_commands_are_two(void **state)
{
    struct draft d;
    (void)state;
    for (int byte = 0; byte <= 0xff; byte++) {
        with_inet(&d)->bytes[12] = (uint8_t)byte;
        if (byte == LOCAL || byte == PROXY)
            expect_done(&d);
        else
            expect_bad(&d, 13,
                       byte >> 4 == 2 ? PROXY_HEADER_BAD_COMMAND : PROXY_HEADER_BAD_VERSION);
    }
}

static void unassigned_families_are_refused(void **state)
{
    struct draft d;
    (void)state;
    for (int byte = 0; byte <= 0xff; byte++) {
        begin(&d, PROXY, byte);
        add(&d, ZEROS, 216);
        if (byte >> 4 > 3 || (byte & 15) > 2)
            expect_bad(&d, 14, PROXY_HEADER_BAD_FAMILY);
        else
            expect_done(&d);
    }
}

static void addresses_have_to_be_whole(void **state)
{
    static const struct {
        int family;
        size_t block;
    } rows[] = {{0x11, 12}, {0x12, 12}, {0x21, 36}, {0x22, 36}, {0x31, 216}, {0x32, 216}};
    struct draft d;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t length = 0; length < rows[i].block; length++) {
            begin(&d, PROXY, rows[i].family);
            add(&d, ZEROS, length);
            expect_bad(&d, 16, PROXY_HEADER_BAD_LENGTH);
        }
}

static void tlvs_are_skipped(void **state)
{
    struct draft d;
    (void)state;
    with_inet(&d);
    for (int type = 0; type <= 0xff; type++)
        if (type != 0x03) {
            add_tlv(&d, type, "value", (size_t)type % 6);
            add_tlv(&d, 0x04, ZEROS, 1); /* PP2_TYPE_NOOP */
        }
    struct proxy_header header = expect_done(&d);
    expect_inet(&header);
    with_inet(&d);
    add_tlv(&d, 0x20, "\x01\0\0\0\0\x21\0\x07TLSv1.3", 15); /* PP2_TYPE_SSL */
    add_tlv(&d, 0x20, "\x01\0\0\0\0\x21\xff\xff", 8);       /* what it holds is not looked at */
    expect_done(&d);
    assert_int_equal(proxy_expect_reads(d.bytes, d.length), 3);
}

static void header_of_4112_bytes_is_the_longest(void **state)
{
    struct draft d;
    (void)state;
    with_inet(&d);
    add_tlv(&d, 0x04, ZEROS, 4096 - 12 - 3);
    assert_int_equal(d.length, PROXY_HEADER_MAX);
    expect_done(&d);
    with_inet(&d);
    add_tlv(&d, 0x04, ZEROS, 4096 - 12 - 2);
    expect_bad(&d, 16, PROXY_HEADER_BAD_TOO_LONG);
    for (int command = LOCAL; command <= PROXY; command++) {
        begin(&d, command, 0x00);
        put_length(&d, 4097);
        expect_bad(&d, 16, PROXY_HEADER_BAD_TOO_LONG);
        put_length(&d, 65535);
        expect_bad(&d, 16, PROXY_HEADER_BAD_TOO_LONG);
    }
}

/* A header that ends within a TLV, at each of its bytes. */
static void cut_tlv_is_refused(void **state)
{
    struct draft d;
    (void)state;
    for (size_t left = 1; left < 3 + 9; left++) {
        with_inet(&d);
        add_tlv(&d, 0x02, "localhost", 9);
        d.length = 28 + left;
        put_length(&d, d.length - 16);
        expect_bad(&d, d.length, PROXY_HEADER_BAD_TLV);
    }
    with_inet(&d);
    add(&d, "\x04\xff\xff", 3);
    expect_bad(&d, d.length, PROXY_HEADER_BAD_TLV);
}

/* PP2_TYPE_CRC32C; its sum is what tests/scenario/proxy.py reckons. */
static struct draft *with_checksum(struct draft *d)
{
    with_inet(d);
    add_tlv(d, 0x02, "example.com", 11);
    add_tlv(d, 0x03, "\x00\x00\x00\x00", 4);
    add_tlv(d, 0x04, ZEROS, 2);
    memcpy(d->bytes + 45, "\xf0\x18\xa0\xd0", 4);
    return d;
}

static void right_checksum_is_accepted(void **state)
{
    struct draft d;
    (void)state;
    struct proxy_header header = expect_done(with_checksum(&d));
    expect_inet(&header);
}

static void every_bit_is_under_the_checksum(void **state)
{
    struct proxy_header header;
    struct draft d;
    (void)state;
    with_checksum(&d);
    for (size_t bit = 16 * 8; bit < d.length * 8; bit++) {
        d.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        /* A flip in the head of a TLV may be seen earlier, or make another type of the checksum. */
        bool in_head = (bit / 8 >= 28 && bit / 8 < 31) || (bit / 8 >= 42 && bit / 8 < 45) ||
                       (bit / 8 >= 49 && bit / 8 < 52);
        enum proxy_header_state found = proxy_expect_judge(d.bytes, d.length, &header);
        if (!in_head && (found != PROXY_HEADER_BAD || header.reason != PROXY_HEADER_BAD_CHECKSUM))
            fail_msg("bit %zu of byte %zu: \"%s\"", bit % 8, bit / 8,
                     proxy_header_reasons[header.reason]);
        d.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_done(&d);
}

static void odd_checksums_are_refused(void **state)
{
    struct draft d;
    (void)state;
    for (size_t size = 0; size < 8; size++)
        if (size != 4) {
            with_inet(&d);
            add_tlv(&d, 0x03, ZEROS, size);
            expect_bad(&d, d.length, PROXY_HEADER_BAD_TLV);
        }
    with_checksum(&d);
    add_tlv(&d, 0x03, ZEROS, 4);
    expect_bad(&d, d.length, PROXY_HEADER_BAD_TLV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_taken),
        cmocka_unit_test(ipv6_is_taken),
        cmocka_unit_test(datagrams_are_told_apart),
        cmocka_unit_test(unix_paths_are_taken),
        cmocka_unit_test(unix_path_without_an_end_is_refused),
        cmocka_unit_test(local_names_nobody_whatever_it_holds),
        cmocka_unit_test(unspec_names_nobody),
        cmocka_unit_test(every_bit_of_the_signature_matters),
        cmocka_unit_test(version_is_2_and_commands_are_two),
        cmocka_unit_test(unassigned_families_are_refused),
        cmocka_unit_test(addresses_have_to_be_whole),
        cmocka_unit_test(tlvs_are_skipped),
        cmocka_unit_test(header_of_4112_bytes_is_the_longest),
        cmocka_unit_test(cut_tlv_is_refused),
        cmocka_unit_test(right_checksum_is_accepted),
        cmocka_unit_test(every_bit_is_under_the_checksum),
        cmocka_unit_test(odd_checksums_are_refused),
    };
    return cmocka_run_group_tests_name("proxy_binary", tests, NULL, NULL);
}
