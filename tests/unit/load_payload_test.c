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
    load_payload_init(&payload, SIZE, false, false);
    return 0;
}

static int open_upper(void **state)
{
    (void)state;
    load_payload_init(&payload, SIZE, true, false);
    return 0;
}

static int open_lines(void **state)
{
    (void)state;
    load_payload_init(&payload, SIZE, false, true);
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

static void each_line_ends_in_its_only_newline(void **state)
{
    char bytes[2 * SIZE];
    (void)state;
    for (uint32_t number = 0; number < 1000; number++) {
        fill(bytes, sizeof bytes, load_payload_offset(&payload, number), 0);
        assert_ptr_equal(memchr(bytes, '\n', sizeof bytes), bytes + SIZE - 1);
        assert_ptr_equal(memchr(bytes + SIZE, '\n', SIZE), bytes + 2 * SIZE - 1);
    }
}

static void neighbours_send_different_lines(void **state)
{
    char bytes[SIZE];
    (void)state;
    fill(bytes, sizeof bytes, load_payload_offset(&payload, 0), 0);
    for (uint32_t number = 1; number < LOAD_PAYLOAD_OFFSETS / SIZE; number++)
        assert_false(load_payload_matches(&payload, load_payload_offset(&payload, number), 0, bytes,
                                          sizeof bytes));
}

/* Of a long line there is only one; of a short one the last begins within the text. */
static void lines_of_any_length_lie_within_the_text(void **state)
{
    static const size_t SIZES[] = {1, 2, LOAD_PAYLOAD_OFFSETS, LOAD_PAYLOAD_OFFSETS + 1, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        load_payload_init(&payload, SIZES[i], false, true);
        for (uint32_t number = 0; number < LOAD_PAYLOAD_OFFSETS + 2; number++) {
            uint32_t offset = load_payload_offset(&payload, number);
            assert_in_range(offset, 0, LOAD_PAYLOAD_OFFSETS);
            assert_int_equal(payload.sent[offset + SIZES[i] - 1], '\n');
        }
        load_payload_release(&payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echo_matches_at_every_cut, open_echo, release),
        cmocka_unit_test_setup_teardown(one_wrong_byte_is_noticed, open_echo, release),
        cmocka_unit_test_setup_teardown(another_connections_reply_is_noticed, open_echo, release),
        cmocka_unit_test_setup_teardown(lost_piece_is_noticed, open_echo, release),
        cmocka_unit_test_setup_teardown(upper_wants_upper_case, open_upper, release),
        cmocka_unit_test_setup_teardown(each_line_ends_in_its_only_newline, open_lines, release),
        cmocka_unit_test_setup_teardown(neighbours_send_different_lines, open_lines, release),
        cmocka_unit_test(lines_of_any_length_lie_within_the_text),
    };
    return cmocka_run_group_tests_name("load_payload", tests, NULL, NULL);
}
