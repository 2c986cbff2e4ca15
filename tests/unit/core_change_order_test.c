/* SPDX-License-Identifier: MIT
 *
 * core_change_order_test - what a change waits for: answers, other changes, old generations.
 */
#include "core_drive.h"

/* The answer. */

static void answer_waits_until_no_old_pool_takes_clients(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, true)};
    (void)state;
    reload_starts(rows, 2);
    on(POOL_READY, .pool = 3);
    on(POOL_DRAINED, .pool = 1); /* it serves still: that cannot be */
    on(POOL_READY, .pool = 4);
    forget();
    on(POOL_DRAINED, .pool = 2);
    on(POOL_DRAINED, .pool = 3); /* nobody has asked */
    on(POOL_DRAINED, .pool = 7);
    expect("");
    on(POOL_DRAINED, .pool = 1);
    expect("ANSWER");
}

static void answer_does_not_wait_for_long(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    reload_starts(rows, 1);
    on(POOL_READY, .pool = 2);
    forget();
    assert_int_equal(core_next_ms(&core), CORE_SETTLE_MS);
    after(CORE_SETTLE_MS - 1);
    expect("");
    after(1);
    expect("ANSWER");
}

static void who_asks_before_the_answer_gets_one_more(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    reload_starts(rows, 1);
    on(POOL_READY, .pool = 2);
    forget();
    on(RELOAD);
    expect("");
    on(POOL_ENDED, .pool = 1, .well = true);
    expect("ADOPT p1; MOURN p1 LEFT; ANSWER; ADVANCE; READ");
}

/* One at a time. */

static void who_asks_meanwhile_gets_one_more_for_all(void **state)
{
    const struct core_row rows[] = {row_of(1, false)};
    (void)state;
    on(RELOAD);
    forget();
    on(RELOAD);
    on(RELOAD);
    expect("");
    reads(rows, 1);
    on(BOUND, .well = true);
    expect("BIND; COMMIT; COMMITTED; ANSWER; ADVANCE; READ");
    reads(rows, 1);
    on(BOUND, .well = true);
    expect("BIND; COMMIT; COMMITTED; ANSWER");
}

static void results_that_nobody_waits_for_are_ignored(void **state)
{
    const struct core_row rows[] = {row_of(1, true)};
    (void)state;
    reads(rows, 1);
    on(BOUND, .well = true);
    on(CHECKED, .well = true);
    on(EXECUTE_FAILED, .why = "no");
    expect("");
    on(RELOAD);
    forget();
    on(BOUND, .well = true);
    on(CHECKED, .well = true);
    expect("");
}

/* Restart. */

static void restart_replaces_the_pool_with_the_next_reload(void **state)
{
    const struct core_row rows[] = {row_of(1, false), row_of(2, false)};
    (void)state;
    on(RESTART, .service = 2);
    on(RESTART, .service = 7);
    expect("");
    reload_starts(rows, 2);
    expect("START_POOL s2 p3 next");
    on(POOL_READY, .pool = 3);
    on(POOL_DRAINED, .pool = 2);
    reload_starts(rows, 2);
    expect("COMMIT; COMMITTED; ANSWER");
}

static void restart_during_a_reload_is_for_the_next_one(void **state)
{
    const struct core_row rows[] = {row_of(1, false)};
    (void)state;
    on(RELOAD);
    on(RESTART, .service = 1);
    on(RELOAD);
    reads(rows, 1);
    forget();
    on(BOUND, .why = "in use");
    expect("ROLL_BACK \"in use\"; ANSWER \"in use\"; ADVANCE; READ");
    assert_true(core_service_restarts(&core, 1));
    reads(rows, 1);
    on(BOUND, .well = true);
    expect("BIND; START_POOL s1 p2 next");
}

/* Generations. */

/* Pool 1 and 2 still leave, 3 serves, and is to be replaced. */
static void two_generations_leave(void)
{
    const struct core_row rows[] = {row_of(1, true)};
    for (unsigned pool = 2; pool <= 3; pool++) {
        reload_starts(rows, 1);
        on(POOL_READY, .pool = pool);
        on(POOL_DRAINED, .pool = pool - 1);
    }
    assert_int_equal(service_of(1)->current, 3);
    on(RELOAD);
    forget();
    reads(rows, 1);
    expect("WAITING p1");
}

static void third_generation_waits_for_the_first_to_leave(void **state)
{
    (void)state;
    two_generations_leave();
    after(1000);
    expect("");
    on(POOL_ENDED, .pool = 1, .well = true);
    expect("ADOPT p1; MOURN p1 LEFT; BIND");
    on(BOUND, .well = true);
    on(POOL_READY, .pool = 4);
    expect("START_POOL s1 p4 next; "
           "COMMIT; PROMOTE s1 p4 next; DRAIN_POOL p3 30000ms; COMMITTED");
}

static void generation_that_does_not_leave_is_killed_for_it_in_time(void **state)
{
    (void)state;
    two_generations_leave();
    after(42000);
    expect("KILL_POOL p1 \"did not leave in time\"; KILL_POOL p2 \"did not leave in time\"");
    on(POOL_ENDED, .pool = 2);
    expect("ADOPT p2; MOURN p2 LEFT; BIND");
}

static void service_without_a_pool_does_not_wait_for_old_generations(void **state)
{
    (void)state;
    two_generations_leave();
    on(POOL_ENDED, .pool = 3);
    expect("ADOPT p3 30000ms; MOURN p3 AT_ONCE; BIND");
    on(BOUND, .well = true);
    on(POOL_READY, .pool = 4);
    expect("START_POOL s1 p4 next; COMMIT; PROMOTE s1 p4 next; COMMITTED; ANSWER");
}

static void generations_of_another_service_do_not_matter(void **state)
{
    const struct core_row rows[] = {row_of(1, true), row_of(2, false)};
    const struct core_row other[] = {row_of(1, false), row_of(2, true)};
    (void)state;
    for (unsigned pool = 3; pool <= 4; pool++) {
        reload_starts(rows, 2);
        on(POOL_READY, .pool = pool);
        after(CORE_SETTLE_MS);
    }
    reload_starts(other, 2);
    on(POOL_READY, .pool = 5);
    expect("START_POOL s2 p5 next; "
           "COMMIT; PROMOTE s2 p5 next; DRAIN_POOL p2 30000ms; COMMITTED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        core_test(answer_waits_until_no_old_pool_takes_clients, two_run),
        core_test(answer_does_not_wait_for_long, one_runs),
        core_test(who_asks_before_the_answer_gets_one_more, one_runs),
        core_test(who_asks_meanwhile_gets_one_more_for_all, one_runs),
        core_test(results_that_nobody_waits_for_are_ignored, one_runs),
        core_test(restart_replaces_the_pool_with_the_next_reload, two_run),
        core_test(restart_during_a_reload_is_for_the_next_one, one_runs),
        core_test(third_generation_waits_for_the_first_to_leave, one_runs),
        core_test(generation_that_does_not_leave_is_killed_for_it_in_time, one_runs),
        core_test(service_without_a_pool_does_not_wait_for_old_generations, one_runs),
        core_test(generations_of_another_service_do_not_matter, two_run),
    };
    return cmocka_run_group_tests_name("core_change_order", tests, NULL, NULL);
}
