/* SPDX-License-Identifier: MIT
 *
 * program_environment_test - a program finds what is true of its user, what the configuration says,
 * and what is true of its connection, the later winning, and nothing of ours.
 */
#include "server/program_environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <pwd.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY_AT_ALL 4242424

#define MADE_MAX 16

static struct program_environment environment;
static char *made[MADE_MAX]; /* by its init */

static void make(char **words, size_t count)
{
    struct config_list configured = {.words = words, .count = count};
    program_environment_init(&environment, &configured);
    assert_in_range(environment.count, 0, MADE_MAX);
    for (size_t i = 0; i < environment.count; i++)
        made[i] = environment.variables[i];
}

static int release(void **state)
{
    (void)state;
    for (int i = 0; i < MADE_MAX; i++) {
        free(made[i]);
        made[i] = NULL;
    }
    free(environment.variables);
    environment.variables = NULL;
    return 0;
}

static void expect(const char *name, const char *value)
{
    const char *found = program_environment_get(&environment, name);
    assert_non_null(found);
    assert_string_equal(found, value);
}

/* Every variable once, NULL behind the last. */
static void expect_count(size_t count)
{
    assert_int_equal(environment.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(environment.variables[i]);
        size_t length = strcspn(environment.variables[i], "=");
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(
                strncmp(environment.variables[i], environment.variables[k], length + 1), 0);
    }
    assert_null(environment.variables[count]);
}

static void defaults_are_those_of_the_user(void **state)
{
    const struct passwd *who = getpwuid(geteuid());
    (void)state;
    if (!who)
        skip(); /* we are nobody that this machine knows */
    make(NULL, 0);
    expect_count(4);
    expect("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    expect("HOME", who->pw_dir);
    expect("USER", who->pw_name);
    expect("LOGNAME", who->pw_name);
}

static void nothing_of_ours_is_handed_on(void **state)
{
    (void)state;
    setenv("PREFORKD_TEST", "secret", 1);
    setenv("PATH", "/ours", 1);
    make(NULL, 0);
    expect_count(4);
    assert_null(program_environment_get(&environment, "PREFORKD_TEST"));
    assert_string_not_equal(program_environment_get(&environment, "PATH"), "/ours");
}

static void configuration_adds_and_replaces(void **state)
{
    char *words[] = {"LANG=C.UTF-8", "PATH=/opt/bin", "HOME=", "ODD=a=b=c"};
    (void)state;
    make(words, 4);
    expect_count(6);
    expect("LANG", "C.UTF-8");
    expect("PATH", "/opt/bin");
    expect("HOME", "");
    expect("ODD", "a=b=c");
}

/* The configuration may be gone by the time that a program is executed. */
static void configuration_is_copied(void **state)
{
    char word[] = "LANG=C.UTF-8", *words[] = {word};
    (void)state;
    make(words, 1);
    memset(word, 'x', sizeof word - 1);
    expect("LANG", "C.UTF-8");
}

static void what_is_put_wins(void **state)
{
    char *words[] = {"PROTO=configured"}, first[] = "PROTO=TCP", second[] = "PROTO=IPC";
    (void)state;
    make(words, 1);
    program_environment_put(&environment, first);
    expect("PROTO", "TCP");
    program_environment_put(&environment, second);
    expect("PROTO", "IPC");
    expect_count(5);
    assert_ptr_equal(program_environment_get(&environment, "PROTO"), second + 6);
}

static void name_is_compared_whole(void **state)
{
    char *words[] = {"PATH_INFO=/x", "TCPREMOTEIP=192.0.2.1"}, longer[] = "TCPREMOTEIPX=y",
         shorter[] = "TCPREMOTE=z";
    (void)state;
    make(words, 2);
    program_environment_put(&environment, longer);
    program_environment_put(&environment, shorter);
    expect_count(8);
    expect("PATH_INFO", "/x");
    expect("TCPREMOTEIP", "192.0.2.1");
    expect("TCPREMOTEIPX", "y");
    expect("TCPREMOTE", "z");
    assert_null(program_environment_get(&environment, "TCP"));
    assert_null(program_environment_get(&environment, ""));
    assert_null(program_environment_get(&environment, "PATH_INFO=/"));
}

static void there_is_room_for_all_that_a_worker_puts(void **state)
{
    static char names[PROGRAM_ENVIRONMENT_ROOM][32];
    (void)state;
    make(NULL, 0);
    for (int i = 0; i < PROGRAM_ENVIRONMENT_ROOM; i++) {
        snprintf(names[i], sizeof names[i], "N%d=%d", i, i);
        program_environment_put(&environment, names[i]);
    }
    expect_count(4 + PROGRAM_ENVIRONMENT_ROOM);
    expect("N95", "95");
}

/* Exits with 0 where all is as it should be. */
static int be_nobody(void)
{
    if (setresuid(NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL) < 0)
        return 1;
    make(NULL, 0);
    return strcmp(program_environment_get(&environment, "HOME"), "/") != 0 ||
           strcmp(program_environment_get(&environment, "USER"), "4242424") != 0 ||
           strcmp(program_environment_get(&environment, "LOGNAME"), "4242424") != 0;
}

static void user_without_an_entry_has_a_number(void **state)
{
    int status;
    (void)state;
    if (geteuid() != 0 || getpwuid(NOBODY_AT_ALL))
        skip(); /* only root can become somebody else */
    pid_t pid = fork();
    if (pid == 0)
        _exit(be_nobody());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_the_user),
        TEST(nothing_of_ours_is_handed_on),
        TEST(configuration_adds_and_replaces),
        TEST(configuration_is_copied),
        TEST(what_is_put_wins),
        TEST(name_is_compared_whole),
        TEST(there_is_room_for_all_that_a_worker_puts),
        TEST(user_without_an_entry_has_a_number),
    };
    return cmocka_run_group_tests_name("program_environment", tests, NULL, NULL);
}
