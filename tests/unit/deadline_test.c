/* SPDX-License-Identifier: MIT
 *
 * deadline_test - whose time is up, when exactly, and that nobody is ended for what another one
 * did.
 */
#include "supervisor/pool/deadline.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define START    INT64_C(10000)
#define IDLE     INT64_C(60000)
#define LIFETIME INT64_C(300000)
#define KILL     INT64_C(5000)

static struct deadline_limits limits;
static struct deadline_notice notice;
static struct scoreboard_view worker;

static int fresh(void **state)
{
    (void)state;
    limits = (struct deadline_limits){
        .start_ms = START, .idle_ms = IDLE, .lifetime_ms = LIFETIME, .kill_ms = KILL};
    notice = DEADLINE_NOTICE_NONE;
    worker = (struct scoreboard_view){
        .state = SCOREBOARD_READY, .phase = SCOREBOARD_IDLE, .sequence = 2, .born_ms = 500};
    return 0;
}

/* The worker has accepted at STARTED and moved a byte at MOVED. */
static void serve(uint32_t sequence, int64_t started, int64_t moved)
{
    worker.phase = SCOREBOARD_BUSY;
    worker.sequence = sequence;
    worker.started_ms = started;
    worker.moved_ms = moved;
}

static void expect(int64_t now, enum deadline_action action, int64_t next)
{
    struct deadline_verdict verdict = deadline_judge(&worker, &limits, &notice, now);
    assert_int_equal(verdict.action, action);
    assert_int_equal(verdict.next_ms, next);
}

static void expect_cut(int64_t now, enum worker_end reason)
{
    struct deadline_verdict verdict = deadline_judge(&worker, &limits, &notice, now);
    assert_int_equal(verdict.action, DEADLINE_CUT);
    assert_int_equal(verdict.reason, reason);
    assert_int_equal(verdict.next_ms,
                     now + (reason == WORKER_END_IDLE ? DEADLINE_LOOK_AGAIN_MS : KILL));
}

static void starting_worker_has_start_timeout(void **state)
{
    (void)state;
    worker.state = SCOREBOARD_STARTING;
    worker.phase = SCOREBOARD_UNBORN;
    expect(500, DEADLINE_NONE, 500 + START);
    expect(500 + START - 1, DEADLINE_NONE, 500 + START);
    expect(500 + START, DEADLINE_KILL, CLOCK_NEVER);
    expect(500 + START + 1000, DEADLINE_KILL, CLOCK_NEVER);
}

/* It may have been told to leave before it was ready. */
static void leaving_worker_that_never_was_ready(void **state)
{
    (void)state;
    worker.state = SCOREBOARD_DRAINING;
    worker.phase = SCOREBOARD_UNBORN;
    expect(500, DEADLINE_NONE, 500 + START);
    expect(500 + START, DEADLINE_KILL, CLOCK_NEVER);
    notice.leave_by_ms = 1000;
    expect(999, DEADLINE_NONE, 1000);
    expect(1000, DEADLINE_KILL, CLOCK_NEVER);
}

/* Nobody is in its hands: it has not all the time that connections have. */
static void leaving_worker_that_does_not_hear_it(void **state)
{
    (void)state;
    limits.unready_ms = KILL;
    limits.start_ms = INT64_C(1) << 40;
    worker.state = SCOREBOARD_DRAINING;
    worker.phase = SCOREBOARD_UNBORN;
    expect(600, DEADLINE_NONE, 500 + limits.start_ms);
    notice.told_ms = 600;
    notice.leave_by_ms = 600 + 2 * KILL;
    expect(600, DEADLINE_NONE, 600 + KILL);
    expect(600 + KILL, DEADLINE_KILL, CLOCK_NEVER);
    worker.phase = SCOREBOARD_IDLE; /* it may have one after all */
    expect(600 + KILL, DEADLINE_NONE, 600 + 2 * KILL);
}

static void idle_worker_has_no_deadline(void **state)
{
    (void)state;
    expect(500, DEADLINE_NONE, CLOCK_NEVER);
    expect(INT64_C(1) << 40, DEADLINE_NONE, CLOCK_NEVER);
    worker.phase = SCOREBOARD_LEAVING;
    expect(INT64_C(1) << 40, DEADLINE_NONE, CLOCK_NEVER);
}

static void silence_ends_a_connection(void **state)
{
    (void)state;
    serve(4, 1000, 2000);
    expect(2000, DEADLINE_NONE, 2000 + IDLE);
    expect(2000 + IDLE - 1, DEADLINE_NONE, 2000 + IDLE);
    expect_cut(2000 + IDLE, WORKER_END_IDLE);
    assert_true(notice.given);
    assert_int_equal(notice.sequence, 4);
}

