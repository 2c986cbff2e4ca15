/* SPDX-License-Identifier: MIT
 *
 * core_test - the start of the daemon, what a pool says in which state, and when each is killed.
 */
#include "core_drive.h"

static void every_service_is_started_at_once(void **state)
{
    (void)state;
    assert_int_equal(core_next_ms(&core), 0);
    after(0);
    expect("START_POOL s1 p1; START_POOL s2 p2");
    after(1);
    expect("");
}

static void ready_is_said_when_every_service_is(void **state)
{
    (void)state;
    after(0);
    forget();
    on(POOL_READY, .pool = 2);
    expect("PROMOTE s2 p2");
    assert_int_equal(core.phase, CORE_STARTING);
    on(POOL_READY, .pool = 1);
    expect("PROMOTE s1 p1; READY");
    assert_int_equal(core.phase, CORE_RUNNING);
}

static void a_service_whose_first_pool_was_lost_again_counts_as_ready(void **state)
{
    (void)state;
    after(0);
    on(POOL_READY, .pool = 1);
    on(POOL_ENDED, .pool = 1);
    forget();
    on(POOL_READY, .pool = 2);
    expect("PROMOTE s2 p2; READY");
}

static void no_service_at_all_is_ready_at_once(void **state)
{
    (void)state;
    begin(0, SETTINGS);
    after(0);
    expect("READY");
    assert_int_equal(core_next_ms(&core), CLOCK_NEVER);
}

static void first_start_that_takes_too_long_ends_the_daemon(void **state)
{
    (void)state;
    after(0);
    on(POOL_READY, .pool = 1);
    forget();
    assert_int_equal(core_next_ms(&core), 10000);
    after(9999);
    expect("");
    after(1);
    expect("KILL_POOL p2 \"was not ready in time\"; GIVE_UP s2; STOPPING next; CLOSE s1; CLOSE s2; "
           "STOP_POOL p1");
    on(POOL_ENDED, .pool = 2);
    assert_false(core_is_finished(&core));
    on(POOL_ENDED, .pool = 1, .well = true);
    assert_true(core_is_finished(&core));
}

static void nothing_is_started_by_who_gives_up(void **state)
{
    (void)state;
    after(0);
    on(POOL_READY, .pool = 1);
    on(POOL_ENDED, .pool = 1);
    forget();
    after(10000);
    expect("KILL_POOL p2 \"was not ready in time\"; GIVE_UP s2; STOPPING next; CLOSE s1; CLOSE s2");
}

static void start_timeout_is_not_prolonged_by_another_try(void **state)
{
    (void)state;
    after(0);
    after(9000);
    on(POOL_ENDED, .pool = 1);
    after(100);
    expect("START_POOL s1 p1; ADOPT p1 30000ms; MOURN p1 HOLD_OFF 100ms; START_POOL s1 p2");
    assert_int_equal(core_next_ms(&core), 10000);
    after(900);
    expect("GIVE_UP s1; STOPPING next; CLOSE s1; STOP_POOL p2");
}

static void first_pool_that_says_why_it_cannot_start_ends_the_daemon(void **state)
{
    (void)state;
    after(0);
    forget();
    on(POOL_ENDED, .pool = 2, .said = true, .why = "no such program");
    expect("ADOPT p2 30000ms; MOURN p2 GIVE_UP; GIVE_UP s2 \"no such program\"; STOPPING next; "
           "CLOSE s1; CLOSE s2; STOP_POOL p1");
}

static void service_that_was_ready_is_no_reason_to_give_up_the_start_of_others(void **state)
{
    (void)state;
    after(0);
    on(POOL_READY, .pool = 1);
    on(POOL_ENDED, .pool = 1);
    after(0);
    forget();
    on(POOL_ENDED, .pool = 3, .said = true, .why = "no such program");
    expect("ADOPT p3 30000ms; MOURN p3 HOLD_OFF 100ms");
}

static void first_pool_that_just_dies_is_tried_again(void **state)
{
    (void)state;
    after(0);
    forget();
    on(POOL_ENDED, .pool = 1);
    expect("ADOPT p1 30000ms; MOURN p1 HOLD_OFF 100ms");
    after(99);
    expect("");
    after(1);
    expect("START_POOL s1 p2");
}

static void pool_of_a_running_service_may_say_that_it_cannot_start(void **state)
{
    (void)state;
    on(POOL_ENDED, .pool = 1);
    after(0);
    forget();
    on(POOL_ENDED, .pool = 2, .said = true, .why = "no such program");
    expect("ADOPT p2 30000ms; MOURN p2 HOLD_OFF 100ms");
}

static void requests_wait_until_the_start_is_over(void **state)
{
    (void)state;
    after(0);
    forget();
    on(RELOAD);
    on(UPGRADE);
    expect("");
    on(POOL_READY, .pool = 1);
    expect("PROMOTE s1 p1; READY");
    after(0);
    expect("ADVANCE; READ");
}

/* What pools say. */

static void what_an_unknown_pool_says_is_ignored(void **state)
{
    (void)state;
    on(POOL_READY, .pool = 7);
    on(POOL_LEAVING, .pool = 7);
    on(POOL_CRASHED, .pool = 7);
    on(POOL_FLOODS, .pool = 7);
    after(0);
    expect("");
}

