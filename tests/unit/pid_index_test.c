/* SPDX-License-Identifier: MIT
 *
 * pid_index_test - slots by pid: collisions, removal in every order, pids that are given out again.
 */
#include "supervisor/pool/pid_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define SLOTS 8

static struct pid_index pids;

static int empty(void **state)
{
    (void)state;
    pid_index_init(&pids, SLOTS);
    return 0;
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(pid_index_find(&pids, 1), PID_INDEX_NONE);
    assert_int_equal(pid_index_find(&pids, 0), PID_INDEX_NONE);
    assert_int_equal(pid_index_find(&pids, -1), PID_INDEX_NONE);
    pid_index_remove(&pids, 3);
    assert_int_equal(pid_index_find(&pids, 0), PID_INDEX_NONE);
}

/* All in one chain, in which the removed one is the first, the last, and between. */
static void chain_survives_removal_anywhere(void **state)
{
    (void)state;
    for (uint32_t gone = 0; gone < SLOTS; gone++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            pid_index_add(&pids, slot, (pid_t)(1 + slot * SLOTS));
        pid_index_remove(&pids, gone);
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            assert_int_equal(pid_index_find(&pids, (pid_t)(1 + slot * SLOTS)),
                             slot == gone ? PID_INDEX_NONE : slot);
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            pid_index_remove(&pids, slot);
        assert_int_equal(pid_index_find(&pids, 1), PID_INDEX_NONE);
    }
}

static void pid_may_come_again_in_another_slot(void **state)
{
    (void)state;
    pid_index_add(&pids, 0, 4711);
    pid_index_remove(&pids, 0);
    pid_index_add(&pids, 5, 4711);
    assert_int_equal(pid_index_find(&pids, 4711), 5);
    pid_index_add(&pids, 0, 4712);
    assert_int_equal(pid_index_find(&pids, 4712), 0);
    assert_int_equal(pid_index_find(&pids, 4711), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_not_there_is_not_found, empty),
        cmocka_unit_test_setup(chain_survives_removal_anywhere, empty),
        cmocka_unit_test_setup(pid_may_come_again_in_another_slot, empty),
    };
    return cmocka_run_group_tests_name("pid_index", tests, NULL, NULL);
}
