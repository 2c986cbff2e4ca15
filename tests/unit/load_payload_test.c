/* SPDX-License-Identifier: MIT
 *
 * load_payload_test - right bytes pass for right, wrong ones do not, wherever the pieces are cut.
 */
#include "client/load_payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define SIZE 100

static struct load_payload payload;

static int open_echo(void **state)
{
    (void)state;
    load_payload_init(&payload, SIZE, false);
    return 0;
}

static int open_upper(void **state)
{
    (void)state;
    load_payload_init(&payload, SIZE, true);
    return 0;
}

static int release(void **state)
{
    (void)state;
    load_payload_release(&payload);
    return 0;
}

/* What a sender that asks again and again puts on the wire. */
static void fill(char *bytes, size_t length, uint32_t offset, uint64_t position)
{
    while (length > 0) {
        size_t part;
        const char *from = load_payload_at(&payload, offset, position, &part);
        part = part < length ? part : length;
        memcpy(bytes, from, part);
        bytes += part;
        position += part;
        length -= part;
    }
}

static void echo_matches_at_every_cut(void **state)
{
    char bytes[3 * SIZE];
    (void)state;
    fill(bytes, sizeof bytes, 5, 0);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        assert_true(load_payload_matches(&payload, 5, 0, bytes, cut));
        assert_true(load_payload_matches(&payload, 5, cut, bytes + cut, sizeof bytes - cut));
    }
}

static void one_wrong_byte_is_noticed(void **state)
{
    char bytes[2 * SIZE];
    (void)state;
    fill(bytes, sizeof bytes, 0, 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 1;
        assert_false(load_payload_matches(&payload, 0, 0, bytes, sizeof bytes));
        bytes[i] ^= 1;
    }
}

static void another_connections_reply_is_noticed(void **state)
{
    char bytes[SIZE];
    (void)state;
    fill(bytes, sizeof bytes, 0, 0);
    for (uint32_t offset = 1; offset < LOAD_PAYLOAD_OFFSETS; offset++)
        assert_false(load_payload_matches(&payload, offset, 0, bytes, sizeof bytes));
}

static void lost_piece_is_noticed(void **state)
{
    char bytes[SIZE];
    (void)state;
    fill(bytes, sizeof bytes, 0, 0);
    assert_false(load_payload_matches(&payload, 0, 0, bytes + 10, sizeof bytes - 10));
}

static void upper_wants_upper_case(void **state)
{
    char bytes[SIZE];
    (void)state;
    fill(bytes, sizeof bytes, 0, 0);
    assert_false(load_payload_matches(&payload, 0, 0, bytes, sizeof bytes));
    for (size_t i = 0; i < sizeof bytes; i++)
        if (bytes[i] >= 'a' && bytes[i] <= 'z')
            bytes[i] = (char)(bytes[i] - 'a' + 'A');
    assert_true(load_payload_matches(&payload, 0, 0, bytes, sizeof bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echo_matches_at_every_cut, open_echo, release),
        cmocka_unit_test_setup_teardown(one_wrong_byte_is_noticed, open_echo, release),
        cmocka_unit_test_setup_teardown(another_connections_reply_is_noticed, open_echo, release),
        cmocka_unit_test_setup_teardown(lost_piece_is_noticed, open_echo, release),
        cmocka_unit_test_setup_teardown(upper_wants_upper_case, open_upper, release),
    };
    return cmocka_run_group_tests_name("load_payload", tests, NULL, NULL);
}
