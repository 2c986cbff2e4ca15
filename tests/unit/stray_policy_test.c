/* SPDX-License-Identifier: MIT
 *
 * stray_policy_test - nobody is ended as long as the connection it belongs to lives, and nobody
 * stays once that is over.
 */
#include "supervisor/pool/stray_policy.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define KILL INT64_C(5000)
#define SEEN INT64_C(1000)

static struct stray_worker workers[] = {
    {.pid = 100, .slot = 0, .program_ms = 500},         /* a program before SEEN */
    {.pid = 200, .slot = 1, .program_ms = 1500},        /* one that began later */
    {.pid = 300, .slot = 2, .program_ms = CLOCK_NEVER}, /* waits for a client */
};
static struct stray_ended ended[] = {{.pid = 50, .kill_ms = 6500}, {.pid = 60, .kill_ms = 9000}};
static struct stray_scene scene;
static struct stray stray;

static int fresh(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        workers[i].force = STRAY_LIVES;
    scene = (struct stray_scene){.workers = workers,
                                 .worker_count = 3,
                                 .ended = ended,
                                 .ended_count = 2,
                                 .kill_timeout_ms = KILL,
                                 .oldest_program_ms = 500,
                                 .newest_program_ms = 1500,
                                 .stop_kill_ms = CLOCK_NEVER};
    stray = (struct stray){.pid = 900,
                           .group = 900,
                           .session = 900,
                           .seen_ms = SEEN,
                           .term_ms = CLOCK_NEVER,
                           .killed_ms = CLOCK_NEVER};
    return 0;
}

/* None of its owners lives. */
static void all_programs_end(void)
{
    scene.workers = &workers[2];
    scene.worker_count = 1;
    scene.oldest_program_ms = CLOCK_NEVER;
}

static void expect(int64_t now, enum stray_force action, bool sentenced, int64_t next)
{
    struct stray_verdict verdict = stray_policy_judge(&stray, &scene, now);
    assert_int_equal(verdict.action, action);
    assert_int_equal(verdict.sentenced, sentenced);
    assert_int_equal(verdict.next_ms, next);
}

static void expect_spared(int64_t now)
{
    expect(now, STRAY_LIVES, false, CLOCK_NEVER);
}

static void session_of_a_living_worker_is_spared(void **state)
{
    (void)state;
    stray.session = 200;
    assert_true(stray_policy_settle(&stray, &scene));
    expect_spared(100000);
}

static void group_of_a_living_worker_is_spared(void **state)
{
    (void)state;
    stray.group = 300;
    assert_true(stray_policy_settle(&stray, &scene));
    expect_spared(100000);
}

static void session_of_an_ended_worker_is_ended(void **state)
{
    (void)state;
    stray.session = 60;
    assert_true(stray_policy_settle(&stray, &scene));
    expect(2000, STRAY_TERM, true, 7000);
    stray.term_ms = 2000;
    expect(2001, STRAY_LIVES, true, 7000);
    expect(6999, STRAY_LIVES, true, 7000);
    expect(7000, STRAY_KILL, true, 7000 + STRAY_GIVE_UP_MS);
}

/* It may have the last bytes of the program in hand. */
static void session_of_one_that_ended_by_itself_has_a_moment(void **state)
{
    struct stray_ended by_itself[] = {{.pid = 60, .spare_ms = 3000, .kill_ms = 9000}};
    (void)state;
    scene.ended = by_itself;
    scene.ended_count = 1;
    stray.session = 60;
    assert_true(stray_policy_settle(&stray, &scene));
    expect(2000, STRAY_LIVES, true, 3000);
    scene.stop = STRAY_TERM;
    scene.stop_kill_ms = 8000;
    expect(2999, STRAY_LIVES, true, 3000);
    expect(3000, STRAY_TERM, true, 8000);
    scene.stop = STRAY_KILL;
    expect(2000, STRAY_KILL, true, 2000 + STRAY_GIVE_UP_MS);
}

/* What comes up late gets no longer than those before it. */
static void connection_is_over_at_one_time_for_all(void **state)
{
    (void)state;
    stray.session = 50;
    expect(6000, STRAY_TERM, true, 6500);
    stray.term_ms = 6000;
    expect(6500, STRAY_KILL, true, 6500 + STRAY_GIVE_UP_MS);
    stray.term_ms = CLOCK_NEVER;
    expect(8000, STRAY_KILL, true, 8000 + STRAY_GIVE_UP_MS);
}

