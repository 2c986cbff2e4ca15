/* SPDX-License-Identifier: MIT
 *
 * fds_test - the limit on descriptors is raised for us, and for programs as it was before.
 */
#include "lib/fds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOFT 64
#define HARD 128

static struct error error;

/* Exits with the line at which something was not so. */
#define REQUIRE(condition)                                                                         \
    if (!(condition))                                                                              \
    _exit(__LINE__ - BASE)
#define BASE 28

static rlim_t soft(void)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

static bool set(rlim_t cur, rlim_t max)
{
    return setrlimit(RLIMIT_NOFILE, &(struct rlimit){cur, max}) == 0;
}

/* In a process of its own: hard limits do not come back, and the first soft one is remembered. */
static void in_a_child(void (*body)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("line %d", WEXITSTATUS(status) + BASE);
}

static void raise_and_restore(void)
{
    REQUIRE(set(SOFT, HARD));
    REQUIRE(fds_raise_limit(HARD, &error) == 0);
    REQUIRE(soft() == HARD);
    fds_restore_limit();
    REQUIRE(soft() == SOFT);
    fds_restore_limit();
    REQUIRE(soft() == SOFT);
}

static void limit_is_raised_and_restored(void **state)
{
    (void)state;
    in_a_child(raise_and_restore);
}

static void raise_twice(void)
{
    REQUIRE(set(SOFT, HARD));
    REQUIRE(fds_raise_limit(1, &error) == 0);
    REQUIRE(fds_raise_limit(1, &error) == 0); /* sees HARD, which is not how we came */
    fds_restore_limit();
    REQUIRE(soft() == SOFT);
}

static void first_limit_is_remembered(void **state)
{
    (void)state;
    in_a_child(raise_twice);
}

static void restore_without_a_raise(void)
{
    REQUIRE(set(SOFT, HARD));
    fds_restore_limit();
    REQUIRE(soft() == SOFT);
}

static void limit_that_was_not_raised_stays(void **state)
{
    (void)state;
    in_a_child(restore_without_a_raise);
}

static void lower_afterwards(void)
{
    REQUIRE(set(SOFT, HARD));
    REQUIRE(fds_raise_limit(1, &error) == 0);
    REQUIRE(set(SOFT / 2, HARD));
    fds_restore_limit();
    REQUIRE(soft() == SOFT / 2); /* nothing is raised by it */
}

static void lower_limit_stays(void **state)
{
    (void)state;
    in_a_child(lower_afterwards);
}

static void ask_for_too_much(void)
{
    REQUIRE(set(SOFT, HARD));
    REQUIRE(fds_raise_limit(HARD + 1, &error) == -1);
    REQUIRE(error.code == EXIT_CODE_OS);
    REQUIRE(strstr(error.text, "129 open files"));
    REQUIRE(strstr(error.text, "the limit is 128"));
    fds_restore_limit();
    REQUIRE(soft() == SOFT);
}

static void limit_that_is_too_low_is_an_error(void **state)
{
    (void)state;
    in_a_child(ask_for_too_much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_is_raised_and_restored),
        cmocka_unit_test(first_limit_is_remembered),
        cmocka_unit_test(limit_that_was_not_raised_stays),
        cmocka_unit_test(lower_limit_stays),
        cmocka_unit_test(limit_that_is_too_low_is_an_error),
    };
    return cmocka_run_group_tests_name("fds", tests, NULL, NULL);
}
