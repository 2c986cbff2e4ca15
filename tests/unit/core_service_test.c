/* SPDX-License-Identifier: MIT
 *
 * core_service_test - which pool of a service serves, and when a lost one is replaced.
 */
#include "core_drive.h"

#define BURST 5 /* pools that are replaced at once, and again per second: 1 */

/* Death before READY. */

static void death_before_ready_holds_off_longer_each_time(void **state)
{
    static const int delays[] = {100, 200, 400, 800, 800};
    char text[96];
    (void)state;
    after(0);
    for (unsigned i = 0; i < sizeof delays / sizeof *delays; i++) {
        forget();
        on(POOL_ENDED, .pool = i + 1);
        snprintf(text, sizeof text, "ADOPT p%u 30000ms; MOURN p%u HOLD_OFF %dms", i + 1, i + 1,
                 delays[i]);
        expect(text);
        assert_int_equal(core_next_ms(&core), now + delays[i]);
        after(delays[i] - 1);
        expect("");
        after(1);
        snprintf(text, sizeof text, "START_POOL s1 p%u", i + 2);
        expect(text);
    }
}

static void refused_start_holds_off_the_same_way(void **state)
{
    (void)state;
    after(0);
    on(START_FAILED, .pool = 1, .why = "fork: no");
    after(100);
    on(START_FAILED, .pool = 2, .why = "fork: no");
    expect("START_POOL s1 p1; HOLD_OFF s1 100ms \"fork: no\"; START_POOL s1 p2; "
           "HOLD_OFF s1 200ms \"fork: no\"");
}

static void success_forgets_the_failures(void **state)
{
    (void)state;
    on(POOL_ENDED, .pool = 1);
    after(0);
    on(POOL_ENDED, .pool = 2);
    after(100);
    on(POOL_READY, .pool = 3);
    on(POOL_ENDED, .pool = 3);
    after(0);
    forget();
    on(POOL_ENDED, .pool = 4);
    expect("ADOPT p4 30000ms; MOURN p4 HOLD_OFF 100ms");
}

static void one_service_in_trouble_does_not_hold_up_another(void **state)
{
    (void)state;
    on(POOL_ENDED, .pool = 1);
    after(0);
    on(POOL_ENDED, .pool = 3);
    forget();
    on(POOL_ENDED, .pool = 2);
    after(0);
    expect("ADOPT p2 30000ms; MOURN p2 AT_ONCE; START_POOL s2 p4");
}

/* Death after it. */

static void pool_that_served_is_replaced_at_once(void **state)
{
    (void)state;
    on(POOL_ENDED, .pool = 1);
    expect("ADOPT p1 30000ms; MOURN p1 AT_ONCE");
    assert_int_equal(core_next_ms(&core), now);
    after(0);
    expect("START_POOL s1 p2");
    on(POOL_READY, .pool = 2);
    expect("PROMOTE s1 p2");
}

static void pools_that_served_are_replaced_at_a_bounded_rate(void **state)
{
    (void)state;
    for (unsigned pool = 1; pool <= BURST; pool++) {
        forget();
        on(POOL_ENDED, .pool = pool);
        assert_non_null(strstr(done, "AT_ONCE"));
        after(0);
        on(POOL_READY, .pool = pool + 1);
    }
    forget();
    on(POOL_ENDED, .pool = BURST + 1);
    expect("ADOPT p6 30000ms; MOURN p6 RATED");
    after(999);
    expect("");
    after(1);
    expect("START_POOL s1 p7");
}

static void lost_pool_whose_successor_starts_is_not_replaced_twice(void **state)
{
    (void)state;
    after(0);
    on(POOL_CRASHED, .pool = 1);
    after(0);
    expect("START_POOL s1 p2");
    on(POOL_ENDED, .pool = 1);
    after(0);
    expect("ADOPT p1 30000ms; MOURN p1 COMING");
    on(POOL_READY, .pool = 2);
    expect("PROMOTE s1 p2");
}

static void pool_that_leaves_by_itself_is_replaced_at_once(void **state)
{
    (void)state;
    on(POOL_LEAVING, .pool = 1);
    assert_int_equal(service_of(1)->current, 0);
    assert_int_equal(state_of(1), CORE_POOL_LEAVING);
    after(0);
    on(POOL_READY, .pool = 2);
    expect("START_POOL s1 p2; PROMOTE s1 p2"); /* nothing is said to the one that leaves */
    on(POOL_ENDED, .pool = 1, .well = true);
    after(0);
    expect("ADOPT p1; MOURN p1 LEFT");
}

static void coming_pool_that_leaves_by_itself_is_waited_for(void **state)
{
    (void)state;
    after(0);
    on(POOL_CRASHED, .pool = 1);
    after(0);
    forget();
    on(POOL_LEAVING, .pool = 2);
    after(0);
    expect("");
    on(POOL_ENDED, .pool = 2, .well = true);
    expect("ADOPT p2 30000ms; MOURN p2 HOLD_OFF 100ms");
    assert_int_equal(service_of(1)->current, 1);
}

static void end_of_a_pool_that_was_leaving_changes_nothing(void **state)
{
    (void)state;
    on(POOL_LEAVING, .pool = 1);
    after(0);
    on(POOL_READY, .pool = 2);
    forget();
    on(POOL_ENDED, .pool = 1);
    after(0);
    expect("ADOPT p1 30000ms; MOURN p1 LEFT");
    assert_int_equal(service_of(1)->current, 2);
}

/* A fresh address layout. */

static void crash_has_the_pool_replaced_while_it_serves(void **state)
{
    (void)state;
    on(POOL_CRASHED, .pool = 1);
    expect("");
    after(0);
    expect("START_POOL s1 p2");
    assert_int_equal(service_of(1)->current, 1);
    on(POOL_READY, .pool = 2);
    expect("PROMOTE s1 p2; DRAIN_POOL p1 30000ms");
}

