/* SPDX-License-Identifier: MIT
 *
 * bulk_test - a streak of large reads makes the process SCHED_BATCH, the first small one ends it,
 * and a policy that somebody else has chosen stays.
 */
#include "server/bulk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int policy(void)
{
    return (int)syscall(SYS_sched_getscheduler, 0);
}

static void set_policy(int wanted)
{
    struct sched_param none = {0};
    assert_int_equal(syscall(SYS_sched_setscheduler, 0, wanted, &none), 0);
}

static int ordinary(void **state)
{
    (void)state;
    set_policy(SCHED_OTHER);
    return 0;
}

static void note(struct bulk *bulk, size_t got, int times)
{
    while (times-- > 0)
        bulk_note(bulk, got);
}

static void large_reads_begin_it_and_a_small_one_ends_it(void **state)
{
    struct bulk bulk = {0};
    (void)state;
    for (int i = 0; i < 3; i++) {
        note(&bulk, BULK_READ, BULK_STREAK - 1);
        assert_int_equal(policy(), SCHED_OTHER);
        note(&bulk, BULK_READ, 100);
        assert_int_equal(policy(), SCHED_BATCH);
        note(&bulk, BULK_READ - 1, 1);
        assert_int_equal(policy(), SCHED_OTHER);
    }
}

static void streak_is_of_reads_in_a_row(void **state)
{
    struct bulk bulk = {0};
    (void)state;
    for (int i = 0; i < 10 * BULK_STREAK; i++)
        bulk_note(&bulk, i % BULK_STREAK == 0 ? 64 : 1 << 20);
    assert_int_equal(policy(), SCHED_OTHER);
}

static void end_of_the_connection_ends_it(void **state)
{
    struct bulk bulk = {0};
    (void)state;
    note(&bulk, BULK_READ, BULK_STREAK);
    assert_int_equal(policy(), SCHED_BATCH);
    bulk_end(&bulk);
    assert_int_equal(policy(), SCHED_OTHER);
}

static void policy_of_others_stays(void **state)
{
    struct bulk bulk = {0};
    (void)state;
    set_policy(SCHED_BATCH);
    note(&bulk, BULK_READ, 2 * BULK_STREAK);
    note(&bulk, 1, 1);
    bulk_end(&bulk);
    assert_int_equal(policy(), SCHED_BATCH);
}

static void nice_value_stays(void **state)
{
    struct bulk bulk = {0};
    (void)state;
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 5), 0);
    note(&bulk, BULK_READ, BULK_STREAK);
    assert_int_equal(policy(), SCHED_BATCH);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), 5);
    note(&bulk, 1, 1);
    assert_int_equal(policy(), SCHED_OTHER);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), 5);
}

/* chrt(1) while it is on. Last: who is not root does not come back from there. */
static void policy_that_others_choose_meanwhile_stays(void **state)
{
    struct bulk bulk = {0};
    (void)state;
    note(&bulk, BULK_READ, BULK_STREAK);
    set_policy(SCHED_IDLE);
    note(&bulk, 1, 1);
    assert_int_equal(policy(), SCHED_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(large_reads_begin_it_and_a_small_one_ends_it, ordinary),
        cmocka_unit_test_setup(streak_is_of_reads_in_a_row, ordinary),
        cmocka_unit_test_setup(end_of_the_connection_ends_it, ordinary),
        cmocka_unit_test_setup(policy_of_others_stays, ordinary),
        cmocka_unit_test_setup(nice_value_stays, ordinary),
        cmocka_unit_test_setup(policy_that_others_choose_meanwhile_stays, ordinary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
