/* SPDX-License-Identifier: MIT
 *
 * warm_test - a plan that was printed is read as it was, and nothing else is read at all.
 */
#include "include/warm.h"

#include "include/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <limits.h>
#include <string.h>

static const struct warm_plan PLAIN = {
    .mode = WARM_IO,
    .slot = 7,
    .slots = 8,
    .pool_pid = 4711,
    .gate_open = true,
    .scoreboard_fd = 900,
    .notify_fd = 901,
    .gate_fd = 902,
    .library_fd = 903,
    .control_fd = -1,
    .listener_first = 905,
    .listener_count = 2,
};
#define PLAIN_TEXT "1 2 7 8 4711 1 900 901 902 903 -1 905 2"

/* Printing is exact, so that equal texts are equal plans. */
static void assert_reads_back(const struct warm_plan *plan)
{
    char text[WARM_TEXT_MAX], again[WARM_TEXT_MAX];
    struct warm_plan read;
    assert_int_equal(warm_parse(warm_print(plan, text), &read), 0);
    assert_string_equal(warm_print(&read, again), text);
}

static void assert_refused(const char *text)
{
    struct warm_plan plan;
    if (warm_parse(text, &plan) != -1)
        fail_msg("\"%s\" was read", text);
}

static void assert_plan_refused(struct warm_plan plan)
{
    char text[WARM_TEXT_MAX];
    assert_refused(warm_print(&plan, text));
}

static void text_is_the_documented_one(void **state)
{
    char text[WARM_TEXT_MAX];
    (void)state;
    assert_string_equal(warm_print(&PLAIN, text), PLAIN_TEXT);
}

static void every_field_is_read(void **state)
{
    struct warm_plan plan;
    (void)state;
    assert_int_equal(warm_parse(PLAIN_TEXT, &plan), 0);
    assert_int_equal(plan.mode, WARM_IO);
    assert_int_equal(plan.slot, 7);
    assert_int_equal(plan.slots, 8);
    assert_int_equal(plan.pool_pid, 4711);
    assert_true(plan.gate_open);
    assert_int_equal(plan.scoreboard_fd, 900);
    assert_int_equal(plan.notify_fd, 901);
    assert_int_equal(plan.gate_fd, 902);
    assert_int_equal(plan.library_fd, 903);
    assert_int_equal(plan.control_fd, -1);
    assert_int_equal(plan.listener_first, 905);
    assert_int_equal(plan.listener_count, 2);
}

static void largest_numbers_fit(void **state)
{
    struct warm_plan plan = {
        .mode = WARM_START,
        .slot = UINT32_MAX - 1,
        .slots = UINT32_MAX,
        .pool_pid = INT32_MAX,
        .scoreboard_fd = INT_MAX,
        .notify_fd = INT_MAX,
        .gate_fd = INT_MAX,
        .library_fd = INT_MAX,
        .control_fd = INT_MAX,
        .listener_first = INT_MAX - CHANNEL_LISTENERS_MAX,
        .listener_count = CHANNEL_LISTENERS_MAX,
    };
    (void)state;
    assert_reads_back(&plan);
}

static void template_needs_no_slot(void **state)
{
    struct warm_plan plan = PLAIN;
    (void)state;
    plan.slot = plan.slots;
    assert_plan_refused(plan);
    plan.control_fd = 904;
    assert_reads_back(&plan);
}

static void plans_that_make_no_sense_are_refused(void **state)
{
    (void)state;
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        struct warm_plan plan = PLAIN;                                                             \
        plan.field = value;                                                                        \
        assert_plan_refused(plan);                                                                 \
    } while (0)
    REFUSED(mode, WARM_OFF);
    REFUSED(mode, (enum warm_mode)3);
    REFUSED(slot, 8);
    REFUSED(slots, 0);
    REFUSED(pool_pid, 0);
    REFUSED(pool_pid, -1);
    REFUSED(scoreboard_fd, 2);
    REFUSED(notify_fd, -1);
    REFUSED(gate_fd, 0);
    REFUSED(library_fd, 1);
    REFUSED(control_fd, 2);
    REFUSED(control_fd, -2);
    REFUSED(listener_first, 2);
    REFUSED(listener_count, 0);
    REFUSED(listener_count, -1);
    REFUSED(listener_count, CHANNEL_LISTENERS_MAX + 1);
    REFUSED(listener_first, INT_MAX);
#undef REFUSED
}

static void other_spellings_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "1 ",
        "1 2",
        "2 2 7 8 4711 1 900 901 902 903 -1 905 2",
        " 1 2 7 8 4711 1 900 901 902 903 -1 905 2",
        "1  2 7 8 4711 1 900 901 902 903 -1 905 2",
        "1\t2 7 8 4711 1 900 901 902 903 -1 905 2",
        "1 02 7 8 4711 1 900 901 902 903 -1 905 2",
        "1 +2 7 8 4711 1 900 901 902 903 -1 905 2",
        "1 2 -0 8 4711 1 900 901 902 903 -1 905 2",
        "1 2 7 8 4711 2 900 901 902 903 -1 905 2",
        "1 2 7 8 4711 -1 900 901 902 903 -1 905 2",
        "1 2 7 8 4711 1 900 901 902 903 - 905 2",
        "1 2 7 8 4711 1 900 901 902 903 --1 905 2",
        "1 2 7 8 4711 1 0x384 901 902 903 -1 905 2",
        "1 2 7 8 4711 1 900.0 901 902 903 -1 905 2",
        PLAIN_TEXT " ",
        PLAIN_TEXT "\n",
        PLAIN_TEXT " 1",
        PLAIN_TEXT "x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_refused(texts[i]);
}

static void numbers_too_large_are_refused_not_cut(void **state)
{
    (void)state;
    assert_refused("1 2 4294967303 8 4711 1 900 901 902 903 -1 905 2");
    assert_refused("1 2 7 4294967304 4711 1 900 901 902 903 -1 905 2");
    assert_refused("1 4294967298 7 8 4711 1 900 901 902 903 -1 905 2");
    assert_refused("1 2 7 8 4711 1 900 901 902 903 4294967295 905 2");
    assert_refused("1 2 7 8 99999999999999999999999999 1 900 901 902 903 -1 905 2");
}

static void no_part_of_a_text_is_a_plan(void **state)
{
    char text[sizeof PLAIN_TEXT];
    (void)state;
    for (size_t length = 0; length < strlen(PLAIN_TEXT); length++) {
        memcpy(text, PLAIN_TEXT, length);
        text[length] = '\0';
        assert_refused(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_documented_one),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(largest_numbers_fit),
        cmocka_unit_test(template_needs_no_slot),
        cmocka_unit_test(plans_that_make_no_sense_are_refused),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(numbers_too_large_are_refused_not_cut),
        cmocka_unit_test(no_part_of_a_text_is_a_plan),
    };
    return cmocka_run_group_tests_name("warm", tests, NULL, NULL);
}