static void crash_changes_nothing_where_that_is_off(void **state)
{
    struct core_settings settings = SETTINGS;
    (void)state;
    settings.fresh_after_crash = false;
    begin_running(1, settings);
    on(POOL_CRASHED, .pool = 1);
    after(0);
    expect("");
    assert_int_equal(core_next_ms(&core), CLOCK_NEVER);
}

static void many_crashes_are_one_replacement(void **state)
{
    (void)state;
    on(POOL_CRASHED, .pool = 1);
    on(POOL_CRASHED, .pool = 1);
    after(0);
    on(POOL_CRASHED, .pool = 1);
    after(0);
    expect("START_POOL s1 p2");
}

static void crash_of_a_pool_that_does_not_serve_changes_nothing(void **state)
{
    (void)state;
    on(POOL_CRASHED, .pool = 1);
    after(0);
    on(POOL_READY, .pool = 2);
    on(POOL_ENDED, .pool = 1, .well = true);
    forget();
    on(POOL_CRASHED, .pool = 1);
    after(CORE_FRESH_PAUSE_MS);
    expect("");
}

static void next_replacement_for_freshness_waits_for_its_pause(void **state)
{
    (void)state;
    on(POOL_CRASHED, .pool = 1);
    after(0);
    on(POOL_READY, .pool = 2);
    on(POOL_ENDED, .pool = 1, .well = true);
    forget();
    on(POOL_CRASHED, .pool = 2);
    assert_int_equal(core_next_ms(&core), CORE_FRESH_PAUSE_MS);
    after(CORE_FRESH_PAUSE_MS - 1);
    expect("");
    after(1);
    expect("START_POOL s1 p3");
}

static void replacement_for_freshness_waits_for_the_last_one_to_leave(void **state)
{
    (void)state;
    on(POOL_CRASHED, .pool = 1);
    after(0);
    on(POOL_READY, .pool = 2);
    forget();
    on(POOL_CRASHED, .pool = 2);
    after(CORE_FRESH_PAUSE_MS);
    expect("");
    on(POOL_ENDED, .pool = 1, .well = true);
    after(0);
    expect("ADOPT p1; MOURN p1 LEFT; START_POOL s1 p3");
}

static void need_does_not_wait_for_the_pause(void **state)
{
    (void)state;
    on(POOL_CRASHED, .pool = 1);
    after(0);
    on(POOL_READY, .pool = 2);
    forget();
    on(POOL_CRASHED, .pool = 2);
    on(POOL_ENDED, .pool = 2);
    after(0);
    expect("ADOPT p2 30000ms; MOURN p2 AT_ONCE; START_POOL s1 p3");
}

static void fresh_pool_that_dies_is_tried_again_and_the_old_one_serves(void **state)
{
    (void)state;
    on(POOL_CRASHED, .pool = 1);
    after(0);
    forget();
    on(POOL_ENDED, .pool = 2);
    expect("ADOPT p2 30000ms; MOURN p2 HOLD_OFF 100ms");
    after(100);
    expect("START_POOL s1 p3");
    assert_int_equal(service_of(1)->current, 1);
}

static void crash_during_a_reload_that_fails_is_not_forgotten(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    reload_starts(rows, 1);
    on(POOL_CRASHED, .pool = 1);
    on(POOL_ENDED, .pool = 2, .why = "died");
    forget();
    after(CORE_FRESH_PAUSE_MS - 1);
    expect("");
    after(1);
    expect("START_POOL s1 p3");
}

static void crash_during_a_reload_that_succeeds_needs_no_more(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    reload_starts(rows, 1);
    on(POOL_CRASHED, .pool = 1);
    on(POOL_READY, .pool = 2);
    on(POOL_ENDED, .pool = 1, .well = true);
    forget();
    after(CORE_FRESH_PAUSE_MS);
    expect("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        core_test(death_before_ready_holds_off_longer_each_time, one_starts),
        core_test(refused_start_holds_off_the_same_way, one_starts),
        core_test(success_forgets_the_failures, one_runs),
        core_test(one_service_in_trouble_does_not_hold_up_another, two_run),
        core_test(pool_that_served_is_replaced_at_once, one_runs),
        core_test(pools_that_served_are_replaced_at_a_bounded_rate, one_runs),
        core_test(lost_pool_whose_successor_starts_is_not_replaced_twice, one_runs),
        core_test(pool_that_leaves_by_itself_is_replaced_at_once, one_runs),
        core_test(coming_pool_that_leaves_by_itself_is_waited_for, one_runs),
        core_test(end_of_a_pool_that_was_leaving_changes_nothing, one_runs),
        core_test(crash_has_the_pool_replaced_while_it_serves, one_runs),
        core_test(crash_changes_nothing_where_that_is_off, NULL),
        core_test(many_crashes_are_one_replacement, one_runs),
        core_test(crash_of_a_pool_that_does_not_serve_changes_nothing, one_runs),
        core_test(next_replacement_for_freshness_waits_for_its_pause, one_runs),
        core_test(replacement_for_freshness_waits_for_the_last_one_to_leave, one_runs),
        core_test(need_does_not_wait_for_the_pause, one_runs),
        core_test(fresh_pool_that_dies_is_tried_again_and_the_old_one_serves, one_runs),
        core_test(crash_during_a_reload_that_fails_is_not_forgotten, one_runs),
        core_test(crash_during_a_reload_that_succeeds_needs_no_more, one_runs),
    };
    return cmocka_run_group_tests_name("core_service", tests, NULL, NULL);
}
