/* SPDX-License-Identifier: MIT
 *
 * core_stop_test - the stop, in every state of what it ends.
 */
#include "core_drive.h"

static struct core_settings drain_off(void)
{
    struct core_settings settings = SETTINGS;
    settings.drain_backlog = false;
    return settings;
}

/* The last call. */

static void queue_is_served_before_the_sockets_are_closed(void **state)
{
    (void)state;
    on(STOP);
    expect("STOPPING; LAST_CALL s1; LAST_CALL s2");
    after(1000);
    expect("");
    on(QUEUE_EMPTY, .service = 2);
    expect("CLOSE s2; DRAIN_POOL p2 29000ms");
    on(QUEUE_EMPTY, .service = 1);
    expect("CLOSE s1; DRAIN_POOL p1 29000ms");
    on(POOL_ENDED, .pool = 1, .well = true);
    assert_false(core_is_finished(&core));
    on(POOL_ENDED, .pool = 2, .well = true);
    expect("ADOPT p1; MOURN p1 STOPPING; ADOPT p2; MOURN p2 STOPPING");
    assert_true(core_is_finished(&core));
}

static void queue_is_empty_once(void **state)
{
    (void)state;
    on(QUEUE_EMPTY, .service = 1); /* nobody has asked */
    expect("");
    on(STOP);
    on(QUEUE_EMPTY, .service = 1);
    forget();
    on(QUEUE_EMPTY, .service = 1);
    on(QUEUE_EMPTY, .service = 7);
    expect("");
}

static void last_call_ends_with_graceful_timeout_and_so_does_all(void **state)
{
    (void)state;
    on(STOP);
    forget();
    assert_int_equal(core_next_ms(&core), 30000);
    assert_int_equal(core_last_ms(&core), 30000);
    after(29999);
    expect("");
    after(1);
    expect("CLOSE s1; DRAIN_POOL p1");
    after(2 * 5000 + CORE_LEAVE_SPARE_MS);
    expect("KILL_POOL p1 \"did not leave in time\"");
    on(POOL_ENDED, .pool = 1);
    expect("ADOPT p1; MOURN p1 STOPPING");
    assert_true(core_is_finished(&core));
}

static void last_call_ends_when_nobody_is_left_to_serve(void **state)
{
    (void)state;
    on(STOP);
    forget();
    on(POOL_ENDED, .pool = 1);
    after(0);
    expect("ADOPT p1 30000ms; MOURN p1 STOPPING; CLOSE s1");
    on(POOL_LEAVING, .pool = 2);
    after(0);
    expect("CLOSE s2");
}

static void last_call_of_a_pool_that_is_killed_ends(void **state)
{
    (void)state;
    on(STOP);
    forget();
    on(POOL_FLOODS, .pool = 1);
    after(0);
    expect("KILL_POOL p1 \"talks too much\"; CLOSE s1");
}

static void drain_off_closes_at_once(void **state)
{
    (void)state;
    begin_running(1, drain_off());
    on(STOP);
    expect("STOPPING; CLOSE s1; DRAIN_POOL p1 30000ms");
    on(QUEUE_EMPTY, .service = 1);
    expect("");
}

static void service_without_a_pool_that_serves_has_no_last_call(void **state)
{
    (void)state;
    on(POOL_LEAVING, .pool = 1);
    forget();
    on(STOP);
    expect("STOPPING; CLOSE s1");
    assert_int_equal(state_of(1), CORE_POOL_LEAVING);
}

/* Now, and twice. */

static void stop_now_waits_for_nobody(void **state)
{
    (void)state;
    on(STOP_NOW);
    expect("STOPPING next; CLOSE s1; CLOSE s2; STOP_POOL p1; STOP_POOL p2");
    on(POOL_ENDED, .pool = 2, .well = true);
    forget();
    assert_int_equal(core_next_ms(&core), CORE_LEAVE_SPARE_MS);
    after(CORE_LEAVE_SPARE_MS - 1);
    expect("");
    after(1);
    expect("KILL_POOL p1 \"did not leave in time\"");
}

static void second_stop_is_now(void **state)
{
    (void)state;
    on(STOP);
    after(1000);
    forget();
    on(STOP);
    expect("STOPPING next; CLOSE s1; STOP_POOL p1");
    assert_int_equal(core_next_ms(&core), now + CORE_LEAVE_SPARE_MS);
    after(0);
    expect("");
}

static void second_stop_after_the_last_call_is_now(void **state)
{
    (void)state;
    on(STOP);
    on(QUEUE_EMPTY, .service = 1);
    forget();
    on(STOP);
    expect("STOPPING next; CLOSE s1; STOP_POOL p1");
    assert_int_equal(core_next_ms(&core), CORE_LEAVE_SPARE_MS);
}

