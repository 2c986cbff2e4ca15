/* SPDX-License-Identifier: MIT
 *
 * buffer_test - bytes come out as they went in, at every size, with a NUL behind them.
 */
#include "lib/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static struct buffer buffer;

static int release(void **state)
{
    (void)state;
    buffer_release(&buffer);
    return 0;
}

static void empty_buffer_is_an_empty_string(void **state)
{
    (void)state;
    assert_string_equal(buffer_text(&buffer), "");
    buffer_consume(&buffer, 0);
    buffer_append(&buffer, NULL, 0);
    assert_string_equal(buffer_text(&buffer), "");
    assert_int_equal(buffer.length, 0);
}

static void appended_bytes_stand_in_order(void **state)
{
    (void)state;
    buffer_append(&buffer, "one ", 4);
    buffer_append(&buffer, "two", 3);
    assert_string_equal(buffer_text(&buffer), "one two");
    assert_int_equal(buffer.length, 7);
    buffer_append(&buffer, "\0z", 2);
    assert_int_equal(buffer.length, 9);
    assert_memory_equal(buffer.data, "one two\0z", 10);
}

static void grows_at_every_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5000; i++) {
        char byte = (char)('a' + i % 26);
        buffer_append(&buffer, &byte, 1);
        assert_int_equal(buffer.length, i + 1);
        assert_true(buffer.capacity > buffer.length);
        assert_int_equal(buffer.data[buffer.length], '\0');
    }
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(buffer.data[i], 'a' + (int)(i % 26));
}

static void one_great_piece_fits(void **state)
{
    static char piece[100000];
    (void)state;
    memset(piece, 'p', sizeof piece);
    buffer_append(&buffer, "x", 1);
    buffer_append(&buffer, piece, sizeof piece);
    assert_int_equal(buffer.length, 1 + sizeof piece);
    assert_int_equal(buffer.data[sizeof piece], 'p');
    assert_int_equal(strlen(buffer_text(&buffer)), buffer.length);
}

static void printf_appends(void **state)
{
    (void)state;
    buffer_printf(&buffer, "%s", "");
    assert_string_equal(buffer_text(&buffer), "");
    buffer_printf(&buffer, "%d-%s", 42, "x");
    buffer_printf(&buffer, "%0*d", 1000, 7);
    assert_int_equal(buffer.length, 4 + 1000);
    assert_memory_equal(buffer.data, "42-x0000", 8);
    assert_int_equal(buffer.data[1003], '7');
    assert_int_equal(buffer.data[1004], '\0');
}

/* Lengths around the first allocation, where an off-by-one would show. */
static void printf_of_every_length(void **state)
{
    (void)state;
    for (int length = 1; length < 600; length++) {
        release(NULL);
        buffer_printf(&buffer, "%*s", length, "e");
        assert_int_equal(buffer.length, length);
        assert_int_equal(strlen(buffer.data), length);
        assert_int_equal(buffer.data[length - 1], 'e');
    }
}

static void consumed_bytes_are_gone(void **state)
{
    (void)state;
    buffer_printf(&buffer, "first second");
    buffer_consume(&buffer, 6);
    assert_string_equal(buffer_text(&buffer), "second");
    assert_int_equal(buffer.length, 6);
    buffer_append(&buffer, "!", 1);
    assert_string_equal(buffer_text(&buffer), "second!");
    buffer_consume(&buffer, 7);
    assert_string_equal(buffer_text(&buffer), "");
    assert_int_equal(buffer.length, 0);
}

static void reserve_gives_room_behind_the_end(void **state)
{
    (void)state;
    buffer_append(&buffer, "ab", 2);
    char *room = buffer_reserve(&buffer, 10000);
    assert_ptr_equal(room, buffer.data + 2);
    assert_true(buffer.capacity >= 2 + 10000 + 1);
    memset(room, 'r', 10000);
    buffer.length += 10000;
    buffer_append(&buffer, "z", 1);
    assert_memory_equal(buffer.data, "abrr", 4);
    assert_int_equal(buffer.data[10002], 'z');
}

static void release_makes_it_empty(void **state)
{
    (void)state;
    buffer_append(&buffer, "x", 1);
    buffer_release(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer.capacity, 0);
    assert_string_equal(buffer_text(&buffer), "");
    buffer_release(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(empty_buffer_is_an_empty_string, release),
        cmocka_unit_test_teardown(appended_bytes_stand_in_order, release),
        cmocka_unit_test_teardown(grows_at_every_size, release),
        cmocka_unit_test_teardown(one_great_piece_fits, release),
        cmocka_unit_test_teardown(printf_appends, release),
        cmocka_unit_test_teardown(printf_of_every_length, release),
        cmocka_unit_test_teardown(consumed_bytes_are_gone, release),
        cmocka_unit_test_teardown(reserve_gives_room_behind_the_end, release),
        cmocka_unit_test_teardown(release_makes_it_empty, release),
    };
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
