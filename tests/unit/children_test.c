/* SPDX-License-Identifier: MIT
 *
 * children_test - every child is listed, also those somebody else has forked; one is signalled and
 * reaped without touching another.
 */
#include "lib/children.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 1500 /* their list is longer than one read() of it */

static struct children children;

static int fresh(void **state)
{
    (void)state;
    children = CHILDREN_NONE;
    return children_adopt_orphans();
}

static int release(void **state)
{
    (void)state;
    if (children_read(&children) == 0)
        for (size_t i = 0; i < children.count; i++) {
            kill(children.pids[i], SIGKILL);
            waitpid(children.pids[i], NULL, 0);
        }
    children_release(&children);
    return 0;
}

static void stay(void)
{
    alarm(60);
    for (;;)
        pause();
}

static pid_t start(void)
{
    pid_t pid = fork();
    if (pid == 0)
        stay();
    assert_true(pid > 0);
    return pid;
}

static bool listed(pid_t pid)
{
    assert_int_equal(children_read(&children), 0);
    for (size_t i = 0; i < children.count; i++)
        if (children.pids[i] == pid)
            return true;
    return false;
}

/* Until the child is a zombie, which it stays. */
static void wait_end(pid_t pid)
{
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void assert_sorted(void)
{
    for (size_t i = 1; i < children.count; i++)
        assert_true(children.pids[i - 1] < children.pids[i]);
}

static void lists_nothing_where_there_is_nothing(void **state)
{
    (void)state;
    assert_int_equal(children_read(&children), 0);
    assert_int_equal(children.count, 0);
}

static void lists_all_sorted(void **state)
{
    static pid_t pids[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++)
        pids[i] = start();
    assert_int_equal(children_read(&children), 0);
    assert_int_equal(children.count, MANY);
    assert_sorted();
    for (int i = 0; i < MANY; i++)
        assert_non_null(bsearch(&pids[i], children.pids, children.count, sizeof *children.pids,
                                children_compare));
}

static void lists_what_outlived_its_parent(void **state)
{
    int pipes[2];
    pid_t grandchild;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t pid = fork();
        if (pid == 0)
            stay();
        if (write(pipes[1], &pid, sizeof pid) == sizeof pid)
            stay();
        _exit(1);
    }
    assert_int_equal(read(pipes[0], &grandchild, sizeof grandchild), sizeof grandchild);
    start(); /* younger, and our child before that one */
    assert_false(listed(grandchild));
    kill(parent, SIGKILL);
    wait_end(parent);
    assert_true(listed(grandchild));
    assert_sorted();
    assert_true(listed(parent));
    assert_true(children_reap(parent));
    assert_false(listed(parent));
    assert_true(listed(grandchild));
    close(pipes[0]);
    close(pipes[1]);
}

static void reaps_one_and_no_other(void **state)
{
    (void)state;
    pid_t a = start(), b = start();
    assert_false(children_reap(a));
    assert_false(children_has_ended(a));
    assert_int_equal(children_signal(a, SIGKILL), 0);
    assert_int_equal(children_signal(b, SIGKILL), 0);
    wait_end(a);
    wait_end(b);
    assert_true(children_has_ended(b));
    assert_true(children_has_ended(b)); /* it is still there */
    assert_true(children_reap(a));
    assert_false(children_reap(a));
    assert_int_equal(waitpid(b, NULL, WNOHANG), b);
    assert_false(children_reap(getppid()));
}

static void signals_a_leader_s_group(void **state)
{
    int pipes[2];
    char byte;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    pid_t leader = fork();
    if (leader == 0) {
        setsid();
        if (fork() == 0 && write(pipes[1], "x", 1) == 1)
            stay();
        stay();
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(children_signal(leader, SIGTERM), 0);
    /* Both hold the other end of the pipe until they have ended. */
    struct pollfd ended = {.fd = pipes[0]};
    assert_int_equal(poll(&ended, 1, 30000), 1);
    close(pipes[0]);
}

static void signals_an_ended_child_in_vain(void **state)
{
    (void)state;
    pid_t pid = start();
    kill(pid, SIGKILL);
    wait_end(pid);
    assert_int_equal(children_signal(pid, SIGTERM), 0);
}

static void expect_stat(const char *text, pid_t pid, char state, pid_t parent)
{
    struct children_stat stat;
    assert_int_equal(children_parse(text, &stat), 0);
    assert_int_equal(stat.pid, pid);
    assert_int_equal(stat.state, state);
    assert_int_equal(stat.parent, parent);
    assert_int_equal(stat.group, 7);
    assert_int_equal(stat.session, 8);
}

static void parses_any_name(void **state)
{
    (void)state;
    expect_stat("12 (cat) S 3 7 8 0 -1 4194304", 12, 'S', 3);
    expect_stat("12 (a b) R 3 7 8 0 -1", 12, 'R', 3);
    expect_stat("12 () Z 1 7 8 0", 12, 'Z', 1);
    expect_stat("12 (x) S 1 2 3) T 5 7 8 0", 12, 'T', 5);
    expect_stat("12 (x\n) (y) t 5 7 8 0\n", 12, 't', 5);
}

static void refuses_what_is_no_stat(void **state)
{
    static const char *const wrong[] = {"",
                                        "12",
                                        "12 cat S 3 7 8",
                                        "12 (cat",
                                        "12 (cat) S",
                                        "12 (cat) S 3 7",
                                        "(cat) S 3 7 8",
                                        "x (cat) S 3 7 8"};
    struct children_stat stat;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(children_parse(wrong[i], &stat), -1);
}

static void tallies_what_fits(void **state)
{
    struct children_tally tally = {0};
    (void)state;
    children_tally_add(&tally, 7);
    children_tally_add(&tally, 4194304);
    assert_string_equal(tally.pids, "7 4194304");
    for (int i = 0; i < 1000; i++)
        children_tally_add(&tally, 4194304);
    assert_int_equal(tally.count, 1002);
    assert_true(strlen(tally.pids) < sizeof tally.pids);
    assert_string_equal(tally.pids + strlen(tally.pids) - 8, " 4194304");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_nothing_where_there_is_nothing, fresh, release),
        cmocka_unit_test_setup_teardown(lists_all_sorted, fresh, release),
        cmocka_unit_test_setup_teardown(lists_what_outlived_its_parent, fresh, release),
        cmocka_unit_test_setup_teardown(reaps_one_and_no_other, fresh, release),
        cmocka_unit_test_setup_teardown(signals_a_leader_s_group, fresh, release),
        cmocka_unit_test_setup_teardown(signals_an_ended_child_in_vain, fresh, release),
        cmocka_unit_test(parses_any_name),
        cmocka_unit_test(refuses_what_is_no_stat),
        cmocka_unit_test(tallies_what_fits),
    };
    return cmocka_run_group_tests_name("children", tests, NULL, NULL);
}