static void number_that_became_a_worker_s_again_is_the_worker_s(void **state)
{
    (void)state;
    struct stray_ended same[] = {{.pid = 100, .kill_ms = 1200}};
    scene.ended = same;
    scene.ended_count = 1;
    stray.session = 100;
    assert_true(stray_policy_settle(&stray, &scene));
    expect_spared(2000);
}

static void one_that_left_the_session_still_belongs_to_it(void **state)
{
    (void)state;
    stray.session = 200;
    stray_policy_settle(&stray, &scene);
    stray.session = 900;
    assert_false(stray_policy_settle(&stray, &scene));
    expect_spared(2000);
    scene.worker_count = 1; /* 200 is gone, an older program is still there */
    expect(2000, STRAY_TERM, true, 7000);
}

static void named_client_spares(void **state)
{
    (void)state;
    stray.named = true;
    stray.owner = 200;
    stray.owner_ms = 1500;
    expect_spared(100000);
    scene.worker_count = 1;
    expect(3000, STRAY_TERM, true, 8000);
}

static void named_client_that_is_gone_ends(void **state)
{
    (void)state;
    stray.named = true; /* while other programs run */
    expect(3000, STRAY_TERM, true, 8000);
}

static void owner_s_pid_may_be_another_worker_s(void **state)
{
    (void)state;
    stray.named = true;
    stray.owner = 200;
    stray.owner_ms = 400;
    expect(3000, STRAY_TERM, true, 8000);
}

static void doubt_spares_while_a_program_of_that_time_runs(void **state)
{
    (void)state;
    assert_false(stray_policy_settle(&stray, &scene));
    expect_spared(3000);
    scene.oldest_program_ms = SEEN;
    expect_spared(3000);
    scene.oldest_program_ms = SEEN + 1; /* a later one cannot have started it */
    expect(3000, STRAY_TERM, true, 8000);
    all_programs_end();
    expect(3000, STRAY_TERM, true, 8000);
}

static void new_one_may_be_an_open_order(void **state)
{
    (void)state;
    scene.newest_program_ms = 1500;
    scene.makers[0] = (struct stray_maker){.ordered = 7, .settled = 7};
    stray = stray_policy_new(900, &scene, 2000);
    assert_int_equal(stray.pid, 900);
    assert_int_equal(stray.seen_ms, 2000);
    assert_false(stray_policy_unsure(&stray, &scene));
    scene.makers[1] = (struct stray_maker){.ordered = 5, .settled = 3};
    assert_false(stray_policy_unsure(&stray, &scene)); /* ordered later */
    all_programs_end();
    expect(3000, STRAY_TERM, true, 8000);
    stray = stray_policy_new(900, &scene, 2000);
    assert_true(stray_policy_unsure(&stray, &scene));
    expect_spared(3000);
    scene.stop = STRAY_KILL;
    expect_spared(3000);
    scene.stop = STRAY_LIVES;
    scene.makers[1] = (struct stray_maker){.ordered = 9, .settled = 4};
    assert_true(stray_policy_unsure(&stray, &scene));
    scene.makers[1].settled = 5;
    assert_false(stray_policy_unsure(&stray, &scene));
    expect(3000, STRAY_TERM, true, 8000);
    scene.newest_program_ms = 2001;
    assert_int_equal(stray_policy_new(900, &scene, 2000).seen_ms, 2001);
}

static void forced_end_takes_strays_along(void **state)
{
    (void)state;
    stray.session = 200;
    stray_policy_settle(&stray, &scene);
    workers[1].force = STRAY_TERM;
    expect(3000, STRAY_TERM, true, 8000);
    stray.term_ms = 3000;
    expect(8000, STRAY_KILL, true, 8000 + STRAY_GIVE_UP_MS);
    workers[1].force = STRAY_KILL;
    expect(3001, STRAY_KILL, true, 3001 + STRAY_GIVE_UP_MS);
}

