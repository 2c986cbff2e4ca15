/* SPDX-License-Identifier: MIT
 *
 * retirement_test - who is worn out, how many are replaced at a time, and that nobody is missed
 * meanwhile.
 */
#include "supervisor/pool/retirement.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)
#define MIB     (INT64_C(1) << 20)

static uint32_t dice = 4711;
static uint32_t roll(void)
{
    dice = dice * 1664525u + 1013904223u;
    return dice;
}

static void ages_are_of_the_last_fifth(void **state)
{
    int64_t low = HOUR_MS, high = 0;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t age = retirement_age(HOUR_MS, roll());
        low = age < low ? age : low;
        high = age > high ? age : high;
    }
    assert_in_range(low, HOUR_MS / 5 * 4, HOUR_MS / 5 * 4 + HOUR_MS / 500);
    assert_in_range(high, HOUR_MS - HOUR_MS / 500, HOUR_MS);
    assert_int_equal(retirement_age(1, roll()), 1);
    assert_int_equal(retirement_age(0, roll()), 0);
    int64_t longest = INT64_C(365) * 24 * HOUR_MS;
    assert_in_range(retirement_age(longest, UINT32_MAX), longest / 5 * 4, longest);
}

static void an_eighth_and_one_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(retirement_overlap(0), 1);
    assert_int_equal(retirement_overlap(-3), 1);
    assert_int_equal(retirement_overlap(1), 1);
    assert_int_equal(retirement_overlap(7), 1);
    assert_int_equal(retirement_overlap(16), 3);
    assert_int_equal(retirement_overlap(10000), RETIREMENT_MOST);
}

static void who_is_missed_stays(void **state)
{
    (void)state;
    assert_int_equal(retirement_release(16, 15, 1), 0);
    assert_int_equal(retirement_release(16, 16, 1), 1);
    assert_int_equal(retirement_release(16, 14, 3), 1);
    assert_int_equal(retirement_release(16, 10, 3), 0);
    assert_int_equal(retirement_release(16, 20, 3), 3); /* others are too many already */
    assert_int_equal(retirement_release(16, 16, 0), 0);
}

static enum retirement_verdict judge(int64_t memory, int64_t now)
{
    const struct retirement_limits limits = {.age_ms = HOUR_MS, .soft = 10 * MIB, .hard = 20 * MIB};
    return retirement_judge(&limits, memory, HOUR_MS, now);
}

static void judges_by_age_and_memory(void **state)
{
    const struct retirement_limits none = {0};
    (void)state;
    assert_int_equal(judge(0, 0), RETIREMENT_NONE);
    assert_int_equal(judge(10 * MIB, HOUR_MS - 1), RETIREMENT_NONE);
    assert_int_equal(judge(0, HOUR_MS), RETIREMENT_OLD);
    assert_int_equal(judge(10 * MIB + 1, 0), RETIREMENT_BIG);
    assert_int_equal(judge(20 * MIB, 0), RETIREMENT_BIG);
    assert_int_equal(judge(20 * MIB + 1, HOUR_MS), RETIREMENT_KILL);
    assert_int_equal(retirement_judge(&none, INT64_MAX, 0, HOUR_MS), RETIREMENT_NONE);
}

static struct retirement_pace pace(int64_t age, int64_t soft, int64_t workers)
{
    const struct retirement_limits limits = {.age_ms = age, .soft = soft};
    return retirement_step(&limits, workers);
}

static void nobody_wakes_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(pace(0, 0, 256).pause_ms, CLOCK_NEVER);
    assert_int_equal(pace(0, MIB, 256).pause_ms, 1000);
    assert_int_equal(pace(0, MIB, 256).visits, 64);
    assert_int_equal(pace(24 * HOUR_MS, 0, 256).pause_ms, 15000);
    assert_int_equal(pace(24 * HOUR_MS, MIB, 256).pause_ms, 1000);
    assert_int_equal(pace(1, 0, 1).pause_ms, 100);
    assert_int_equal(pace(1, 0, 1).visits, 1);
    assert_int_equal(pace(HOUR_MS, MIB, 10000).visits, RETIREMENT_VISITS_MOST);
}

/* A fixed pool as pool.c runs it: workers wear out, replacements get READY, who is let go leaves,
 * in any order. There are never fewer READY ones than wanted, nor more workers than wanted and the
 * overlap; and everybody who is worn out is replaced in the end. */
static void nobody_is_missed(void **state)
{
    (void)state;
    for (int64_t target = 1; target <= 40; target++) {
        int64_t starting = 0, ready = target, worn = 0, gone = 0;
        for (int step = 0; step < 4000; step++) {
            switch (step < 3900 ? roll() >> 16 & 3 : 1 + ((uint32_t)step & 1)) {
            case 0:
                worn += worn < ready && worn < RETIREMENT_MOST;
                break;
            case 1:
                ready += starting > 0;
                starting -= starting > 0;
                break;
            case 2:
                gone -= gone > 0;
                break;
            default:
                break;
            }
            int64_t most = retirement_overlap(target) - gone;
            int64_t leaving = most < 0 ? 0 : worn < most ? worn : most;
            int64_t missing = target - starting - (ready - leaving);
            int64_t released = retirement_release(target, ready - leaving, leaving);
            assert_true(missing >= 0); /* else somebody who is not worn out were sent away */
            starting += missing;
            ready -= released;
            worn -= released;
            gone += released;
            assert_true(ready >= target);
            assert_true(starting + ready + gone <= target + retirement_overlap(target));
        }
        assert_int_equal(worn + gone + starting, 0);
        assert_int_equal(ready, target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages_are_of_the_last_fifth), cmocka_unit_test(an_eighth_and_one_at_a_time),
        cmocka_unit_test(who_is_missed_stays),        cmocka_unit_test(judges_by_age_and_memory),
        cmocka_unit_test(nobody_wakes_for_nothing),   cmocka_unit_test(nobody_is_missed),
    };
    return cmocka_run_group_tests_name("retirement", tests, NULL, NULL);
}