static void third_stop_says_nothing_new_to_pools(void **state)
{
    (void)state;
    on(STOP_NOW);
    after(1000);
    forget();
    on(STOP_NOW);
    expect("STOPPING next; CLOSE s1");
    assert_int_equal(core_next_ms(&core), CORE_LEAVE_SPARE_MS); /* nor gives it them more time */
}

static void stop_now_does_not_prolong_what_ends_sooner(void **state)
{
    (void)state;
    on(POOL_LEAVING, .pool = 1);
    after(41500);
    forget();
    on(STOP_NOW);
    assert_int_equal(core_pool_find(&core, 1)->deadline_ms, 42000);
}

/* During everything. */

static void stop_during_the_start_waits_for_no_start(void **state)
{
    (void)state;
    after(0);
    on(POOL_READY, .pool = 1);
    forget();
    on(STOP);
    expect("STOPPING; LAST_CALL s1; DRAIN_POOL p2 30000ms; CLOSE s2");
    after(20000); /* beyond start_timeout */
    expect("");
    on(POOL_READY, .pool = 2);
    expect("");
}

static void stop_before_anything_was_started_is_the_end(void **state)
{
    (void)state;
    on(STOP);
    expect("STOPPING; CLOSE s1; CLOSE s2");
    assert_true(core_is_finished(&core));
    assert_int_equal(core_next_ms(&core), CLOCK_NEVER);
}

static void stop_during_hold_off_starts_nothing(void **state)
{
    (void)state;
    after(0);
    on(POOL_ENDED, .pool = 1);
    forget();
    on(STOP);
    after(60000);
    expect("STOPPING; CLOSE s1");
    assert_true(core_is_finished(&core));
}

/* START_POOL and STOP_NOW were on their way together. */
static void start_that_fails_during_the_stop_is_not_tried_again(void **state)
{
    (void)state;
    after(0);
    on(STOP_NOW);
    forget();
    on(START_FAILED, .pool = 1, .why = "fork: no");
    expect("");
    assert_true(core_is_finished(&core));
}

static void pool_that_is_lost_during_the_stop_is_not_replaced(void **state)
{
    (void)state;
    on(STOP);
    on(POOL_CRASHED, .pool = 1);
    forget();
    on(POOL_ENDED, .pool = 1);
    after(60000);
    expect("ADOPT p1 30000ms; MOURN p1 STOPPING; CLOSE s1");
    assert_int_equal(core_next_ms(&core), CLOCK_NEVER);
    assert_true(core_is_finished(&core));
}

static void fresh_pool_that_was_coming_is_recalled(void **state)
{
    (void)state;
    on(POOL_CRASHED, .pool = 1);
    after(0);
    forget();
    on(STOP);
    expect("STOPPING; DRAIN_POOL p2 30000ms; LAST_CALL s1");
    on(POOL_ENDED, .pool = 2, .well = true);
    expect("ADOPT p2; MOURN p2 STOPPING");
}

static void nothing_is_changed_any_more(void **state)
{
    (void)state;
    on(STOP);
    forget();
    on(RELOAD);
    on(UPGRADE);
    expect("ANSWER \"preforkd is stopping\"; ANSWER upgrade \"preforkd is stopping\"");
    on(RESTART, .service = 1);
    after(0);
    expect("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        core_test(queue_is_served_before_the_sockets_are_closed, two_run),
        core_test(queue_is_empty_once, one_runs),
        core_test(last_call_ends_with_graceful_timeout_and_so_does_all, one_runs),
        core_test(last_call_ends_when_nobody_is_left_to_serve, two_run),
        core_test(last_call_of_a_pool_that_is_killed_ends, one_runs),
        core_test(drain_off_closes_at_once, NULL),
        core_test(service_without_a_pool_that_serves_has_no_last_call, one_runs),
        core_test(stop_now_waits_for_nobody, two_run),
        core_test(second_stop_is_now, one_runs),
        core_test(second_stop_after_the_last_call_is_now, one_runs),
        core_test(third_stop_says_nothing_new_to_pools, one_runs),
        core_test(stop_now_does_not_prolong_what_ends_sooner, one_runs),
        core_test(stop_during_the_start_waits_for_no_start, two_start),
        core_test(stop_before_anything_was_started_is_the_end, two_start),
        core_test(stop_during_hold_off_starts_nothing, one_starts),
        core_test(start_that_fails_during_the_stop_is_not_tried_again, one_starts),
        core_test(pool_that_is_lost_during_the_stop_is_not_replaced, one_runs),
        core_test(fresh_pool_that_was_coming_is_recalled, one_runs),
        core_test(nothing_is_changed_any_more, one_runs),
    };
    return cmocka_run_group_tests_name("core_stop", tests, NULL, NULL);
}
