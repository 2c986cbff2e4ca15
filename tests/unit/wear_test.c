/* SPDX-License-Identifier: MIT
 *
 * wear_test - when a worker asks for its replacement, and that it serves on.
 */
#include "server/wear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#define SLOT 3

static struct scoreboard *board;
static struct config_service service;
static struct worker_plan plan;
static struct wear wear;
static int requests[2];

static int newborn(void **state)
{
    (void)state;
    board = calloc(1, sizeof *board + (SLOT + 1) * sizeof *board->slots);
    if (!board || pipe2(requests, O_NONBLOCK) < 0)
        return -1;
    plan = (struct worker_plan){.service = &service, .scoreboard = board, .wear_fd = requests[1]};
    return 0;
}

static int gone(void **state)
{
    (void)state;
    free(board);
    close(requests[0]);
    return close(requests[1]);
}

static void begin(int64_t most)
{
    service.max_connections_per_worker = most;
    wear_init(&wear, &plan, SLOT);
}

static bool asked(void)
{
    struct worker_wear request;
    if (read(requests[0], &request, sizeof request) < 0)
        return false;
    assert_int_equal(request.slot, SLOT);
    assert_int_equal(request.pid, getpid());
    return true;
}

static void numbers_are_of_the_last_fifth(void **state)
{
    bool seen[1001] = {false};
    (void)state;
    for (uint32_t dice = 0; dice < 5000; dice++) {
        uint64_t number = wear_draw(1000, dice * 2654435761u);
        assert_in_range(number, 800, 1000);
        seen[number] = true;
    }
    assert_true(seen[800] && seen[900] && seen[1000]);
    for (uint64_t most = 1; most < 5; most++)
        assert_int_equal(wear_draw(most, UINT32_MAX), most);
    assert_in_range(wear_draw(1000000000, UINT32_MAX), 800000000, 1000000000);
}

static void no_limit_no_word(void **state)
{
    (void)state;
    begin(0);
    for (uint64_t n = 0; n < 100000; n++)
        assert_true(wear_lasts(&wear, n));
    assert_false(asked());
}

static void one_is_exactly_one(void **state)
{
    (void)state;
    begin(1);
    assert_true(wear_lasts(&wear, 0));
    assert_false(wear_lasts(&wear, 1));
    assert_false(asked());
}

static void asks_and_serves_on(void **state)
{
    (void)state;
    begin(4);
    for (uint64_t n = 1; n < 4; n++)
        assert_true(wear_lasts(&wear, n));
    assert_false(asked());
    for (uint64_t n = 4; n < 8; n++) {
        assert_true(wear_lasts(&wear, n));
        assert_true(asked());
        assert_false(asked());
    }
}

static void the_pool_may_tell_it(void **state)
{
    _Atomic int32_t *worn = &board->slots[SLOT].keeper.worn;
    (void)state;
    begin(0);
    SCOREBOARD_STORE(*worn, getpid() + 1); /* who was there before */
    assert_true(wear_lasts(&wear, 1));
    assert_false(asked());
    SCOREBOARD_STORE(*worn, getpid());
    assert_true(wear_lasts(&wear, 2));
    assert_true(asked());
}

static void leaves_where_it_may(void **state)
{
    struct scoreboard_slot *slot = &board->slots[SLOT];
    (void)state;
    begin(4);
    SCOREBOARD_STORE(slot->keeper.may_leave, getpid() + 1);
    assert_true(wear_lasts(&wear, 4));
    assert_true(asked());
    SCOREBOARD_STORE(slot->keeper.may_leave, getpid());
    assert_false(wear_lasts(&wear, 5));
    assert_int_equal(SCOREBOARD_LOAD(slot->worker.phase), SCOREBOARD_LEAVING);
    assert_true(asked());
}

static void a_full_pipe_is_no_obstacle(void **state)
{
    int taken = 0;
    (void)state;
    begin(2);
    for (uint64_t n = 2; n < 100000; n++)
        assert_true(wear_lasts(&wear, n));
    while (asked())
        taken++;
    assert_true(taken > 1000);
    assert_true(wear_lasts(&wear, 100000));
    assert_true(asked());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_of_the_last_fifth),
        cmocka_unit_test_setup_teardown(no_limit_no_word, newborn, gone),
        cmocka_unit_test_setup_teardown(one_is_exactly_one, newborn, gone),
        cmocka_unit_test_setup_teardown(asks_and_serves_on, newborn, gone),
        cmocka_unit_test_setup_teardown(the_pool_may_tell_it, newborn, gone),
        cmocka_unit_test_setup_teardown(leaves_where_it_may, newborn, gone),
        cmocka_unit_test_setup_teardown(a_full_pipe_is_no_obstacle, newborn, gone),
    };
    return cmocka_run_group_tests_name("wear", tests, NULL, NULL);
}
