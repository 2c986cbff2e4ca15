/* SPDX-License-Identifier: MIT
 *
 * worker_table_test - which slots are taken, found READY and told to leave; the workers are on
 * order (struct worker_table, order), so that there are no processes.
 */
#include "supervisor/pool/worker_table.h"

#include "lib/clock.h"
#include "lib/memory.h"
#include "supervisor/pool/worker_child.h"
#include "supervisor/pool/worker_leave.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define SLOTS 200
#define MAKER 1

static struct config_service service;
static struct worker_plan plan;
static struct worker_table table;
static uint32_t ordered; /* the last one */
static int times_ready;

static int order(struct worker_table *of, uint32_t slot, int error_fd)
{
    (void)of;
    (void)error_fd;
    ordered = slot;
    return MAKER;
}

static void got_ready(struct worker_table *of)
{
    (void)of;
    times_ready++;
}

static int newborn(void **state)
{
    size_t size = sizeof(struct scoreboard) + SLOTS * sizeof(struct scoreboard_slot);
    void *board = aligned_alloc(SCOREBOARD_LINE, size);
    (void)state;
    memset(board, 0, size);
    plan = (struct worker_plan){.service = &service, .scoreboard = board};
    worker_table_init(&table, NULL, &plan, SLOTS);
    table.order = order;
    table.got_ready = got_ready;
    times_ready = 0;
    return 0;
}

static int release(void **state)
{
    (void)state;
    free(plan.scoreboard);
    return 0;
}

static void fork_all(int64_t count)
{
    while (count-- > 0)
        assert_int_equal(worker_child_fork(&table), 0);
}

static void cannot_be_made(uint32_t slot)
{
    assert_int_equal(worker_child_copied(&table, MAKER, slot, -EAGAIN), -1);
}

static void say_ready(uint32_t slot)
{
    SCOREBOARD_STORE(plan.scoreboard->slots[slot].worker.phase, SCOREBOARD_IDLE);
}

static void lowest_free_slot_is_taken(void **state)
{
    (void)state;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        fork_all(1);
        assert_int_equal(ordered, slot);
    }
    assert_int_equal(worker_child_fork(&table), -1);
    assert_int_equal(errno, EBUSY);
    cannot_be_made(170);
    cannot_be_made(65);
    cannot_be_made(3);
    const uint32_t expected[] = {3, 65, 170};
    for (size_t i = 0; i < 3; i++) {
        fork_all(1);
        assert_int_equal(ordered, expected[i]);
    }
    assert_int_equal(worker_table_count(&table), SLOTS);
}

static void who_is_ready_is_noticed_once(void **state)
{
    (void)state;
    fork_all(150);
    worker_table_notice_ready(&table);
    assert_int_equal(times_ready, 0);
    say_ready(0);
    say_ready(149);
    worker_table_notice_ready(&table);
    assert_int_equal(times_ready, 1);
    assert_int_equal(table.ready, 2);
    assert_int_equal(table.starting, 148);
    assert_int_equal(table.entries[149].state, SCOREBOARD_READY);
    assert_int_equal(table.entries[1].state, SCOREBOARD_STARTING);
    worker_table_notice_ready(&table);
    assert_int_equal(times_ready, 1);
}

static void idle_ones_leave_first_from_the_highest_slot_down(void **state)
{
    (void)state;
    fork_all(100);
    for (uint32_t slot = 0; slot < 90; slot++)
        say_ready(slot);
    worker_table_notice_ready(&table);
    SCOREBOARD_STORE(plan.scoreboard->slots[89].worker.phase, SCOREBOARD_BUSY);
    worker_leave_drain(&table, 12, 0, 1000);
    for (uint32_t slot = 0; slot < 100; slot++) {
        bool leaves = slot >= 87 && slot != 89;
        assert_int_equal(table.entries[slot].state, leaves      ? SCOREBOARD_DRAINING
                                                    : slot < 90 ? SCOREBOARD_READY
                                                                : SCOREBOARD_STARTING);
        assert_int_equal(table.entries[slot].notice.leave_by_ms, leaves ? 1000 : CLOCK_NEVER);
    }
    worker_leave_drain(&table, INT64_MAX, 0, 2000);
    assert_int_equal(table.draining, 100);
    assert_int_equal(table.entries[89].notice.leave_by_ms, 2000);
    assert_int_equal(table.entries[88].notice.leave_by_ms, 1000);
}

