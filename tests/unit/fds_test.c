/* SPDX-License-Identifier: MIT
 *
 * fds_test - the limit on descriptors is raised for us, and for programs as it was before;
 * what is inherited and spared.
 */
#include "lib/fds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static bool leads_nowhere(int fd)
{
    struct stat about, null;
    return fstat(fd, &about) == 0 && stat("/dev/null", &null) == 0 && about.st_rdev == null.st_rdev;
}

/* 3 to 9 are open, 1 and 2 are not. */
static void untidy(void)
{
    for (int fd = 3; fd <= 9; fd++)
        dup2(STDIN_FILENO, fd);
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
}

static void spare_none(void)
{
    untidy();
    fds_sanitize(0);
    REQUIRE(leads_nowhere(STDOUT_FILENO) && leads_nowhere(STDERR_FILENO));
    for (int fd = 3; fd <= 9; fd++)
        REQUIRE(!is_open(fd));
}

static void spare_two(void)
{
    untidy();
    fds_sanitize(2);
    REQUIRE(leads_nowhere(STDOUT_FILENO) && leads_nowhere(STDERR_FILENO));
    REQUIRE(is_open(3) && is_open(4));
    for (int fd = 5; fd <= 9; fd++)
        REQUIRE(!is_open(fd));
}

/* One of those that were to be kept cannot be used, and is not there: nothing takes its number that
 * would be kept in its place. */
static void spare_a_gap(void)
{
    untidy();
    close(3);
    fds_sanitize(2);
    REQUIRE(leads_nowhere(STDOUT_FILENO) && leads_nowhere(STDERR_FILENO));
    REQUIRE(!is_open(3));
    REQUIRE(is_open(4));
    REQUIRE(!is_open(5));
}

static void what_is_not_ours_is_closed(void **state)
{
    (void)state;
    in_a_child(spare_none);
    in_a_child(spare_two);
    in_a_child(spare_a_gap);
}

static void keep_two(void)
{
    static const int kept[] = {5, 7};
    for (int fd = 3; fd < 20; fd++)
        REQUIRE(dup2(0, fd) == fd);
    fds_close_others(kept, 2);
    for (int fd = 0; fd < 20; fd++)
        REQUIRE((fcntl(fd, F_GETFD) >= 0) == (fd < 3 || fd == 5 || fd == 7));
    fds_close_others(NULL, 0);
    REQUIRE(fcntl(2, F_GETFD) >= 0 && fcntl(5, F_GETFD) < 0);
}

static void all_but_some_are_closed(void **state)
{
    (void)state;
    in_a_child(keep_two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_is_raised_and_restored),
        cmocka_unit_test(first_limit_is_remembered),
        cmocka_unit_test(limit_that_was_not_raised_stays),
        cmocka_unit_test(lower_limit_stays),
        cmocka_unit_test(limit_that_is_too_low_is_an_error),
        cmocka_unit_test(what_is_not_ours_is_closed),
        cmocka_unit_test(all_but_some_are_closed),
    };
    return cmocka_run_group_tests_name("fds", tests, NULL, NULL);
}