static void sentence_stands(void **state)
{
    (void)state;
    stray.session = 60;
    expect(2000, STRAY_TERM, true, 7000);
    stray.term_ms = 2000;
    stray.session = 900; /* it calls setsid() now; programs run that could have started it */
    expect(2500, STRAY_LIVES, true, 7000);
    expect(7000, STRAY_KILL, true, 7000 + STRAY_GIVE_UP_MS);
}

static void killed_ones_are_waited_for_a_while(void **state)
{
    (void)state;
    all_programs_end();
    stray.term_ms = 2000;
    stray.killed_ms = 7000;
    expect(7500, STRAY_LIVES, true, 7000 + STRAY_GIVE_UP_MS);
    expect(7000 + STRAY_GIVE_UP_MS, STRAY_LIVES, true, CLOCK_NEVER);
}

static void untouchable_ones_are_left_alone(void **state)
{
    (void)state;
    all_programs_end();
    stray.term_ms = 2000;
    stray.untouchable = true;
    expect(2001, STRAY_LIVES, true, CLOCK_NEVER);
    expect(90000, STRAY_LIVES, true, CLOCK_NEVER);
}

static void stop_ends_all(void **state)
{
    (void)state;
    scene.stop = STRAY_TERM;
    scene.stop_kill_ms = 4000;
    expect(3000, STRAY_TERM, true, 4000);
    stray.term_ms = 3000;
    expect(3999, STRAY_LIVES, true, 4000);
    expect(4000, STRAY_KILL, true, 4000 + STRAY_GIVE_UP_MS);
    stray.term_ms = CLOCK_NEVER; /* comes up later */
    expect(4500, STRAY_KILL, true, 4500 + STRAY_GIVE_UP_MS);
    scene.stop = STRAY_KILL;
    expect(3000, STRAY_KILL, true, 3000 + STRAY_GIVE_UP_MS);
}

#define VARIABLE(text, name) stray_policy_variable(text, sizeof(text), name)

static void finds_variables(void **state)
{
    (void)state;
    assert_string_equal(VARIABLE("A=1\0B=2\0", "A"), "1");
    assert_string_equal(VARIABLE("A=1\0B=2\0", "B"), "2");
    assert_string_equal(VARIABLE("AB=1\0A=x=y\0", "A"), "x=y");
    assert_string_equal(VARIABLE("junk\0\0\0A=1\0", "A"), "1");
    assert_null(VARIABLE("AB=1\0", "A"));
    assert_null(VARIABLE("A=\0B=2\0", "A")); /* empty says nothing */
    assert_null(VARIABLE("", "A"));
    assert_null(stray_policy_variable("A=1\0B=22", 8, "B")); /* cut */
    assert_null(stray_policy_variable("A", 1, "A"));
    assert_null(stray_policy_variable(NULL, 0, "A"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(session_of_a_living_worker_is_spared, fresh),
        cmocka_unit_test_setup(group_of_a_living_worker_is_spared, fresh),
        cmocka_unit_test_setup(session_of_an_ended_worker_is_ended, fresh),
        cmocka_unit_test_setup(session_of_one_that_ended_by_itself_has_a_moment, fresh),
        cmocka_unit_test_setup(connection_is_over_at_one_time_for_all, fresh),
        cmocka_unit_test_setup(number_that_became_a_worker_s_again_is_the_worker_s, fresh),
        cmocka_unit_test_setup(one_that_left_the_session_still_belongs_to_it, fresh),
        cmocka_unit_test_setup(named_client_spares, fresh),
        cmocka_unit_test_setup(named_client_that_is_gone_ends, fresh),
        cmocka_unit_test_setup(owner_s_pid_may_be_another_worker_s, fresh),
        cmocka_unit_test_setup(doubt_spares_while_a_program_of_that_time_runs, fresh),
        cmocka_unit_test_setup(new_one_may_be_an_open_order, fresh),
        cmocka_unit_test_setup(forced_end_takes_strays_along, fresh),
        cmocka_unit_test_setup(sentence_stands, fresh),
        cmocka_unit_test_setup(killed_ones_are_waited_for_a_while, fresh),
        cmocka_unit_test_setup(untouchable_ones_are_left_alone, fresh),
        cmocka_unit_test_setup(stop_ends_all, fresh),
        cmocka_unit_test(finds_variables),
    };
    return cmocka_run_group_tests_name("stray_policy", tests, NULL, NULL);
}
