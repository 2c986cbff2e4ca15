/* SPDX-License-Identifier: MIT
 *
 * tick_test - the signal of a tick: when it may come, what it interrupts, and that it is told once.
 */
#include "server/tick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

/* Ends a wait that no tick ends; the alarm has a handler, so that it is a failure and no death. */
static void on_alarm(int number)
{
    (void)number;
}

static int give_up_late(void **state)
{
    struct sigaction action = {.sa_handler = on_alarm};
    (void)state;
    sigaction(SIGALRM, &action, NULL);
    alarm(20);
    return 0;
}

static bool tick_is_pending(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGVTALRM) == 1;
}

static bool tick_is_blocked(void)
{
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, SIGVTALRM) == 1;
}

static void nothing_happens_without_a_period(void **state)
{
    struct sigaction action;
    (void)state;
    tick_begin(0);
    assert_false(tick_is_blocked());
    tick_block();
    assert_false(tick_is_blocked());
    tick_allow();
    assert_false(tick_due());
    sigaction(SIGVTALRM, NULL, &action);
    assert_true(action.sa_handler == SIG_DFL);
}

/* The wait for a client returns, once for each time it is allowed to. */
static void tick_ends_a_wait(void **state)
{
    (void)state;
    tick_begin(2);
    assert_true(tick_is_blocked());
    assert_false(tick_due());
    for (int i = 0; i < 3; i++) {
        tick_allow();
        int status = poll(NULL, 0, 20000);
        int error = errno;
        tick_block();
        if (status == 0)
            fail_msg("there was no tick");
        assert_int_equal(error, EINTR);
        assert_true(tick_due());
        assert_false(tick_due()); /* until the next one */
    }
}

/* No call of a handler is interrupted: the tick waits until it may come. */
static void tick_waits_while_it_is_blocked(void **state)
{
    (void)state;
    tick_begin(2);
    while (!tick_is_pending())
        assert_int_equal(poll(NULL, 0, 1), 0);
    assert_int_equal(poll(NULL, 0, 5), 0);
    assert_false(tick_due());
    tick_allow();
    tick_block();
    assert_true(tick_due());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens_without_a_period),
        cmocka_unit_test(tick_ends_a_wait),
        cmocka_unit_test(tick_waits_while_it_is_blocked),
    };
    return cmocka_run_group_tests_name("tick", tests, give_up_late, NULL);
}
