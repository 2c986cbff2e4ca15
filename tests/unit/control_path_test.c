/* SPDX-License-Identifier: MIT
 *
 * control_path_test - where the control socket is by default, and that its folder is ours.
 *
 * Root's folder below /run is not touched: root becomes an ordinary user, whose folder is below
 * /tmp, and removes that afterwards.
 */
#include "lib/control_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOMEBODY 64123 /* a user nobody is */

static struct error error;
static char *path;
static char folder[64];

/* Where no XDG_RUNTIME_DIR is set. Skips where a preforkd of this very user may be running. */
static void make_default_path(void)
{
    path = control_path_default();
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    assert_int_equal(strncmp(folder, "/tmp/preforkd-", 14), 0);
    if (mkdir(folder, 0700) < 0) {
        folder[0] = '\0';
        skip();
    }
    assert_int_equal(rmdir(folder), 0);
}

static int become_somebody(void **state)
{
    (void)state;
    path = NULL;
    folder[0] = '\0';
    unsetenv("XDG_RUNTIME_DIR");
    return geteuid() == 0 ? seteuid(SOMEBODY) : 0;
}

static int become_ourselves(void **state)
{
    (void)state;
    free(path);
    if (seteuid(getuid()) < 0)
        return -1;
    if (folder[0] != '\0' && rmdir(folder) < 0 && errno == ENOTDIR)
        unlink(folder);
    return 0;
}

static void runtime_folder_comes_first(void **state)
{
    (void)state;
    setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
    path = control_path_default();
    assert_string_equal(path, "/run/user/1000/preforkd.sock");
    assert_int_equal(control_path_prepare(path, &error), 0); /* it is the session's to make */
}

static void runtime_folder_must_be_absolute(void **state)
{
    char expected[64];
    (void)state;
    snprintf(expected, sizeof expected, "/tmp/preforkd-%u/control.sock", (unsigned)geteuid());
    setenv("XDG_RUNTIME_DIR", "run", 1);
    path = control_path_default();
    assert_string_equal(path, expected);
    free(path);
    setenv("XDG_RUNTIME_DIR", "", 1);
    path = control_path_default();
    assert_string_equal(path, expected);
}

static void folder_is_made_for_us_alone(void **state)
{
    struct stat about;
    (void)state;
    make_default_path();
    assert_int_equal(control_path_prepare(path, &error), 0);
    assert_int_equal(lstat(folder, &about), 0);
    assert_true(S_ISDIR(about.st_mode));
    assert_int_equal(about.st_mode & 07777, 0700);
    assert_int_equal(about.st_uid, geteuid());
    assert_int_equal(control_path_prepare(path, &error), 0); /* it may be there already */
}

static void expect_refused(void)
{
    memset(&error, 0, sizeof error);
    assert_int_equal(control_path_prepare(path, &error), -1);
    assert_int_equal(error.code, EXIT_CODE_UNAVAILABLE);
    assert_non_null(strstr(error.text, folder));
}

static void folder_that_others_may_write_to_is_refused(void **state)
{
    (void)state;
    make_default_path();
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(chmod(folder, 0720), 0);
    expect_refused();
    assert_int_equal(chmod(folder, 0702), 0);
    expect_refused();
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(control_path_prepare(path, &error), 0);
}

static void folder_of_another_user_is_refused(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    make_default_path();
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(seteuid(SOMEBODY), 0);
    expect_refused();
}

static void link_in_place_of_the_folder_is_refused(void **state)
{
    char target[] = "/tmp/preforkd-target-XXXXXX";
    (void)state;
    make_default_path();
    assert_non_null(mkdtemp(target)); /* it would do, but for the link */
    assert_int_equal(symlink(target, folder), 0);
    int status = control_path_prepare(path, &error);
    assert_int_equal(rmdir(target), 0);
    assert_int_equal(status, -1);
    assert_int_equal(error.code, EXIT_CODE_UNAVAILABLE);
}

static void file_in_place_of_the_folder_is_refused(void **state)
{
    (void)state;
    make_default_path();
    FILE *file = fopen(folder, "w");
    assert_non_null(file);
    fclose(file);
    expect_refused();
}

static void other_paths_are_left_alone(void **state)
{
    struct stat about;
    (void)state;
    assert_int_equal(control_path_prepare("/tmp/preforkd-nowhere/else/c.sock", &error), 0);
    assert_int_equal(stat("/tmp/preforkd-nowhere", &about), -1);
}

static void root_has_a_fixed_path(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    assert_int_equal(seteuid(0), 0);
    setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
    path = control_path_default();
    assert_string_equal(path, "/run/preforkd/control.sock");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, become_somebody, become_ourselves)
    const struct CMUnitTest tests[] = {
        TEST(runtime_folder_comes_first),
        TEST(runtime_folder_must_be_absolute),
        TEST(folder_is_made_for_us_alone),
        TEST(folder_that_others_may_write_to_is_refused),
        TEST(folder_of_another_user_is_refused),
        TEST(link_in_place_of_the_folder_is_refused),
        TEST(file_in_place_of_the_folder_is_refused),
        TEST(other_paths_are_left_alone),
        TEST(root_has_a_fixed_path),
    };
    return cmocka_run_group_tests_name("control_path", tests, NULL, NULL);
}
