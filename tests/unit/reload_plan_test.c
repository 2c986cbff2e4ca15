/* SPDX-License-Identifier: MIT
 *
 * reload_plan_test - what a reload does to each service, and what it refuses to change.
 */
#include "supervisor/reload_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define GLOBAL "control = \"/run/c.sock\"; pid_file = \"/run/pid\";\n"
#define ECHO   "echo = { listen = \"unix:@echo\"; handler = \"echo\"; };\n"
#define GREET  "greet = { listen = \"unix:@greet\"; handler = \"greet\"; };\n"
#define UPPER  "upper = { listen = \"unix:@upper\"; handler = \"upper\"; };\n"

static struct config *now, *next;
static struct reload_plan plan;
static struct error error;

static int release(void **state)
{
    (void)state;
    config_release(now);
    config_release(next);
    now = next = NULL;
    reload_plan_release(&plan);
    return 0;
}

static struct config *read_text(const char *text)
{
    struct buffer errors = {0};
    struct config *config = config_load_snapshot(text, &errors);
    if (!config)
        fail_msg("%s", buffer_text(&errors));
    buffer_release(&errors);
    return config;
}

static int compare(const char *before, const char *after)
{
    release(NULL);
    now = read_text(before);
    next = read_text(after);
    return reload_plan_make(&plan, now, next, &error);
}

#define WITH(services) GLOBAL "services = {\n" services "};"

static void expect(size_t added, size_t changed, size_t kept, size_t removed)
{
    assert_int_equal(plan.added, added);
    assert_int_equal(plan.changed, changed);
    assert_int_equal(plan.kept, kept);
    assert_int_equal(plan.removed, removed);
}

static void nothing_changed_everything_is_kept(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO GREET), WITH(ECHO GREET)), 0);
    expect(0, 0, 2, 0);
    assert_int_equal(plan.actions[0], RELOAD_KEEP);
    assert_int_equal(plan.actions[1], RELOAD_KEEP);
}

static void order_and_remarks_do_not_matter(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO GREET), "# new\n" WITH(GREET ECHO)), 0);
    expect(0, 0, 2, 0);
}

static void new_service_is_added(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO), WITH(UPPER ECHO)), 0);
    expect(1, 0, 1, 0);
    assert_int_equal(plan.actions[0], RELOAD_ADD);
    assert_int_equal(plan.actions[1], RELOAD_KEEP);
}

static void missing_service_is_removed(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO GREET UPPER), WITH(GREET)), 0);
    expect(0, 0, 1, 2);
    assert_int_equal(plan.actions[0], RELOAD_KEEP);
}

static void changed_service_is_replaced_alone(void **state)
{
    (void)state;
    assert_int_equal(
        compare(
            WITH(ECHO GREET),
            WITH("echo = { listen = \"unix:@echo\"; handler = \"echo\"; workers = 3; };" GREET)),
        0);
    expect(0, 1, 1, 0);
    assert_int_equal(plan.actions[0], RELOAD_CHANGE);
    assert_int_equal(plan.actions[1], RELOAD_KEEP);
}

static void renamed_service_is_another_one(void **state)
{
    (void)state;
    assert_int_equal(
        compare(WITH(ECHO), WITH("other = { listen = \"unix:@echo\"; handler = \"echo\"; };")), 0);
    expect(1, 0, 0, 1);
}

static void all_kinds_in_one(void **state)
{
    (void)state;
    assert_int_equal(
        compare(WITH(ECHO GREET UPPER),
                WITH("hello = { listen = \"unix:@hello\"; handler = \"hello\"; };" UPPER
                     "greet = { listen = \"unix:@greet\"; handler = \"greet\"; backlog = 7; };")),
        0);
    expect(1, 1, 1, 1);
    assert_int_equal(plan.actions[0], RELOAD_ADD);
    assert_int_equal(plan.actions[1], RELOAD_KEEP);
    assert_int_equal(plan.actions[2], RELOAD_CHANGE);
}

static void other_user_changes_every_service(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO GREET), "user = \"www\";" WITH(ECHO GREET)), 0);
    expect(0, 2, 0, 0);
    assert_int_equal(
        compare("user = \"www\";" WITH(ECHO GREET), "user = \"ftp\";" WITH(ECHO GREET)), 0);
    expect(0, 2, 0, 0);
    assert_int_equal(compare("user = \"www\";" WITH(ECHO), "user = \"www\";" WITH(ECHO)), 0);
    expect(0, 0, 1, 0);
}

static void other_log_changes_every_service(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO GREET), "log = { level = \"debug\"; };" WITH(ECHO GREET)),
                     0);
    expect(0, 2, 0, 0);
    assert_int_equal(compare(WITH(ECHO), "log = { format = \"json\"; };" WITH(ECHO)), 0);
    expect(0, 1, 0, 0);
    assert_int_equal(compare(WITH(ECHO), "log = { level = \"info\"; };" WITH(ECHO)), 0);
    expect(0, 0, 1, 0); /* that was the default */
}