static void byte_moves_the_deadline(void **state)
{
    (void)state;
    serve(4, 1000, 1000);
    expect(1000 + IDLE - 1, DEADLINE_NONE, 1000 + IDLE);
    worker.moved_ms = 1000 + IDLE - 1;
    expect(1000 + IDLE, DEADLINE_NONE, 1000 + IDLE - 1 + IDLE);
}

static void age_ends_a_connection(void **state)
{
    (void)state;
    serve(4, 1000, 1000 + LIFETIME - 1);
    expect(1000 + LIFETIME - 1, DEADLINE_NONE, 1000 + LIFETIME);
    expect_cut(1000 + LIFETIME, WORKER_END_LIFETIME);
}

static void earlier_limit_counts(void **state)
{
    (void)state;
    serve(4, 1000, 1000 + LIFETIME - IDLE - 1);
    expect_cut(1000 + LIFETIME - 1, WORKER_END_IDLE);
    fresh(NULL);
    serve(4, 1000, 1000 + LIFETIME - IDLE + 1);
    expect(1000 + LIFETIME - 1, DEADLINE_NONE, 1000 + LIFETIME);
    expect_cut(1000 + LIFETIME, WORKER_END_LIFETIME);
}

static void limits_of_0_are_none(void **state)
{
    (void)state;
    limits.idle_ms = 0;
    serve(4, 1000, 1000);
    expect(1001, DEADLINE_NONE, 1000 + LIFETIME);
    limits.lifetime_ms = 0;
    expect(INT64_C(1) << 50, DEADLINE_NONE, CLOCK_NEVER);
    limits.idle_ms = IDLE;
    expect_cut(1000 + IDLE, WORKER_END_IDLE);
}

