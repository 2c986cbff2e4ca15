/* SPDX-License-Identifier: MIT
 *
 * credentials_test - looking users and groups up. Becoming somebody is for the scenarios.
 */
#include "lib/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "lib/memory.h"

#include <grp.h>
#include <pwd.h>

static struct error error;

static void user_has_his_groups(void **state)
{
    struct credentials c = {0};
    (void)state;
    assert_int_equal(credentials_lookup(&c, "root", &error), 0);
    assert_int_equal(c.uid, 0);
    assert_int_equal(c.gid, getpwnam("root")->pw_gid);
    assert_true(c.group_count >= 1);
    assert_int_equal(c.groups[0], c.gid);
    credentials_release(&c);
    assert_null(c.groups);
    assert_int_equal(c.group_count, 0);
}

static void group_takes_the_place_of_all_others(void **state)
{
    struct credentials c = {.uid = 7, .gid = 8, .group_count = 3};
    const struct group *root = getgrgid(0);
    (void)state;
    assert_non_null(root);
    c.groups = memory_zeroed(3, sizeof *c.groups);
    c.groups[0] = c.groups[1] = c.groups[2] = 8;
    assert_int_equal(credentials_set_group(&c, root->gr_name, &error), 0);
    assert_int_equal(c.uid, 7);
    assert_int_equal(c.gid, 0);
    assert_int_equal(c.group_count, 1);
    assert_int_equal(c.groups[0], 0);
    credentials_release(&c);
}

static void group_may_be_the_first(void **state)
{
    struct credentials *c = memory_zeroed(1, sizeof *c);
    (void)state;
    assert_int_equal(credentials_set_group(c, getgrgid(0)->gr_name, &error), 0);
    assert_int_equal(c->group_count, 1);
    credentials_free(c);
    credentials_free(NULL);
}

static void unknown_names_change_nothing(void **state)
{
    struct credentials c = {.uid = 7, .gid = 8};
    (void)state;
    assert_int_equal(credentials_lookup(&c, "no-such-user", &error), -1);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    assert_string_equal(error.text, "there is no user \"no-such-user\" on this system");
    assert_int_equal(credentials_set_group(&c, "no-such-group", &error), -1);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    assert_string_equal(error.text, "there is no group \"no-such-group\" on this system");
    assert_int_equal(credentials_set_group(&c, "", &error), -1);
    assert_int_equal(c.uid, 7);
    assert_int_equal(c.gid, 8);
    assert_int_equal(c.group_count, 0);
    assert_null(c.groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_has_his_groups),
        cmocka_unit_test(group_takes_the_place_of_all_others),
        cmocka_unit_test(group_may_be_the_first),
        cmocka_unit_test(unknown_names_change_nothing),
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