static void keys_are_named(void **state)
{
    (void)state;
    assert_int_equal(
        compare(WITH(ECHO GREET),
                "log = { level = \"debug\"; };" WITH(
                    GREET "echo = { listen = \"unix:@echo\"; handler = \"echo\"; workers = 3; };")),
        0);
    expect(0, 2, 0, 0);
    assert_int_equal(plan.global.count, 1);
    assert_string_equal(plan.global.list[0].key, "log.level");
    assert_int_equal(plan.changes[0].count, 0); /* greet */
    assert_int_equal(plan.changes[1].count, 1);
    assert_string_equal(plan.changes[1].list[0].key, "workers");
    assert_null(plan.changes[1].list[0].before);
    assert_string_equal(plan.changes[1].list[0].after, "3");
}

static void what_pools_do_not_know_changes_none(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO), "allow_root = true;" WITH(ECHO)), 0);
    expect(0, 0, 1, 0);
    assert_int_equal(plan.global.count, 1);
}

/* A user whose groups were changed: workers of the old pool still have the old ones. */
static void other_groups_of_the_same_user_are_a_change(void **state)
{
    struct config_service *service;
    (void)state;
    assert_int_equal(compare(WITH(ECHO GREET), WITH(ECHO GREET)), 0);
    service = config_find(next, "greet");
    service->credentials = calloc(1, sizeof *service->credentials);
    reload_plan_release(&plan);
    assert_int_equal(reload_plan_make(&plan, now, next, &error), 0);
    expect(0, 1, 1, 0);
    assert_int_equal(plan.actions[1], RELOAD_CHANGE);
    next->credentials = calloc(1, sizeof *next->credentials);
    reload_plan_release(&plan);
    assert_int_equal(reload_plan_make(&plan, now, next, &error), 0);
    expect(0, 2, 0, 0);
}

static void a_forced_service_is_replaced(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO GREET), WITH(ECHO GREET)), 0);
    reload_plan_force(&plan, 1);
    reload_plan_force(&plan, 1);
    expect(0, 1, 1, 0);
    assert_int_equal(plan.actions[1], RELOAD_CHANGE);
}

/* What PLAN was must not be touched where the reload is refused. */
static void expect_refused(const char *before, const char *after, const char *key,
                           const char *value)
{
    assert_int_equal(compare(before, after), -1);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    if (!strstr(error.text, key) || !strstr(error.text, value) ||
        !strstr(error.text, "cannot change while preforkd runs"))
        fail_msg("%s", error.text);
    assert_null(plan.actions);
}

static void fixed_keys_are_refused(void **state)
{
#define SERVICES "services = {" ECHO "};"
    (void)state;
    expect_refused("control = \"/run/a\";" SERVICES, "control = \"/run/b\";" SERVICES, "control",
                   "\"/run/a\"");
    expect_refused("pid_file = \"/run/a\";" SERVICES, "pid_file = \"/run/b\";" SERVICES, "pid_file",
                   "\"/run/a\"");
    expect_refused("pid_file = \"/run/a\";" SERVICES, SERVICES, "pid_file", "\"/run/a\"");
    expect_refused(SERVICES, "pid_file = \"/run/b\";" SERVICES, "pid_file", "\"\"");
    assert_int_equal(compare(SERVICES, SERVICES), 0);
    assert_int_equal(compare("log = { file = \"/l\"; };" SERVICES, SERVICES), -1);
    assert_non_null(strstr(error.text, "log.file cannot be taken away"));
    assert_int_equal(compare(SERVICES, "log = { file = \"/l\"; };" SERVICES), 0);
    /* Each of them is named. */
    expect_refused(SERVICES, "control = \"/run/a\"; pid_file = \"/run/b\";" SERVICES, "control",
                   "\nsnapshot: pid_file");
#undef SERVICES
}

static void release_may_be_repeated(void **state)
{
    (void)state;
    assert_int_equal(compare(WITH(ECHO), WITH(ECHO)), 0);
    reload_plan_release(&plan);
    assert_null(plan.actions);
    expect(0, 0, 0, 0);
    reload_plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_changed_everything_is_kept, release),
        cmocka_unit_test_teardown(order_and_remarks_do_not_matter, release),
        cmocka_unit_test_teardown(new_service_is_added, release),
        cmocka_unit_test_teardown(missing_service_is_removed, release),
        cmocka_unit_test_teardown(changed_service_is_replaced_alone, release),
        cmocka_unit_test_teardown(renamed_service_is_another_one, release),
        cmocka_unit_test_teardown(all_kinds_in_one, release),
        cmocka_unit_test_teardown(other_user_changes_every_service, release),
        cmocka_unit_test_teardown(other_log_changes_every_service, release),
        cmocka_unit_test_teardown(keys_are_named, release),
        cmocka_unit_test_teardown(what_pools_do_not_know_changes_none, release),
        cmocka_unit_test_teardown(other_groups_of_the_same_user_are_a_change, release),
        cmocka_unit_test_teardown(a_forced_service_is_replaced, release),
        cmocka_unit_test_teardown(fixed_keys_are_refused, release),
        cmocka_unit_test_teardown(release_may_be_repeated, release),
    };
    return cmocka_run_group_tests_name("reload_plan", tests, NULL, NULL);
}