static void who_ignores_the_cut_is_killed(void **state)
{
    const int64_t cut = 1000 + IDLE;
    (void)state;
    serve(4, 1000, 1000);
    expect_cut(cut, WORKER_END_IDLE);
    expect(cut, DEADLINE_NONE, cut + KILL);
    expect(cut + KILL - 1, DEADLINE_NONE, cut + KILL);
    expect(cut + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

static void late_bytes_do_not_make_a_connection_younger(void **state)
{
    const int64_t cut = 1000 + LIFETIME;
    (void)state;
    serve(4, 1000, cut - 1);
    expect_cut(cut, WORKER_END_LIFETIME);
    worker.moved_ms = cut + KILL - 1;
    expect(cut + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

/* The byte came while the look was being taken: the connection is not idle, and not to be killed.
 */
static void late_bytes_take_an_idle_notice_back(void **state)
{
    const int64_t cut = 1000 + IDLE;
    (void)state;
    serve(4, 1000, 1000);
    expect_cut(cut, WORKER_END_IDLE);
    worker.moved_ms = cut + 1;
    expect(cut + KILL, DEADLINE_NONE, cut + 1 + IDLE);
    expect_cut(cut + 1 + IDLE, WORKER_END_IDLE);
}

static void new_connection_after_the_cut_is_left_alone(void **state)
{
    const int64_t cut = 1000 + IDLE;
    (void)state;
    serve(4, 1000, 1000);
    expect_cut(cut, WORKER_END_IDLE);
    serve(6, cut + 1, cut + 1);
    expect(cut + KILL, DEADLINE_NONE, cut + 1 + IDLE);
    expect(cut + 10 * KILL, DEADLINE_NONE, cut + 1 + IDLE);
    expect_cut(cut + 1 + IDLE, WORKER_END_IDLE); /* with a notice of its own */
    assert_int_equal(notice.sequence, 6);
    expect(cut + 1 + IDLE + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

/* Nobody looked while it was still within its limits: it is cut, not killed for the one before. */
static void new_connection_has_a_notice_of_its_own(void **state)
{
    const int64_t cut = 1000 + IDLE, late = cut + 1 + IDLE;
    (void)state;
    serve(4, 1000, 1000);
    expect_cut(cut, WORKER_END_IDLE);
    serve(6, cut + 1, cut + 1);
    expect_cut(late, WORKER_END_IDLE);
    assert_int_equal(notice.sequence, 6);
    expect(late + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

static void worker_that_obeyed_the_cut_is_left_alone(void **state)
{
    const int64_t cut = 1000 + IDLE;
    (void)state;
    serve(4, 1000, 1000);
    expect_cut(cut, WORKER_END_IDLE);
    worker.phase = SCOREBOARD_IDLE;
    expect(cut + KILL, DEADLINE_NONE, CLOCK_NEVER);
}

static void draining_worker_keeps_its_limits(void **state)
{
    (void)state;
    worker.state = SCOREBOARD_DRAINING;
    expect(1000, DEADLINE_NONE, CLOCK_NEVER);
    serve(4, 1000, 1000);
    expect(1001, DEADLINE_NONE, 1000 + IDLE);
    expect_cut(1000 + IDLE, WORKER_END_IDLE);
}

static void told_to_leave_connections_go_on_until_then(void **state)
{
    (void)state;
    notice.leave_by_ms = 5000;
    worker.state = SCOREBOARD_DRAINING;
    serve(4, 1000, 1000);
    expect(1001, DEADLINE_NONE, 5000);
    expect(4999, DEADLINE_NONE, 5000);
    expect_cut(5000, WORKER_END_GRACEFUL);
    expect(5000, DEADLINE_NONE, 5000 + KILL);
    expect(5000 + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

static void earlier_limit_counts_for_leaving_workers_too(void **state)
{
    (void)state;
    notice.leave_by_ms = 1000 + IDLE + 1;
    worker.state = SCOREBOARD_DRAINING;
    serve(4, 1000, 1000);
    expect(1001, DEADLINE_NONE, 1000 + IDLE);
    expect_cut(1000 + IDLE, WORKER_END_IDLE);
}

static void bytes_do_not_put_off_the_leave(void **state)
{
    (void)state;
    notice.leave_by_ms = 5000;
    worker.state = SCOREBOARD_DRAINING;
    serve(4, 1000, 4999);
    expect_cut(5000, WORKER_END_GRACEFUL);
    worker.moved_ms = 5001;
    expect(5000 + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

static void idle_worker_that_does_not_leave_is_killed(void **state)
{
    (void)state;
    notice.leave_by_ms = 5000;
    worker.state = SCOREBOARD_DRAINING;
    expect(1000, DEADLINE_NONE, 5000);
    expect_cut(5000, WORKER_END_GRACEFUL);
    expect(5000 + KILL - 1, DEADLINE_NONE, 5000 + KILL);
    expect(5000 + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

static void earlier_notice_stands_when_it_has_to_leave(void **state)
{
    const int64_t cut = 1000 + IDLE;
    (void)state;
    serve(4, 1000, 1000);
    expect_cut(cut, WORKER_END_IDLE);
    worker.state = SCOREBOARD_DRAINING;
    notice.leave_by_ms = cut + 1000;
    expect(cut + 1000, DEADLINE_NONE, cut + KILL); /* not put off */
    expect(cut + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

static void bytes_that_move_void_an_idle_notice(void **state)
{
    (void)state;
    limits.kill_ms = 10 * IDLE; /* far behind the next idle deadline */
    serve(4, 1000, 1000);
    expect_cut(1000 + IDLE, WORKER_END_IDLE);
    worker.moved_ms = 1000 + IDLE; /* the worker found that the client is taking */
    expect(1000 + IDLE + DEADLINE_LOOK_AGAIN_MS, DEADLINE_NONE, 1000 + 2 * IDLE);
    expect_cut(1000 + 2 * IDLE, WORKER_END_IDLE);
    worker.moved_ms += IDLE;
    expect_cut(1000 + 3 * IDLE, WORKER_END_IDLE); /* looked at late: not the old notice's end */
    expect(1000 + 3 * IDLE + limits.kill_ms, DEADLINE_KILL, CLOCK_NEVER);
}

static void another_reason_is_another_notice(void **state)
{
    (void)state;
    serve(4, 1000, 1000);
    expect_cut(1000 + IDLE, WORKER_END_IDLE);
    worker.moved_ms = 1000 + IDLE;
    notice.leave_by_ms = 1000 + IDLE + 1;
    expect_cut(1000 + IDLE + 1, WORKER_END_GRACEFUL);
    expect(1000 + IDLE + 1 + KILL, DEADLINE_KILL, CLOCK_NEVER);
}

/* The same rules as for a worker of ours; who carries them out is another matter. */
static void program_keeps_the_limits_of_a_connection(void **state)
{
    (void)state;
    serve(4, 1000, 2000);
    worker.phase = SCOREBOARD_PROGRAM;
    expect(2000, DEADLINE_NONE, 2000 + IDLE);
    expect_cut(2000 + IDLE, WORKER_END_IDLE);
    expect(2000 + IDLE, DEADLINE_NONE, 2000 + IDLE + KILL);
    expect(2000 + IDLE + KILL, DEADLINE_KILL, CLOCK_NEVER);
    fresh(NULL);
    serve(4, 1000, 1000 + LIFETIME - 1);
    worker.phase = SCOREBOARD_PROGRAM;
    expect_cut(1000 + LIFETIME, WORKER_END_LIFETIME);
    fresh(NULL);
    serve(4, 1000, 1000);
    worker.phase = SCOREBOARD_PROGRAM;
    worker.state = SCOREBOARD_DRAINING;
    notice.leave_by_ms = 5000;
    expect(4999, DEADLINE_NONE, 5000);
    expect_cut(5000, WORKER_END_GRACEFUL);
}

/* The worker has a client before anybody has looked whether it is READY. */
static void program_is_not_held_to_start_timeout(void **state)
{
    (void)state;
    serve(4, 1000, 500 + START);
    worker.phase = SCOREBOARD_PROGRAM;
    worker.state = SCOREBOARD_STARTING;
    expect(500 + START, DEADLINE_NONE, 500 + START + IDLE);
}

static void horizon_is_the_shortest_limit(void **state)
{
    (void)state;
    assert_int_equal(deadline_horizon(&limits, 7), 7 + IDLE);
    limits.idle_ms = LIFETIME + 1;
    assert_int_equal(deadline_horizon(&limits, 7), 7 + LIFETIME);
    limits.idle_ms = 0;
    assert_int_equal(deadline_horizon(&limits, 7), 7 + LIFETIME);
    limits.lifetime_ms = 0;
    assert_int_equal(deadline_horizon(&limits, 7), CLOCK_NEVER);
    limits.idle_ms = IDLE;
    assert_int_equal(deadline_horizon(&limits, 7), 7 + IDLE);
}

/* Of an elastic pool: it has kill_timeout while it has no client, and all time while it has one. */
static void released_one_without_a_client_is_told_again_and_killed(void **state)
{
    (void)state;
    notice.told_ms = 1000;
    expect(1000, DEADLINE_NONE, 1000 + KILL);
    serve(3, 1001, 1001);
    limits.idle_ms = limits.lifetime_ms = 0;
    expect(1000 + 100 * KILL, DEADLINE_NONE, CLOCK_NEVER);
    worker.phase = SCOREBOARD_IDLE;
    expect_cut(1000 + 101 * KILL, WORKER_END_GRACEFUL);
    expect(1000 + 102 * KILL - 1, DEADLINE_NONE, 1000 + 102 * KILL);
    expect(1000 + 102 * KILL, DEADLINE_KILL, CLOCK_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(starting_worker_has_start_timeout, fresh),
        cmocka_unit_test_setup(leaving_worker_that_never_was_ready, fresh),
        cmocka_unit_test_setup(leaving_worker_that_does_not_hear_it, fresh),
        cmocka_unit_test_setup(idle_worker_has_no_deadline, fresh),
        cmocka_unit_test_setup(silence_ends_a_connection, fresh),
        cmocka_unit_test_setup(byte_moves_the_deadline, fresh),
        cmocka_unit_test_setup(age_ends_a_connection, fresh),
        cmocka_unit_test_setup(earlier_limit_counts, fresh),
        cmocka_unit_test_setup(limits_of_0_are_none, fresh),
        cmocka_unit_test_setup(who_ignores_the_cut_is_killed, fresh),
        cmocka_unit_test_setup(late_bytes_do_not_make_a_connection_younger, fresh),
        cmocka_unit_test_setup(late_bytes_take_an_idle_notice_back, fresh),
        cmocka_unit_test_setup(new_connection_after_the_cut_is_left_alone, fresh),
        cmocka_unit_test_setup(new_connection_has_a_notice_of_its_own, fresh),
        cmocka_unit_test_setup(worker_that_obeyed_the_cut_is_left_alone, fresh),
        cmocka_unit_test_setup(draining_worker_keeps_its_limits, fresh),
        cmocka_unit_test_setup(told_to_leave_connections_go_on_until_then, fresh),
        cmocka_unit_test_setup(earlier_limit_counts_for_leaving_workers_too, fresh),
        cmocka_unit_test_setup(bytes_do_not_put_off_the_leave, fresh),
        cmocka_unit_test_setup(idle_worker_that_does_not_leave_is_killed, fresh),
        cmocka_unit_test_setup(earlier_notice_stands_when_it_has_to_leave, fresh),
        cmocka_unit_test_setup(bytes_that_move_void_an_idle_notice, fresh),
        cmocka_unit_test_setup(another_reason_is_another_notice, fresh),
        cmocka_unit_test_setup(program_keeps_the_limits_of_a_connection, fresh),
        cmocka_unit_test_setup(program_is_not_held_to_start_timeout, fresh),
        cmocka_unit_test_setup(horizon_is_the_shortest_limit, fresh),
        cmocka_unit_test_setup(released_one_without_a_client_is_told_again_and_killed, fresh),
    };
    return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
