/* SPDX-License-Identifier: MIT
 *
 * upgrade_path_test - the path of preforkd is what it was started by, not where that led.
 */
#include "supervisor/upgrade_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/preforkd-path-XXXXXX";
static char us[PATH_MAX], link_here[64];

/* A folder with a link to this program, named "here"; it becomes the working folder. */
static int make(void **state)
{
    (void)state;
    ssize_t length = readlink("/proc/self/exe", us, sizeof us - 1);
    return length > 0 && mkdtemp(folder) && chdir(folder) == 0 &&
                   snprintf(link_here, sizeof link_here, "%s/here", folder) > 0 &&
                   symlink(us, link_here) == 0
               ? 0
               : -1;
}

static int removed(void **state)
{
    (void)state;
    return unlink(link_here) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void expect(const char *name, const char *path)
{
    char *found = upgrade_path_find(name);
    assert_string_equal(found, path);
    free(found);
}

static void absolute_path_is_as_it_was_written(void **state)
{
    (void)state;
    expect(us, us);
    expect(link_here, link_here);
}

static void relative_path_starts_from_here(void **state)
{
    (void)state;
    expect("./here", link_here);
}

static void name_is_searched_as_the_shell_does(void **state)
{
    char path[256];
    (void)state;
    snprintf(path, sizeof path, "/no/such/folder::%s:/usr/bin", folder);
    assert_int_equal(setenv("PATH", path, 1), 0);
    expect("here", link_here);
}

/* argv[0] may be anything: another program, or none. */
static void what_is_not_us_is_not_believed(void **state)
{
    (void)state;
    assert_int_equal(setenv("PATH", "/usr/bin:/bin", 1), 0);
    expect("/bin/sh", us);
    expect("sh", us);
    expect("./nowhere", us);
    expect("-preforkd", us);
    expect("", us);
    expect(NULL, us);
    assert_int_equal(unsetenv("PATH"), 0);
    expect("here", us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absolute_path_is_as_it_was_written),
        cmocka_unit_test(relative_path_starts_from_here),
        cmocka_unit_test(name_is_searched_as_the_shell_does),
        cmocka_unit_test(what_is_not_us_is_not_believed),
    };
    return cmocka_run_group_tests_name("upgrade_path", tests, make, removed);
}
