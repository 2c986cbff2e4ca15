/* SPDX-License-Identifier: MIT
 *
 * rate_test - a burst at once, then so many per second, and the promised moment is the right one.
 */
#include "lib/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static struct rate rate;

static int full(void **state)
{
    (void)state;
    rate_init(&rate, 5, 10, 1000);
    return 0;
}

static void whole_burst_is_there_at_once(void **state)
{
    (void)state;
    assert_int_equal(rate_next_ms(&rate, 1000), 1000);
    assert_int_equal(rate_take(&rate, 5, 1000), 5);
    assert_int_equal(rate_take(&rate, 1, 1000), 0);
}

static void no_more_than_there_is(void **state)
{
    (void)state;
    assert_int_equal(rate_take(&rate, 100, 1000), 5);
    assert_int_equal(rate_take(&rate, 100, 1000), 0);
}

static void no_more_than_wanted(void **state)
{
    (void)state;
    assert_int_equal(rate_take(&rate, 2, 1000), 2);
    assert_int_equal(rate_take(&rate, 0, 1000), 0);
    assert_int_equal(rate_take(&rate, 9, 1000), 3);
}

static void tokens_come_back_one_by_one(void **state)
{
    (void)state;
    rate_take(&rate, 5, 1000);
    assert_int_equal(rate_take(&rate, 1, 1099), 0);
    assert_int_equal(rate_take(&rate, 5, 1100), 1);
    assert_int_equal(rate_take(&rate, 5, 1350), 2);
    assert_int_equal(rate_take(&rate, 5, 1400), 1); /* the half token was not lost */
}

static void bucket_holds_no_more_than_the_burst(void **state)
{
    (void)state;
    rate_take(&rate, 5, 1000);
    assert_int_equal(rate_take(&rate, 100, 1000000), 5);
}

static void asking_costs_nothing(void **state)
{
    (void)state;
    rate_take(&rate, 5, 1000);
    for (int64_t now = 1000; now < 1100; now++)
        assert_int_equal(rate_take(&rate, 1, now), 0);
    assert_int_equal(rate_take(&rate, 1, 1100), 1);
}

static void next_tells_the_moment(void **state)
{
    (void)state;
    rate_take(&rate, 5, 1000);
    assert_int_equal(rate_next_ms(&rate, 1000), 1100);
    assert_int_equal(rate_next_ms(&rate, 1050), 1100);
    assert_int_equal(rate_next_ms(&rate, 1100), 1100);
    assert_int_equal(rate_next_ms(&rate, 1200), 1200);
}

/* Whoever waits for the moment gets a token, and nobody gets one earlier. */
static void next_is_neither_early_nor_late(void **state)
{
    static const int64_t speeds[] = {1, 3, 7, 60, 333, 999, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++) {
        rate_init(&rate, 4, speeds[i], 0);
        int64_t now = 0;
        for (int step = 0; step < 200; step++) {
            rate_take(&rate, step % 6, now);
            int64_t next = rate_next_ms(&rate, now);
            struct rate copy = rate;
            assert_true(next >= now);
            if (next > now) {
                assert_int_equal(rate_take(&copy, 1, next - 1), 0);
                copy = rate;
            }
            assert_int_equal(rate_take(&copy, 1, next), 1);
            now += step % 37;
        }
    }
}

static void long_run_keeps_to_the_speed(void **state)
{
    int64_t taken = 0;
    (void)state;
    rate_init(&rate, 256, 1000, 0);
    for (int64_t now = 0; now <= 10000; now += 7)
        taken += rate_take(&rate, 1000, now);
    assert_true(taken <= 256 + 10000);
    assert_true(taken >= 256 + 9990);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whole_burst_is_there_at_once, full),
        cmocka_unit_test_setup(no_more_than_there_is, full),
        cmocka_unit_test_setup(no_more_than_wanted, full),
        cmocka_unit_test_setup(tokens_come_back_one_by_one, full),
        cmocka_unit_test_setup(bucket_holds_no_more_than_the_burst, full),
        cmocka_unit_test_setup(asking_costs_nothing, full),
        cmocka_unit_test_setup(next_tells_the_moment, full),
        cmocka_unit_test_setup(next_is_neither_early_nor_late, full),
        cmocka_unit_test_setup(long_run_keeps_to_the_speed, full),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
