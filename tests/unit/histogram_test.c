/* SPDX-License-Identifier: MIT
 *
 * histogram_test - percentiles are right within the promised error, at every magnitude.
 */
#include "client/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static struct histogram h;

static int empty(void **state)
{
    (void)state;
    h = (struct histogram){0};
    return 0;
}

static void empty_has_no_percentiles(void **state)
{
    (void)state;
    assert_int_equal(histogram_percentile(&h, 50), 0);
    assert_int_equal(histogram_percentile(&h, 100), 0);
    assert_int_equal(h.max, 0);
}

static void single_value_is_every_percentile(void **state)
{
    (void)state;
    histogram_add(&h, 12345);
    assert_int_equal(histogram_percentile(&h, 0), 12345);
    assert_int_equal(histogram_percentile(&h, 50), 12345);
    assert_int_equal(histogram_percentile(&h, 100), 12345);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 1; value <= 100; value++)
        histogram_add(&h, value);
    assert_int_equal(histogram_percentile(&h, 50), 50);
    assert_int_equal(histogram_percentile(&h, 90), 90);
    assert_int_equal(histogram_percentile(&h, 99), 99);
    assert_int_equal(histogram_percentile(&h, 99.9), 100);
    assert_int_equal(h.max, 100);
}

static void zero_counts(void **state)
{
    (void)state;
    histogram_add(&h, 0);
    histogram_add(&h, 0);
    histogram_add(&h, 7);
    assert_int_equal(histogram_percentile(&h, 50), 0);
    assert_int_equal(histogram_percentile(&h, 100), 7);
}

/* Beside a far greater maximum, so that the maximum does not make every answer exact. */
static void every_magnitude_within_the_error(void **state)
{
    (void)state;
    for (uint64_t base = 1; base < UINT64_C(1) << 39; base *= 2) {
        const uint64_t values[] = {base - 1, base, base + 1, base + base / 3, base + base / 2};
        for (unsigned int i = 0; i < sizeof values / sizeof values[0]; i++) {
            empty(NULL);
            histogram_add(&h, values[i]);
            histogram_add(&h, (UINT64_C(1) << 40) - 1);
            uint64_t told = histogram_percentile(&h, 50);
            assert_true(told >= values[i]);
            assert_true((double)told <= (double)values[i] * (1 + 1.0 / 64));
        }
    }
}

static void percentiles_never_fall(void **state)
{
    uint64_t value = 1;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        value = value * 6364136223846793005U + 1442695040888963407U;
        histogram_add(&h, value >> (24 + i % 40));
    }
    uint64_t before = 0;
    for (double percent = 0; percent <= 100; percent += 0.5) {
        uint64_t told = histogram_percentile(&h, percent);
        assert_true(told >= before);
        before = told;
    }
    assert_int_equal(before, h.max);
    assert_int_equal(h.count, 10000);
}

static void too_great_a_value_counts_as_the_top(void **state)
{
    (void)state;
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.max, (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1);
    assert_int_equal(h.buckets[HISTOGRAM_BUCKETS - 1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_has_no_percentiles, empty),
        cmocka_unit_test_setup(single_value_is_every_percentile, empty),
        cmocka_unit_test_setup(small_values_are_exact, empty),
        cmocka_unit_test_setup(zero_counts, empty),
        cmocka_unit_test_setup(every_magnitude_within_the_error, empty),
        cmocka_unit_test_setup(percentiles_never_fall, empty),
        cmocka_unit_test_setup(too_great_a_value_counts_as_the_top, empty),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
