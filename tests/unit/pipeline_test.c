/* SPDX-License-Identifier: MIT
 *
 * pipeline_test - lines become messages, wherever they are cut on their way in.
 */
#include "client/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static struct pipeline p;

static int empty(void **state)
{
    (void)state;
    p.begin = p.end = 0;
    p.ended = false;
    return 0;
}

static void add(const char *text)
{
    size_t length = strlen(text);
    assert_in_range(length, 1, pipeline_room(&p));
    memcpy(p.bytes + p.end, text, length);
    p.end += length;
}

static void expect(const char *message)
{
    assert_int_equal(pipeline_message(&p), strlen(message));
    assert_memory_equal(p.bytes + p.begin, message, strlen(message));
    pipeline_advance(&p, strlen(message));
}

static void lines_are_messages(void **state)
{
    (void)state;
    add("one\n\ntwo\nthr");
    expect("one\n");
    expect("\n");
    expect("two\n");
    assert_int_equal(pipeline_message(&p), 0);
    add("ee\n");
    expect("three\n");
    assert_true(pipeline_is_empty(&p));
    assert_int_equal(pipeline_message(&p), 0);
}

static void rest_at_the_end_is_a_message(void **state)
{
    (void)state;
    add("a\nrest");
    p.ended = true;
    expect("a\n");
    expect("rest");
    assert_int_equal(pipeline_message(&p), 0);
}

static void long_line_is_cut(void **state)
{
    (void)state;
    memset(p.bytes, 'x', PIPELINE_MESSAGE_MAX + 1);
    p.end = PIPELINE_MESSAGE_MAX;
    assert_int_equal(pipeline_message(&p), 0); /* its newline may be the next byte */
    p.end++;
    assert_int_equal(pipeline_message(&p), PIPELINE_MESSAGE_MAX);
    pipeline_advance(&p, PIPELINE_MESSAGE_MAX);
    add("\n");
    expect("x\n");
}

static void unfinished_line_always_has_room(void **state)
{
    (void)state;
    memset(p.bytes, '\n', sizeof p.bytes);
    p.end = sizeof p.bytes;
    memcpy(p.bytes + sizeof p.bytes - 4, "rest", 4);
    assert_int_equal(pipeline_room(&p), 0);
    for (size_t i = 0; i < sizeof p.bytes - 4; i++)
        expect("\n");
    assert_int_equal(pipeline_message(&p), 0);
    assert_int_equal(pipeline_room(&p), sizeof p.bytes - 4);
    add("!\n");
    expect("rest!\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_are_messages, empty),
        cmocka_unit_test_setup(rest_at_the_end_is_a_message, empty),
        cmocka_unit_test_setup(long_line_is_cut, empty),
        cmocka_unit_test_setup(unfinished_line_always_has_room, empty),
    };
    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
