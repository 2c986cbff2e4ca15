/* SPDX-License-Identifier: MIT
 *
 * signals_test - signals wait as events, dispositions are reset, and names are printed.
 */
#include "lib/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

static sigset_t before;

static int remember(void **state)
{
    (void)state;
    return sigprocmask(SIG_SETMASK, NULL, &before);
}

static int recall(void **state)
{
    (void)state;
    return sigprocmask(SIG_SETMASK, &before, NULL);
}

static void blocked_signals_are_read_as_events(void **state)
{
    (void)state;
    signals_block_all();
    int fd = signals_open(true);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(signals_next(fd), 0); /* none there, and no wait */
    raise(SIGTERM);
    raise(SIGHUP);
    raise(SIGHUP);
    int first = signals_next(fd), second = signals_next(fd);
    assert_true((first == SIGHUP && second == SIGTERM) || (first == SIGTERM && second == SIGHUP));
    assert_int_equal(signals_next(fd), 0); /* the same one twice is one */
    close(fd);
}

static void ends_of_children_are_told_where_wanted(void **state)
{
    (void)state;
    signals_block_all();
    for (int children = 0; children < 2; children++) {
        int fd = signals_open(children != 0);
        raise(SIGCHLD);
        assert_int_equal(signals_next(fd), children ? SIGCHLD : 0);
        close(fd);
    }
}

static void mask_is_all_or_nothing(void **state)
{
    sigset_t mask;
    (void)state;
    signals_block_all();
    sigprocmask(SIG_SETMASK, NULL, &mask);
    assert_true(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD) &&
                sigismember(&mask, SIGRTMAX));
    signals_unblock_all();
    sigprocmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM) || sigismember(&mask, SIGCHLD) ||
                 sigismember(&mask, SIGRTMAX));
}

static void (*disposition(int number))(int)
{
    struct sigaction action;
    assert_int_equal(sigaction(number, NULL, &action), 0);
    return action.sa_handler;
}

static void dispositions_are_reset(void **state)
{
    (void)state;
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signals_reset(0);
    assert_true(disposition(SIGHUP) == SIG_DFL);
    assert_true(disposition(SIGCHLD) == SIG_DFL);
    assert_true(disposition(SIGPIPE) == SIG_DFL);
    assert_true(disposition(SIGRTMAX) == SIG_DFL);
}

static void failed_writes_are_no_deaths_where_wanted(void **state)
{
    (void)state;
    signals_reset(1);
    assert_true(disposition(SIGPIPE) == SIG_IGN);
    assert_true(disposition(SIGXFSZ) == SIG_IGN);
    assert_true(disposition(SIGHUP) == SIG_DFL);
    signals_reset(0);
}

static void names(void **state)
{
    char text[SIGNALS_NAME_MAX];
    (void)state;
    assert_string_equal(signals_name(SIGKILL, text), "SIGKILL");
    assert_string_equal(signals_name(SIGSEGV, text), "SIGSEGV");
    assert_string_equal(signals_name(SIGTERM, text), "SIGTERM");
    assert_string_equal(signals_name(42, text), "signal 42");
    assert_string_equal(signals_name(0, text), "signal 0");
    assert_string_equal(signals_name(-2147483647 - 1, text), "signal -2147483648");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocked_signals_are_read_as_events, remember, recall),
        cmocka_unit_test_setup_teardown(ends_of_children_are_told_where_wanted, remember, recall),
        cmocka_unit_test_setup_teardown(mask_is_all_or_nothing, remember, recall),
        cmocka_unit_test(dispositions_are_reset),
        cmocka_unit_test(failed_writes_are_no_deaths_where_wanted),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