static void ready_counts_once(void **state)
{
    (void)state;
    on(POOL_READY, .pool = 1);
    expect("");
    assert_int_equal(service_of(1)->current, 1);
}

static void pool_that_was_told_to_leave_cannot_become_ready(void **state)
{
    (void)state;
    after(0);
    on(STOP);
    forget();
    on(POOL_READY, .pool = 1);
    expect("");
    assert_int_equal(state_of(1), CORE_POOL_LEAVING);
}

static void pool_that_floods_is_killed_once(void **state)
{
    (void)state;
    on(POOL_FLOODS, .pool = 1);
    expect("KILL_POOL p1 \"talks too much\"");
    on(POOL_FLOODS, .pool = 1);
    after(100000);
    expect("");
    on(POOL_ENDED, .pool = 1);
    expect("ADOPT p1; MOURN p1 AT_ONCE");
}

/* Deadlines. */

static void pool_that_does_not_get_ready_is_killed(void **state)
{
    (void)state;
    on(POOL_ENDED, .pool = 1);
    after(0);
    forget();
    assert_int_equal(core_next_ms(&core), 10000);
    assert_int_equal(core_last_ms(&core), 10000);
    after(9999);
    expect("");
    after(1);
    expect("KILL_POOL p2 \"was not ready in time\"");
    assert_int_equal(core_next_ms(&core), CLOCK_NEVER); /* the rest is the kernel's */
    on(POOL_ENDED, .pool = 2);
    expect("ADOPT p2; MOURN p2 HOLD_OFF 100ms");
}

static void pool_that_serves_has_no_deadline(void **state)
{
    (void)state;
    assert_int_equal(core_next_ms(&core), CLOCK_NEVER);
    assert_int_equal(core_last_ms(&core), 0);
    after(INT64_C(1) << 40);
    expect("");
}

/* graceful_timeout for its workers, kill_timeout for them and for what they leave behind. */
static void pool_that_does_not_leave_is_killed(void **state)
{
    (void)state;
    on(POOL_LEAVING, .pool = 1);
    after(0);
    on(POOL_READY, .pool = 2);
    expect("START_POOL s1 p2; PROMOTE s1 p2");
    assert_int_equal(core_next_ms(&core), 30000 + 2 * 5000 + CORE_LEAVE_SPARE_MS);
    assert_int_equal(core_last_ms(&core), 30000 + 2 * 5000 + CORE_LEAVE_SPARE_MS);
    after(41999);
    expect("");
    after(1);
    expect("KILL_POOL p1 \"did not leave in time\"");
    on(POOL_ENDED, .pool = 1);
    expect("ADOPT p1; MOURN p1 LEFT");
}

static void what_a_killed_pool_had_in_hand_is_out_of_time_and_of_a_dead_one_is_not(void **state)
{
    (void)state;
    on(POOL_ENDED, .pool = 1);
    expect("ADOPT p1 30000ms; MOURN p1 AT_ONCE");
    after(0);
    on(POOL_READY, .pool = 2);
    forget();
    on(POOL_LEAVING, .pool = 2);
    on(POOL_ENDED, .pool = 2, .well = true);
    expect("ADOPT p2; MOURN p2 LEFT");
}

static void phases_have_names(void **state)
{
    (void)state;
    assert_string_equal(core_phase_names[CORE_STARTING], "starting");
    assert_string_equal(core_phase_names[CORE_RUNNING], "running");
    assert_string_equal(core_phase_names[CORE_STOPPING], "stopping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        core_test(every_service_is_started_at_once, two_start),
        core_test(ready_is_said_when_every_service_is, two_start),
        core_test(a_service_whose_first_pool_was_lost_again_counts_as_ready, two_start),
        core_test(no_service_at_all_is_ready_at_once, NULL),
        core_test(first_start_that_takes_too_long_ends_the_daemon, two_start),
        core_test(nothing_is_started_by_who_gives_up, two_start),
        core_test(start_timeout_is_not_prolonged_by_another_try, one_starts),
        core_test(first_pool_that_says_why_it_cannot_start_ends_the_daemon, two_start),
        core_test(service_that_was_ready_is_no_reason_to_give_up_the_start_of_others, two_start),
        core_test(first_pool_that_just_dies_is_tried_again, one_starts),
        core_test(pool_of_a_running_service_may_say_that_it_cannot_start, one_runs),
        core_test(requests_wait_until_the_start_is_over, one_starts),
        core_test(what_an_unknown_pool_says_is_ignored, one_runs),
        core_test(ready_counts_once, one_runs),
        core_test(pool_that_was_told_to_leave_cannot_become_ready, one_starts),
        core_test(pool_that_floods_is_killed_once, one_runs),
        core_test(pool_that_does_not_get_ready_is_killed, one_runs),
        core_test(pool_that_serves_has_no_deadline, one_runs),
        core_test(pool_that_does_not_leave_is_killed, one_runs),
        core_test(what_a_killed_pool_had_in_hand_is_out_of_time_and_of_a_dead_one_is_not, one_runs),
        core_test(phases_have_names, one_runs),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
