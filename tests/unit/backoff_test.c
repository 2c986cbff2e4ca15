/* SPDX-License-Identifier: MIT
 *
 * backoff_test - delays double up to the limit, spread by the dice, and a success forgets them.
 */
#include "lib/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define NO_SPREAD 25u /* the dice that spreads by nothing: 75 + 25 % */

static struct backoff backoff;

static int fresh(void **state)
{
    (void)state;
    backoff = (struct backoff){.initial_ms = 100, .max_ms = 30000};
    return 0;
}

static void delays_double_up_to_the_limit(void **state)
{
    static const int64_t delays[] = {100,  200,   400,   800,   1600, 3200,
                                     6400, 12800, 25600, 30000, 30000};
    (void)state;
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        assert_int_equal(backoff_failed(&backoff, 5000, 0, NO_SPREAD), delays[i]);
        assert_int_equal(backoff.hold_until_ms, 5000 + delays[i]);
        assert_int_equal(backoff.failures, i + 1);
    }
}

static void holds_until_the_delay_is_over(void **state)
{
    (void)state;
    assert_false(backoff_holding(&backoff, 0));
    assert_int_equal(backoff_failed(&backoff, 1000, 0, NO_SPREAD), 100);
    assert_true(backoff_holding(&backoff, 1000));
    assert_true(backoff_holding(&backoff, 1099));
    assert_false(backoff_holding(&backoff, 1100));
}

static void success_begins_anew(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        backoff_failed(&backoff, 1000, 0, NO_SPREAD);
    backoff_succeeded(&backoff);
    assert_int_equal(backoff.failures, 0);
    assert_false(backoff_holding(&backoff, 1000));
    assert_int_equal(backoff_failed(&backoff, 1000, 0, NO_SPREAD), 100);
}

static void dice_spread_from_75_to_125_percent(void **state)
{
    int64_t least = INT64_MAX, most = 0;
    (void)state;
    for (uint32_t dice = 0; dice < 1000; dice++) {
        fresh(NULL);
        backoff.initial_ms = 1000;
        int64_t delay = backoff_failed(&backoff, 0, 0, dice * 4294967u);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_int_equal(least, 750);
    assert_int_equal(most, 1250);
    fresh(NULL);
    assert_true(backoff_failed(&backoff, 0, 0, UINT32_MAX) <= 125);
}

static void cap_bounds_one_delay(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        assert_true(backoff_failed(&backoff, 0, 500, NO_SPREAD) <= 500);
    assert_int_equal(backoff_failed(&backoff, 0, 500, NO_SPREAD), 500);
    assert_int_equal(backoff_failed(&backoff, 0, 0, NO_SPREAD), 30000);
    fresh(NULL);
    backoff.initial_ms = 1000;
    assert_int_equal(backoff_failed(&backoff, 0, 500, NO_SPREAD), 500);
}

static void cap_above_the_limit_changes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_true(backoff_failed(&backoff, 0, 60000, NO_SPREAD) <= 30000);
}

static void initial_above_the_limit_is_the_limit(void **state)
{
    (void)state;
    backoff.initial_ms = 40000;
    assert_int_equal(backoff_failed(&backoff, 0, 0, NO_SPREAD), 30000);
}

static void very_many_failures_do_not_overflow(void **state)
{
    (void)state;
    backoff.max_ms = INT64_C(24) * 3600 * 1000;
    for (int i = 0; i < 5000; i++)
        backoff_failed(&backoff, 0, 0, NO_SPREAD);
    assert_int_equal(backoff_failed(&backoff, 0, 0, NO_SPREAD), backoff.max_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(delays_double_up_to_the_limit, fresh),
        cmocka_unit_test_setup(holds_until_the_delay_is_over, fresh),
        cmocka_unit_test_setup(success_begins_anew, fresh),
        cmocka_unit_test_setup(dice_spread_from_75_to_125_percent, fresh),
        cmocka_unit_test_setup(cap_bounds_one_delay, fresh),
        cmocka_unit_test_setup(cap_above_the_limit_changes_nothing, fresh),
        cmocka_unit_test_setup(initial_above_the_limit_is_the_limit, fresh),
        cmocka_unit_test_setup(very_many_failures_do_not_overflow, fresh),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
