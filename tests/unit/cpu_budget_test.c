/* SPDX-License-Identifier: MIT
 *
 * cpu_budget_test - quotas are understood as the kernel writes them, wherever above us they are.
 */
#include "lib/cpu_budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/cpu_budget_XXXXXX";

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* A mounted tree: /top and /top/a/b are groups with quotas, /top/a has none. */
static int make_tree(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    make("top");
    make("top/a");
    make("top/a/b");
    put("top/cgroup.procs", "");
    put("top/a/cgroup.procs", "");
    put("top/a/b/cgroup.procs", "");
    put("cpu.max", "1000 100000\n"); /* of no group: the folder in which the tree is mounted */
    put("top/a/cpu.max", "max 100000\n");
    put("top/a/b/cpu.max", "250000 100000\n");
    put("top/a/cpu.cfs_quota_us", "-1\n");
    put("top/a/cpu.cfs_period_us", "100000\n");
    put("top/a/b/cpu.cfs_quota_us", "75000\n");
    put("top/a/b/cpu.cfs_period_us", "50000\n");
    return 0;
}

static int remove_tree(void **state)
{
    static const char *const names[] = {"top/a/b/cgroup.procs",
                                        "top/a/b/cpu.max",
                                        "top/a/b/cpu.cfs_quota_us",
                                        "top/a/b/cpu.cfs_period_us",
                                        "top/a/b",
                                        "top/a/cgroup.procs",
                                        "top/a/cpu.max",
                                        "top/a/cpu.cfs_quota_us",
                                        "top/a/cpu.cfs_period_us",
                                        "top/a",
                                        "top/cgroup.procs",
                                        "top/cpu.max",
                                        "top",
                                        "cpu.max"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    return rmdir(folder);
}

static void reads_what_the_kernel_writes(void **state)
{
    (void)state;
    assert_int_equal(cpu_budget_quota("150000 100000"), 1500);
    assert_int_equal(cpu_budget_quota("100000 100000\n"), 1000);
    assert_int_equal(cpu_budget_quota("1000 1000000"), 1);
    assert_int_equal(cpu_budget_quota("1 1000000"), 1);
    assert_int_equal(cpu_budget_quota("33333 100000"), 333);
}

static void no_quota_is_none(void **state)
{
    (void)state;
    const char *const texts[] = {
        "max 100000", "-1 100000", "",  "0 100000",   "100000",
        "100000 0",   "100000 -1", " ", "abc 100000", "9223372036854775807 1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(cpu_budget_quota(texts[i]), CPU_BUDGET_ANY);
}

static int64_t least(const char *name, bool version_1)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return cpu_budget_least_quota(path, version_1);
}

static void the_least_of_all_above_counts(void **state)
{
    (void)state;
    assert_int_equal(least("top/a/b", false), 2500);
    assert_int_equal(least("top/a", false), CPU_BUDGET_ANY);
    put("top/cpu.max", "50000 100000\n");
    assert_int_equal(least("top/a/b", false), 500);
    assert_int_equal(least("top/a", false), 500);
    assert_int_equal(least("top/missing", false), CPU_BUDGET_ANY);
}

static void version_1_has_two_files(void **state)
{
    (void)state;
    assert_int_equal(least("top/a/b", true), 1500);
    assert_int_equal(least("top/a", true), CPU_BUDGET_ANY);
}

static int64_t share(int64_t allowed, int64_t quota)
{
    return cpu_budget_share(&(struct cpu_budget){allowed, quota});
}

static void the_smaller_one_is_the_share(void **state)
{
    (void)state;
    assert_int_equal(share(2, CPU_BUDGET_ANY), 2000);
    assert_int_equal(share(2, 1500), 1500);
    assert_int_equal(share(2, 64000), 2000);
    assert_int_equal(share(0, CPU_BUDGET_ANY), 1000);
    assert_int_equal(share(1, 1), 1);
}

static void says_both(void **state)
{
    char text[CPU_BUDGET_TEXT_MAX];
    (void)state;
    assert_string_equal(cpu_budget_print(&(struct cpu_budget){2, 1500}, text),
                        "2 processors allowed by affinity mask, cgroup quota 1.5");
    assert_string_equal(cpu_budget_print(&(struct cpu_budget){1, CPU_BUDGET_ANY}, text),
                        "1 processor allowed by affinity mask, no cgroup quota");
}

static void follows_the_affinity_mask(void **state)
{
    cpu_set_t before, one;
    struct cpu_budget budget;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    cpu_budget_look(&budget);
    assert_int_equal(budget.allowed, CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (size_t i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    cpu_budget_look(&budget);
    assert_int_equal(budget.allowed, 1);
    sched_setaffinity(0, sizeof before, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_kernel_writes),  cmocka_unit_test(no_quota_is_none),
        cmocka_unit_test(the_least_of_all_above_counts), cmocka_unit_test(version_1_has_two_files),
        cmocka_unit_test(the_smaller_one_is_the_share),  cmocka_unit_test(says_both),
        cmocka_unit_test(follows_the_affinity_mask),
    };
    return cmocka_run_group_tests_name("cpu_budget", tests, make_tree, remove_tree);
}