/* Busy ones and those that start stay; those that were released have no deadline until all leave.
 */
static void only_ready_ones_without_a_client_are_released(void **state)
{
    (void)state;
    fork_all(10);
    for (uint32_t slot = 0; slot < 9; slot++)
        say_ready(slot);
    worker_table_notice_ready(&table);
    SCOREBOARD_STORE(plan.scoreboard->slots[8].worker.phase, SCOREBOARD_BUSY);
    SCOREBOARD_STORE(plan.scoreboard->slots[0].worker.phase, SCOREBOARD_PROGRAM);
    worker_leave_release(&table, 2, 0);
    assert_int_equal(table.draining, 2);
    assert_int_equal(table.released, 2);
    assert_int_equal(table.entries[7].state, SCOREBOARD_DRAINING);
    assert_int_equal(table.entries[6].state, SCOREBOARD_DRAINING);
    worker_leave_release(&table, 100, 0);
    assert_int_equal(table.draining, 7);
    assert_int_equal(table.entries[0].state, SCOREBOARD_READY);
    assert_int_equal(table.entries[8].state, SCOREBOARD_READY);
    assert_int_equal(table.entries[9].state, SCOREBOARD_STARTING);
    assert_int_equal(table.entries[1].notice.leave_by_ms, CLOCK_NEVER);
    worker_leave_drain(&table, INT64_MAX, 0, 500);
    for (uint32_t slot = 0; slot < 10; slot++)
        assert_int_equal(table.entries[slot].notice.leave_by_ms, 500);
}

/* In an elastic pool: born idle, counted out when they end, unless they did that themselves. */
static void idle_ones_are_counted(void **state)
{
    (void)state;
    plan.scoreboard->header.elastic = true;
    fork_all(3);
    assert_int_equal(plan.scoreboard->spare.idle, 3);
    cannot_be_made(1);
    assert_int_equal(plan.scoreboard->spare.idle, 2);
    SCOREBOARD_STORE(plan.scoreboard->slots[0].worker.phase, SCOREBOARD_BUSY);
    cannot_be_made(0);
    assert_int_equal(plan.scoreboard->spare.idle, 2);
}

static void those_that_have_lasted_are_counted(void **state)
{
    (void)state;
    fork_all(3);
    assert_int_equal(table.unproved, 0);
    for (uint32_t slot = 0; slot < 3; slot++)
        say_ready(slot);
    worker_table_notice_ready(&table);
    assert_int_equal(table.unproved, 3);
    worker_table_prove(&table, 1);
    assert_int_equal(table.unproved, 2);
    worker_leave_drain(&table, 2, 0, 1000); /* 2, which has not lasted, and 1 */
    assert_int_equal(table.unproved, 1);
    worker_table_vacate(&table, 0);
    assert_int_equal(table.unproved, 0);
    fork_all(1); /* another one in its slot */
    say_ready(0);
    worker_table_notice_ready(&table);
    assert_int_equal(table.unproved, 1);
}

static void nobody_has_a_pid_that_was_not_told(void **state)
{
    (void)state;
    fork_all(3);
    assert_null(worker_table_find(&table, 0));
    assert_null(worker_table_find(&table, -1));
    assert_null(worker_table_find(&table, 4711));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lowest_free_slot_is_taken, newborn, release),
        cmocka_unit_test_setup_teardown(who_is_ready_is_noticed_once, newborn, release),
        cmocka_unit_test_setup_teardown(idle_ones_leave_first_from_the_highest_slot_down, newborn,
                                        release),
        cmocka_unit_test_setup_teardown(only_ready_ones_without_a_client_are_released, newborn,
                                        release),
        cmocka_unit_test_setup_teardown(idle_ones_are_counted, newborn, release),
        cmocka_unit_test_setup_teardown(those_that_have_lasted_are_counted, newborn, release),
        cmocka_unit_test_setup_teardown(nobody_has_a_pid_that_was_not_told, newborn, release),
    };
    return cmocka_run_group_tests_name("worker_table", tests, NULL, NULL);
}
