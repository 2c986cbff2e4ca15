/* SPDX-License-Identifier: MIT
 *
 * core_change_failure_test - reloads that fail, at each of their steps, and those that a stop
 * abandons: what served before still does.
 */
#include "core_drive.h"

static void file_that_cannot_be_read_changes_nothing(void **state)
{
    (void)state;
    on(RELOAD);
    forget();
    on(READ, .why = "no such file");
    expect("ROLL_BACK \"no such file\"; ANSWER \"no such file\"");
    after(0);
    expect("");
    assert_int_equal(core_next_ms(&core), CLOCK_NEVER);
}

static void address_that_cannot_be_bound_changes_nothing(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    on(RELOAD);
    reads(rows, 2);
    forget();
    on(BOUND, .why = "in use");
    expect("DROP s2; ROLL_BACK \"in use\"; ANSWER \"in use\"");
    after(0);
    expect("");
    assert_null(core_service_find(&core, 2));
}

static void settings_of_a_reload_that_failed_are_forgotten(void **state)
{
    struct core_row rows[] = {row_of(1, true)};
    (void)state;
    rows[0].settings.fresh_after_crash = false;
    on(RELOAD);
    reads(rows, 1);
    on(BOUND, .why = "in use");
    assert_true(service_of(1)->settings.fresh_after_crash);
}

static void pool_that_cannot_be_started_takes_all_back(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true), row_of(3, true)};
    (void)state;
    reload_starts(rows, 3);
    on(POOL_READY, .pool = 3);
    forget();
    on(START_FAILED, .pool = 4, .why = "fork: no");
    expect("DRAIN_POOL p5 30000ms; DROP s3; DRAIN_POOL p3 30000ms; "
           "ROLL_BACK \"fork: no\"; ANSWER \"fork: no\"");
    after(0);
    expect("");
    assert_int_equal(service_of(1)->current, 1);
    assert_int_equal(service_of(2)->current, 2);
}

static void pool_that_dies_before_it_is_ready_takes_all_back(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    forget();
    on(POOL_ENDED, .pool = 3, .said = true, .why = "no such program");
    expect("ADOPT p3 30000ms; MOURN p3 CHANGE_FAILED; DRAIN_POOL p4 30000ms; "
           "ROLL_BACK \"no such program\"; ANSWER \"no such program\"");
    on(POOL_READY, .pool = 4);
    on(POOL_ENDED, .pool = 4, .well = true);
    expect("ADOPT p4; MOURN p4 LEFT");
    assert_int_equal(core_next_ms(&core), CLOCK_NEVER); /* it is not tried again */
}

