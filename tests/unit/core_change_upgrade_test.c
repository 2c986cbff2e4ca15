/* SPDX-License-Identifier: MIT
 *
 * core_change_upgrade_test - upgrades: the new program is asked first, and what it begins with is
 * what the old one left.
 */
#include "core_drive.h"

static void new_program_is_asked_before_it_is_executed(void **state)
{
    (void)state;
    on(UPGRADE);
    expect("CHECK");
    assert_false(core_change_is_reload(&core));
    on(CHECKED, .well = true);
    expect("EXECUTE");
}

static void program_that_cannot_take_over_is_not_executed(void **state)
{
    (void)state;
    on(UPGRADE);
    forget();
    on(CHECKED, .why = "wrong architecture");
    expect("ANSWER upgrade \"wrong architecture\"");
    after(0);
    expect("");
    assert_int_equal(service_of(1)->current, 1);
}

static void program_that_cannot_be_executed_leaves_us_as_we_are(void **state)
{
    (void)state;
    on(UPGRADE);
    on(CHECKED, .well = true);
    forget();
    on(EXECUTE_FAILED, .why = "no memory");
    expect("ANSWER upgrade \"no memory\"");
    on(UPGRADE);
    expect("CHECK");
}

static void who_asks_during_an_upgrade_waits_for_it(void **state)
{
    (void)state;
    on(UPGRADE);
    forget();
    on(UPGRADE);
    on(CHECKED, .why = "no");
    expect("ANSWER upgrade \"no\"");
}

static void reload_waits_for_the_upgrade(void **state)
{
    (void)state;
    on(UPGRADE);
    on(RELOAD);
    forget();
    on(CHECKED, .why = "no");
    expect("ANSWER upgrade \"no\"; ADVANCE; READ");
}

static void upgrade_waits_for_the_reload(void **state)
{
    const struct core_row rows[] = {row_of(1, false)};
    (void)state;
    on(RELOAD);
    on(UPGRADE);
    on(UPGRADE);
    on(RELOAD);
    reads(rows, 1);
    forget();
    on(BOUND, .well = true);
    expect("COMMIT; COMMITTED; ANSWER; ADVANCE; READ");
    on(READ, .why = "no such file");
    expect("ROLL_BACK \"no such file\"; ANSWER \"no such file\"; CHECK");
}

static void stop_abandons_the_upgrade(void **state)
{
    (void)state;
    on(UPGRADE);
    forget();
    on(STOP_NOW);
    expect("STOPPING next; ANSWER upgrade \"preforkd is stopping\"; CLOSE s1; STOP_POOL p1");
    on(CHECKED, .well = true);
    on(EXECUTE_FAILED, .why = "no");
    expect("");
}

/* The new program. */

static void resume(void)
{
    struct core_actions actions = {0};
    core_change_resume_upgrade(&core, now, &actions);
    describe_actions(&actions);
}

/* A pool of service 1 that the old program left. Returns its number. */
static unsigned adopt(enum core_pool_state pool_state, int64_t deadline_ms, enum core_place place)
{
    const struct core_pool old = {.service = 1,
                                  .state = pool_state,
                                  .deadline_ms = deadline_ms,
                                  .graceful_ms = 3000,
                                  .kill_ms = 500,
                                  .accepts = pool_state == CORE_POOL_READY};
    return core_pool_adopt(&core, &old, place);
}

/* Services 1 and 2, as they are where nothing is amiss. */
static int two_adopted(void **state)
{
    const struct core_row rows[] = {row_of(1, false), row_of(2, false)};
    const struct core_service before = {.retry_ms = CLOCK_NEVER};
    (void)state;
    begin(0, SETTINGS);
    now = 5000;
    for (int i = 0; i < 2; i++)
        core_service_adopt(&core, &rows[i], &before, now);
    return 0;
}

/* Service 1 has pool 1, service 2 has none. */
static int new_program(void **state)
{
    two_adopted(state);
    assert_int_equal(adopt(CORE_POOL_READY, CLOCK_NEVER, CORE_PLACE_CURRENT), 1);
    resume();
    return 0;
}

static void every_pool_is_replaced_by_one_of_the_new_program(void **state)
{
    const struct core_row rows[] = {row_of(1, false), row_of(2, false)};
    (void)state;
    expect("READ");
    assert_true(core_change_is_reload(&core));
    reads(rows, 2);
    on(BOUND, .well = true);
    expect("BIND; START_POOL s1 p2 next; START_POOL s2 p3 next");
    on(POOL_READY, .pool = 2);
    on(POOL_READY, .pool = 3);
    expect("COMMIT; PROMOTE s2 p3 next; PROMOTE s1 p2 next; DRAIN_POOL p1 3000ms; "
           "COMMITTED");
    on(POOL_DRAINED, .pool = 1);
    expect("ANSWER upgrade");
}

static void adopted_pools_serve_on_where_the_rest_fails(void **state)
{
    (void)state;
    forget();
    on(READ, .why = "no such file");
    expect("ROLL_BACK \"no such file\"; ANSWER upgrade \"no such file\"");
    assert_int_equal(service_of(1)->current, 1);
    after(0);
    expect("START_POOL s2 p2"); /* it had none */
}

