/* SPDX-License-Identifier: MIT
 *
 * config_auto_test - how many workers "auto" is, and what is said of it.
 */
#include "lib/config_auto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static char reason[CONFIG_AUTO_REASON_MAX];

static int64_t workers(enum config_handler kind, int64_t most, int64_t allowed, int64_t quota)
{
    struct config_service service = {.kind = kind, .max_workers = most, .workers = CONFIG_AUTO};
    return config_auto_workers(&service, &(struct cpu_budget){allowed, quota}, reason);
}

static void a_multiple_of_the_processors(void **state)
{
    (void)state;
    assert_int_equal(workers(CONFIG_BUILT_IN, 256, 2, CPU_BUDGET_ANY), 32);
    assert_string_equal(
        reason,
        "2 processors allowed by affinity mask, no cgroup quota -> 32 workers (16 for each)");
    assert_int_equal(workers(CONFIG_PLUGIN, 256, 1, CPU_BUDGET_ANY), 16);
    assert_int_equal(workers(CONFIG_EXEC, 256, 4, CPU_BUDGET_ANY), 64);
}

static void of_a_fraction_a_fraction(void **state)
{
    (void)state;
    assert_int_equal(workers(CONFIG_BUILT_IN, 256, 2, 1500), 24);
    assert_string_equal(
        reason,
        "2 processors allowed by affinity mask, cgroup quota 1.5 -> 24 workers (16 for each)");
    assert_int_equal(workers(CONFIG_BUILT_IN, 256, 2, 1001), 17);
    assert_int_equal(workers(CONFIG_BUILT_IN, 256, 2, 8000), 32);
}

static void never_too_few(void **state)
{
    (void)state;
    assert_int_equal(workers(CONFIG_BUILT_IN, 256, 64, 100), 8);
    assert_string_equal(reason,
                        "64 processors allowed by affinity mask, cgroup quota 0.1 -> 8 workers "
                        "(16 for each, at least 8)");
}

static void never_more_than_max_workers(void **state)
{
    (void)state;
    assert_int_equal(workers(CONFIG_BUILT_IN, 256, 128, CPU_BUDGET_ANY), 256);
    assert_string_equal(reason,
                        "128 processors allowed by affinity mask, no cgroup quota -> 256 workers "
                        "(16 for each, at most max_workers)");
    assert_int_equal(workers(CONFIG_BUILT_IN, 1, 2, CPU_BUDGET_ANY), 1);
    assert_string_equal(reason,
                        "2 processors allowed by affinity mask, no cgroup quota -> 1 worker "
                        "(16 for each, at most max_workers)");
    assert_int_equal(workers(CONFIG_BUILT_IN, 3, 1, 1), 3);
    assert_int_equal(workers(CONFIG_BUILT_IN, 65536, 1 << 14, CPU_BUDGET_ANY), 65536);
}

static void one_each_where_programs_accept(void **state)
{
    (void)state;
    assert_int_equal(workers(CONFIG_LISTEN, 256, 8, CPU_BUDGET_ANY), 8);
    assert_int_equal(workers(CONFIG_LISTEN, 256, 8, 2500), 3);
    assert_int_equal(workers(CONFIG_LISTEN, 256, 1, CPU_BUDGET_ANY), 2);
    assert_string_equal(reason,
                        "1 processor allowed by affinity mask, no cgroup quota -> 2 workers "
                        "(1 for each, at least 2)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_multiple_of_the_processors),
        cmocka_unit_test(of_a_fraction_a_fraction),
        cmocka_unit_test(never_too_few),
        cmocka_unit_test(never_more_than_max_workers),
        cmocka_unit_test(one_each_where_programs_accept),
    };
    return cmocka_run_group_tests_name("config_auto", tests, NULL, NULL);
}