static void new_service_that_cannot_start_takes_all_back(void **state)
{
    const struct core_row rows[] = {row_of(1, false), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    forget();
    on(POOL_ENDED, .pool = 2, .said = true, .why = "no such program");
    expect("ADOPT p2 30000ms; MOURN p2 CHANGE_FAILED; DROP s2; "
           "ROLL_BACK \"no such program\"; ANSWER \"no such program\"");
}

static void pool_that_dies_when_it_was_ready_takes_all_back(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    on(POOL_READY, .pool = 3);
    forget();
    on(POOL_ENDED, .pool = 3, .why = "died");
    expect("ADOPT p3 30000ms; MOURN p3 CHANGE_FAILED; DRAIN_POOL p4 30000ms; "
           "ROLL_BACK \"died\"; ANSWER \"died\"");
}

static void pool_that_is_not_ready_in_time_takes_all_back(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    reload_starts(rows, 1);
    forget();
    after(10000);
    expect("KILL_POOL p2 \"was not ready in time\"");
    on(POOL_READY, .pool = 2);
    on(POOL_ENDED, .pool = 2, .why = "late");
    expect("ADOPT p2; MOURN p2 CHANGE_FAILED; ROLL_BACK \"late\"; ANSWER \"late\"");
    assert_int_equal(service_of(1)->current, 1);
}

static void stop_while_the_change_waits_takes_all_back(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    for (unsigned pool = 2; pool <= 3; pool++) {
        reload_starts(rows, 1);
        on(POOL_READY, .pool = pool);
        on(POOL_DRAINED, .pool = pool - 1);
    }
    on(RELOAD);
    forget();
    reads(rows, 1);
    expect("WAITING p1");
    on(STOP);
    expect("STOPPING; ROLL_BACK \"preforkd is stopping\"; ANSWER \"preforkd is stopping\"; "
           "LAST_CALL s1");
}

/* It would serve until it has left, with nobody after it. */
static void pool_that_leaves_while_the_others_get_ready_takes_all_back(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    on(POOL_READY, .pool = 3);
    forget();
    on(POOL_LEAVING, .pool = 3, .why = "leaves");
    expect("DRAIN_POOL p4 30000ms; ROLL_BACK \"leaves\"; ANSWER \"leaves\"");
    after(42000);
    expect("KILL_POOL p3 \"did not leave in time\"; KILL_POOL p4 \"did not leave in time\"");
}

/* The pool in force is lost while its successor is prepared. */

static void death_of_the_present_pool_does_not_wait_for_the_rest(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    forget();
    on(POOL_ENDED, .pool = 1, .why = "died");
    expect("ADOPT p1 30000ms; MOURN p1 AT_ONCE; DRAIN_POOL p4 30000ms; DRAIN_POOL p3 30000ms; "
           "ROLL_BACK \"died\"; ANSWER \"died\"");
    after(0);
    expect("START_POOL s1 p5"); /* as the configuration in force says */
    assert_int_equal(service_of(2)->current, 2);
}

static void present_pool_that_leaves_does_not_wait_for_the_rest(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    forget();
    on(POOL_LEAVING, .pool = 1, .why = "leaves");
    expect("DRAIN_POOL p4 30000ms; DRAIN_POOL p3 30000ms; "
           "ROLL_BACK \"leaves\"; ANSWER \"leaves\"");
    after(0);
    expect("START_POOL s1 p5");
}

static void pool_that_was_lost_before_the_start_of_the_next_is_started_again(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    on(RELOAD);
    reads(rows, 1);
    on(POOL_ENDED, .pool = 1);
    on(BOUND, .well = true);
    forget();
    on(START_FAILED, .pool = 2, .why = "fork: no");
    after(0);
    expect("ROLL_BACK \"fork: no\"; ANSWER \"fork: no\"; START_POOL s1 p3");
}

static void hold_off_goes_on_as_a_try_at_once(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    on(POOL_ENDED, .pool = 1);
    after(0);
    on(POOL_ENDED, .pool = 2);
    reload_starts(rows, 1);
    expect("START_POOL s1 p3 next");
    on(POOL_ENDED, .pool = 3, .why = "died");
    after(0);
    expect("ADOPT p3 30000ms; MOURN p3 CHANGE_FAILED; ROLL_BACK \"died\"; ANSWER \"died\"; "
           "START_POOL s1 p4");
}

/* The next one. */

static void failure_does_not_keep_the_next_from_being_tried(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    on(RELOAD);
    on(RELOAD);
    forget();
    on(READ, .why = "no such file");
    expect("ROLL_BACK \"no such file\"; ANSWER \"no such file\"; ADVANCE; READ");
    reads(rows, 1);
    expect("BIND");
}

static void failure_leaves_nothing_behind_for_the_next_one(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    on(START_FAILED, .pool = 3, .why = "fork: no");
    on(POOL_ENDED, .pool = 4, .well = true);
    on(POOL_ENDED, .pool = 2);
    after(0);
    forget();
    on(POOL_READY, .pool = 5);
    expect("PROMOTE s2 p5"); /* at once: it belongs to no reload */
    reload_starts(rows, 1);
    on(POOL_READY, .pool = 6);
    expect("START_POOL s1 p6 next; COMMIT; DRAIN_POOL p5 30000ms; DROP s2; "
           "PROMOTE s1 p6 next; DRAIN_POOL p1 30000ms; COMMITTED");
}

static void restart_that_failed_is_forgotten(void **state)
{
    const struct core_row rows[] = {row_of(1, false)};
    (void)state;
    on(RESTART, .service = 1);
    on(RELOAD);
    on(READ, .why = "no such file");
    reload_starts(rows, 1);
    expect("COMMIT; COMMITTED; ANSWER");
}

/* A stop abandons it. */

static void stop_abandons_what_is_being_read_or_bound(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    for (int bind = 0; bind < 2; bind++) {
        begin_running(1, SETTINGS);
        on(RELOAD);
        if (bind)
            reads(rows, 2);
        forget();
        on(STOP_NOW);
        expect(bind ? "STOPPING next; DROP s2; ROLL_BACK \"preforkd is stopping\"; "
                      "ANSWER \"preforkd is stopping\"; CLOSE s1; STOP_POOL p1"
                    : "STOPPING next; ROLL_BACK \"preforkd is stopping\"; "
                      "ANSWER \"preforkd is stopping\"; CLOSE s1; STOP_POOL p1");
        reads(rows, 2); /* too late */
        on(BOUND, .well = true);
        expect("");
        if (!bind)
            core_release(&core);
    }
}

static void stop_abandons_what_is_being_started(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    reload_starts(rows, 1);
    forget();
    on(STOP);
    expect("STOPPING; DRAIN_POOL p2 30000ms; ROLL_BACK \"preforkd is stopping\"; "
           "ANSWER \"preforkd is stopping\"; LAST_CALL s1");
    on(POOL_READY, .pool = 2);
    expect("");
}

static void reload_that_is_in_force_was_not_abandoned(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    reload_starts(rows, 1);
    on(POOL_READY, .pool = 2);
    forget();
    on(STOP);
    expect("STOPPING; ANSWER; LAST_CALL s1");
}

static void stop_answers_who_waits_for_the_next_one(void **state)
{
    (void)state;
    on(RELOAD);
    on(RELOAD);
    on(UPGRADE);
    forget();
    on(STOP_NOW);
    expect("STOPPING next; ROLL_BACK \"preforkd is stopping\"; ANSWER \"preforkd is stopping\"; "
           "ADVANCE; ANSWER \"preforkd is stopping\"; ANSWER upgrade \"preforkd is stopping\"; "
           "CLOSE s1; STOP_POOL p1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        core_test(file_that_cannot_be_read_changes_nothing, one_runs),
        core_test(address_that_cannot_be_bound_changes_nothing, one_runs),
        core_test(settings_of_a_reload_that_failed_are_forgotten, one_runs),
        core_test(pool_that_cannot_be_started_takes_all_back, two_run),
        core_test(pool_that_dies_before_it_is_ready_takes_all_back, two_run),
        core_test(new_service_that_cannot_start_takes_all_back, one_runs),
        core_test(pool_that_dies_when_it_was_ready_takes_all_back, two_run),
        core_test(pool_that_is_not_ready_in_time_takes_all_back, one_runs),
        core_test(stop_while_the_change_waits_takes_all_back, one_runs),
        core_test(pool_that_leaves_while_the_others_get_ready_takes_all_back, two_run),
        core_test(death_of_the_present_pool_does_not_wait_for_the_rest, two_run),
        core_test(present_pool_that_leaves_does_not_wait_for_the_rest, two_run),
        core_test(pool_that_was_lost_before_the_start_of_the_next_is_started_again, one_runs),
        core_test(hold_off_goes_on_as_a_try_at_once, one_runs),
        core_test(failure_does_not_keep_the_next_from_being_tried, one_runs),
        core_test(failure_leaves_nothing_behind_for_the_next_one, two_run),
        core_test(restart_that_failed_is_forgotten, one_runs),
        core_test(stop_abandons_what_is_being_read_or_bound, NULL),
        core_test(stop_abandons_what_is_being_started, one_runs),
        core_test(reload_that_is_in_force_was_not_abandoned, one_runs),
        core_test(stop_answers_who_waits_for_the_next_one, one_runs),
    };
    return cmocka_run_group_tests_name("core_change_failure", tests, NULL, NULL);
}
