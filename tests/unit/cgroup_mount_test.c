/* SPDX-License-Identifier: MIT
 *
 * cgroup_mount_test - one's own control group is found wherever its tree is mounted.
 */
#include "lib/cgroup_mount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static void only_version_2_counts(void **state)
{
    (void)state;
    assert_string_equal(cgroup_mount_own("0::/", NULL), "/");
    assert_string_equal(cgroup_mount_own("0::/system.slice/preforkd.service", NULL),
                        "/system.slice/preforkd.service");
    assert_null(cgroup_mount_own("4:memory:/a", NULL));
    assert_null(cgroup_mount_own("10::/a", NULL));
    assert_null(cgroup_mount_own("0::", NULL));
    assert_null(cgroup_mount_own("", NULL));
}

static void expect(const char *line, const char *own, const char *path)
{
    char found[CGROUP_MOUNT_PATH_MAX];
    if (!path) {
        assert_int_equal(cgroup_mount_match(line, NULL, own, found), -1);
        return;
    }
    assert_int_equal(cgroup_mount_match(line, NULL, own, found), 0);
    assert_string_equal(found, path);
}

static void matches_unified_and_hybrid(void **state)
{
    (void)state;
    expect("31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate", "/a/b",
           "/sys/fs/cgroup/a/b");
    expect("41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw", "/",
           "/sys/fs/cgroup/unified");
    expect("41 31 0:38 / /sys/fs/cgroup/unified rw shared:1 master:2 - cgroup2 x rw", "/a",
           "/sys/fs/cgroup/unified/a");
}

static void matches_a_part_of_the_tree(void **state)
{
    (void)state;
    expect("1 2 0:3 /a /mnt rw - cgroup2 c rw", "/a", "/mnt");
    expect("1 2 0:3 /a /mnt rw - cgroup2 c rw", "/a/b", "/mnt/b");
    expect("1 2 0:3 /a /mnt rw - cgroup2 c rw", "/ab", NULL);
    expect("1 2 0:3 /a /mnt rw - cgroup2 c rw", "/", NULL);
    expect("1 2 0:3 /../.. /mnt rw - cgroup2 c rw", "/a", NULL);
}

static void refuses_what_it_is_not(void **state)
{
    (void)state;
    expect("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", "/a", NULL);
    expect("32 31 0:29 / /sys/fs/cgroup rw - tmpfs cgroup2 rw", "/a", NULL);
    expect("32 31 0:29 / /with\\040space rw - cgroup2 c rw", "/a", NULL);
    expect("32 31 0:29 /", "/a", NULL);
    expect("", "/a", NULL);
}

static void path_has_room_or_is_refused(void **state)
{
    static char own[CGROUP_MOUNT_PATH_MAX];
    (void)state;
    memset(own, 'a', sizeof own - 1);
    own[0] = '/';
    expect("1 2 0:3 / /mnt rw - cgroup2 c rw", own, NULL);
}

static void controllers_of_version_1(void **state)
{
    char found[CGROUP_MOUNT_PATH_MAX];
    const char *mount = "33 25 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct";
    (void)state;
    assert_string_equal(cgroup_mount_own("4:cpu,cpuacct:/a", "cpu"), "/a");
    assert_string_equal(cgroup_mount_own("4:cpuacct,cpu:/", "cpu"), "/");
    assert_null(cgroup_mount_own("4:cpuset,cpuacct:/a", "cpu"));
    assert_null(cgroup_mount_own("0::/a", "cpu"));
    assert_null(cgroup_mount_own("4:cpu", "cpu"));
    assert_null(cgroup_mount_own("", "cpu"));
    assert_int_equal(cgroup_mount_match(mount, "cpu", "/a", found), 0);
    assert_string_equal(found, "/sys/fs/cgroup/cpu/a");
    assert_int_equal(cgroup_mount_match(mount, "cpuacct", "/", found), 0);
    assert_string_equal(found, "/sys/fs/cgroup/cpu");
    assert_int_equal(cgroup_mount_match(mount, "cpuset", "/a", found), -1);
    assert_int_equal(cgroup_mount_match(mount, NULL, "/a", found), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_version_2_counts),       cmocka_unit_test(matches_unified_and_hybrid),
        cmocka_unit_test(matches_a_part_of_the_tree),  cmocka_unit_test(refuses_what_it_is_not),
        cmocka_unit_test(path_has_room_or_is_refused), cmocka_unit_test(controllers_of_version_1),
    };
    return cmocka_run_group_tests_name("cgroup_mount", tests, NULL, NULL);
}
