/* SPDX-License-Identifier: MIT
 *
 * core_change_test - reloads that succeed: what they change, in which order, and how many at a
 * time. What fails is in core_change_failure_test.c, upgrades are in core_change_upgrade_test.c.
 */
#include "core_drive.h"

static void reload_goes_step_by_step(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    on(RELOAD);
    expect("ADVANCE; READ");
    assert_true(core_change_is_reload(&core));
    reads(rows, 1);
    expect("BIND");
    assert_true(core_change_is_reload(&core));
    on(BOUND, .well = true);
    expect("START_POOL s1 p2 next");
    assert_true(core_change_is_reload(&core));
    after(0);
    expect("");
    on(POOL_READY, .pool = 2);
    expect("COMMIT; PROMOTE s1 p2 next; DRAIN_POOL p1 30000ms; COMMITTED");
    assert_true(core_change_is_reload(&core));
    on(POOL_DRAINED, .pool = 1);
    expect("ANSWER");
    assert_false(core_change_is_reload(&core));
}

static void service_that_is_unchanged_keeps_its_pool(void **state)
{
    const struct core_row rows[] = {row_of(1, false), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    on(POOL_READY, .pool = 3);
    expect("START_POOL s2 p3 next; "
           "COMMIT; PROMOTE s2 p3 next; DRAIN_POOL p2 30000ms; COMMITTED");
    assert_int_equal(service_of(1)->current, 1);
}

static void reload_that_changes_no_service_is_in_force_at_once(void **state)
{
    const struct core_row rows[] = {row_of(1, false)};
    (void)state;
    reload_starts(rows, 1);
    expect("COMMIT; COMMITTED; ANSWER");
}

static void nobody_serves_before_all_are_ready(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    expect("START_POOL s1 p3 next; START_POOL s2 p4 next");
    on(POOL_READY, .pool = 3);
    after(5000);
    expect("");
    on(POOL_READY, .pool = 4);
    expect("COMMIT; PROMOTE s2 p4 next; DRAIN_POOL p2 30000ms; "
           "PROMOTE s1 p3 next; DRAIN_POOL p1 30000ms; COMMITTED");
}

static void new_service_is_started(void **state)
{
    const struct core_row rows[] = {row_of(1, false), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    on(POOL_READY, .pool = 2);
    expect("START_POOL s2 p2 next; COMMIT; PROMOTE s2 p2 next; COMMITTED; ANSWER");
    on(POOL_ENDED, .pool = 2);
    after(0);
    expect("ADOPT p2 30000ms; MOURN p2 AT_ONCE; START_POOL s2 p3");
}

static void removed_service_is_dropped_and_its_pools_leave(void **state)
{
    const struct core_row rows[] = {row_of(1, false)};
    (void)state;
    on(POOL_CRASHED, .pool = 2);
    after(0);
    reload_starts(rows, 1);
    expect("COMMIT; DRAIN_POOL p2 30000ms; DRAIN_POOL p3 30000ms; DROP s2; COMMITTED");
    assert_null(core_service_find(&core, 2));
    on(POOL_READY, .pool = 3);
    on(POOL_CRASHED, .pool = 2);
    on(POOL_ENDED, .pool = 2, .well = true);
    after(0);
    expect("ADOPT p2; MOURN p2 NOBODY; ANSWER");
    after(42000);
    expect("KILL_POOL p3 \"did not leave in time\"");
}

static void last_service_can_be_removed(void **state)
{
    (void)state;
    reload_starts(NULL, 0);
    expect("COMMIT; DRAIN_POOL p1 30000ms; DROP s1; COMMITTED");
    on(STOP);
    assert_false(core_is_finished(&core));
    on(POOL_ENDED, .pool = 1, .well = true);
    assert_true(core_is_finished(&core));
}

static void new_pools_have_the_new_limits_and_old_ones_theirs(void **state)
{
    struct core_row rows[] = {row_of(1, true)};
    (void)state;
    rows[0].settings.start_timeout = 500;
    rows[0].settings.graceful_timeout = 7000;
    reload_starts(rows, 1);
    assert_int_equal(core_next_ms(&core), 500);
    on(POOL_READY, .pool = 2);
    on(POOL_ENDED, .pool = 1, .well = true);
    rows[0].settings = SETTINGS;
    reload_starts(rows, 1);
    on(POOL_READY, .pool = 3);
    expect("START_POOL s1 p3 next; COMMIT; PROMOTE s1 p3 next; DRAIN_POOL p2 7000ms; COMMITTED");
}

static void settings_of_an_unchanged_service_come_into_force_with_the_rest(void **state)
{
    struct core_row rows[] = {row_of(1, false), row_of(2, true)};
    (void)state;
    rows[0].settings.fresh_after_crash = false;
    reload_starts(rows, 2);
    assert_true(service_of(1)->settings.fresh_after_crash);
    on(POOL_READY, .pool = 3);
    assert_false(service_of(1)->settings.fresh_after_crash);
}

static void pool_that_was_being_started_makes_way(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    on(POOL_ENDED, .pool = 1);
    after(0);
    reload_starts(rows, 1);
    expect("DRAIN_POOL p2 30000ms; START_POOL s1 p3 next");
    on(POOL_READY, .pool = 2);
    on(POOL_ENDED, .pool = 2, .well = true);
    on(POOL_READY, .pool = 3);
    expect("ADOPT p2; MOURN p2 LEFT; COMMIT; PROMOTE s1 p3 next; COMMITTED; ANSWER");
}

static void service_in_trouble_need_not_be_well_for_a_change_of_others(void **state)
{
    const struct core_row rows[] = {row_of(1, false), row_of(2, true)};
    (void)state;
    on(POOL_ENDED, .pool = 1);
    after(0);
    on(POOL_ENDED, .pool = 3);
    reload_starts(rows, 2);
    on(POOL_READY, .pool = 4);
    expect("START_POOL s2 p4 next; "
           "COMMIT; PROMOTE s2 p4 next; DRAIN_POOL p2 30000ms; COMMITTED");
    after(100);
    expect("START_POOL s1 p5");
}

static void lost_pool_of_an_unchanged_service_is_replaced_meanwhile(void **state)
{
    const struct core_row rows[] = {row_of(1, false), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    forget();
    on(POOL_ENDED, .pool = 1);
    after(0);
    on(POOL_READY, .pool = 4);
    expect("ADOPT p1 30000ms; MOURN p1 AT_ONCE; START_POOL s1 p4; PROMOTE s1 p4");
    on(POOL_READY, .pool = 3);
    expect("COMMIT; PROMOTE s2 p3 next; DRAIN_POOL p2 30000ms; COMMITTED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        core_test(reload_goes_step_by_step, one_runs),
        core_test(service_that_is_unchanged_keeps_its_pool, two_run),
        core_test(reload_that_changes_no_service_is_in_force_at_once, one_runs),
        core_test(nobody_serves_before_all_are_ready, two_run),
        core_test(new_service_is_started, one_runs),
        core_test(removed_service_is_dropped_and_its_pools_leave, two_run),
        core_test(last_service_can_be_removed, one_runs),
        core_test(new_pools_have_the_new_limits_and_old_ones_theirs, one_runs),
        core_test(settings_of_an_unchanged_service_come_into_force_with_the_rest, two_run),
        core_test(pool_that_was_being_started_makes_way, one_runs),
        core_test(service_in_trouble_need_not_be_well_for_a_change_of_others, two_run),
        core_test(lost_pool_of_an_unchanged_service_is_replaced_meanwhile, two_run),
    };
    return cmocka_run_group_tests_name("core_change", tests, NULL, NULL);
}