static void adopted_pool_that_dies_is_replaced(void **state)
{
    (void)state;
    on(READ, .why = "no such file");
    after(0);
    forget();
    on(POOL_ENDED, .pool = 1);
    after(0);
    expect("ADOPT p1 3000ms; MOURN p1 AT_ONCE; START_POOL s1 p3");
}

static void adopted_pool_that_leaves_keeps_its_deadline(void **state)
{
    (void)state;
    forget();
    assert_int_equal(adopt(CORE_POOL_LEAVING, 6000, CORE_PLACE_NONE), 2);
    assert_int_equal(service_of(1)->current, 1);
    assert_int_equal(core_last_ms(&core), 6000);
    on(STOP_NOW);
    forget();
    after(1000);
    expect("KILL_POOL p2 \"did not leave in time\"");
}

static void adopted_pool_that_was_to_come_comes(void **state)
{
    (void)state;
    assert_int_equal(adopt(CORE_POOL_BORN, 7000, CORE_PLACE_COMING), 1);
    resume();
    on(READ, .why = "no such file");
    forget();
    on(POOL_READY, .pool = 1);
    expect("PROMOTE s1 p1");
}

static void adopted_pool_that_was_to_come_makes_way(void **state)
{
    const struct core_row rows[] = {row_of(1, false)};
    (void)state;
    adopt(CORE_POOL_BORN, 7000, CORE_PLACE_COMING);
    resume();
    reads(rows, 1);
    forget();
    on(BOUND, .well = true);
    expect("DRAIN_POOL p1 3000ms; START_POOL s1 p2 next");
}

/* What no program leaves, but another version might say. */
static void adopted_pools_without_a_place_leave(void **state)
{
    (void)state;
    adopt(CORE_POOL_READY, CLOCK_NEVER, CORE_PLACE_CURRENT);
    adopt(CORE_POOL_READY, CLOCK_NEVER, CORE_PLACE_CURRENT);
    adopt(CORE_POOL_READY, CLOCK_NEVER, CORE_PLACE_COMING);
    adopt(CORE_POOL_BORN, 7000, CORE_PLACE_CURRENT);
    adopt(CORE_POOL_KILLED, CLOCK_NEVER, CORE_PLACE_CURRENT);
    resume();
    expect("DRAIN_POOL p2 3000ms; DRAIN_POOL p3 3000ms; DRAIN_POOL p4 3000ms; READ");
    assert_int_equal(service_of(1)->current, 1);
    assert_int_equal(service_of(1)->coming, 0);
}

static void adopted_service_is_held_off_as_before(void **state)
{
    const struct core_row row = row_of(1, false);
    const struct core_service before = {.retry_ms = 9000, .backoff.failures = 3};
    (void)state;
    begin(0, SETTINGS);
    now = 5000;
    core_service_adopt(&core, &row, &before, now);
    resume();
    on(READ, .why = "no such file");
    forget();
    after(3999);
    expect("");
    after(1);
    expect("START_POOL s1 p1");
    assert_int_equal(service_of(1)->backoff.failures, 3);
}

static void what_was_still_to_be_done_for_a_service_is(void **state)
{
    const struct core_row rows[] = {row_of(1, false)};
    const struct core_service before = {.retry_ms = CLOCK_NEVER, .stale = true, .restart = true};
    (void)state;
    begin(0, SETTINGS);
    core_service_adopt(&core, &rows[0], &before, now);
    adopt(CORE_POOL_READY, CLOCK_NEVER, CORE_PLACE_CURRENT);
    resume();
    on(READ, .why = "no such file");
    forget();
    after(0);
    expect("START_POOL s1 p2"); /* with another address layout */
    reload_starts(rows, 1);
    expect("DRAIN_POOL p2 30000ms; START_POOL s1 p3 next");
}

/* The file may be a newer one than that which is being put into force. */
static void who_asks_while_pools_are_replaced_gets_another_upgrade(void **state)
{
    (void)state;
    on(UPGRADE);
    on(UPGRADE);
    forget();
    on(READ, .why = "no such file");
    expect("ROLL_BACK \"no such file\"; ANSWER upgrade \"no such file\"; CHECK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        core_test(new_program_is_asked_before_it_is_executed, one_runs),
        core_test(program_that_cannot_take_over_is_not_executed, one_runs),
        core_test(program_that_cannot_be_executed_leaves_us_as_we_are, one_runs),
        core_test(who_asks_during_an_upgrade_waits_for_it, one_runs),
        core_test(reload_waits_for_the_upgrade, one_runs),
        core_test(upgrade_waits_for_the_reload, one_runs),
        core_test(stop_abandons_the_upgrade, one_runs),
        core_test(every_pool_is_replaced_by_one_of_the_new_program, new_program),
        core_test(adopted_pools_serve_on_where_the_rest_fails, new_program),
        core_test(adopted_pool_that_dies_is_replaced, new_program),
        core_test(adopted_pool_that_leaves_keeps_its_deadline, new_program),
        core_test(adopted_pool_that_was_to_come_comes, two_adopted),
        core_test(adopted_pool_that_was_to_come_makes_way, two_adopted),
        core_test(adopted_pools_without_a_place_leave, two_adopted),
        core_test(adopted_service_is_held_off_as_before, NULL),
        core_test(what_was_still_to_be_done_for_a_service_is, NULL),
        core_test(who_asks_while_pools_are_replaced_gets_another_upgrade, new_program),
    };
    return cmocka_run_group_tests_name("core_change_upgrade", tests, NULL, NULL);
}
