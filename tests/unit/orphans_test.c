/* SPDX-License-Identifier: MIT
 *
 * orphans_test - what a dead pool leaves behind may finish, and ends in time; pools and foreign
 * children are not touched.
 *
 * The test is the supervisor. Its clock is an argument and only moves when a test says so.
 */
#include "supervisor/orphans.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACEFUL INT64_C(1000000)
#define KILL     INT64_C(500000)
#define PATIENCE 6000 /* looks, 5 ms apart */

static struct orphans orphans;
static pid_t pools[4];
static int64_t now;
static int pipes[2]; /* workers write their pid here */

static bool is_held(void *owner, pid_t pid)
{
    (void)owner;
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        if (pools[i] == pid)
            return true;
    return false;
}

static int fresh(void **state)
{
    (void)state;
    now = clock_now_ms() + 1000;
    memset(pools, 0, sizeof pools);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    orphans_init(&orphans, is_held, NULL);
    return pipe(pipes);
}

static int release(void **state)
{
    struct children left = CHILDREN_NONE;
    (void)state;
    while (children_read(&left) == 0 && left.count > 0)
        for (size_t i = 0; i < left.count; i++) {
            kill(left.pids[i], SIGKILL);
            waitpid(left.pids[i], NULL, 0);
        }
    children_release(&left);
    orphans_release(&orphans);
    close(pipes[0]);
    close(pipes[1]);
    return 0;
}

static void say_pid(void)
{
    pid_t pid = getpid();
    if (write(pipes[1], &pid, sizeof pid) != sizeof pid)
        _exit(1);
}

static pid_t heard(void)
{
    struct pollfd p = {.fd = pipes[0], .events = POLLIN};
    pid_t pid;
    assert_int_equal(poll(&p, 1, 30000), 1);
    assert_int_equal(read(pipes[0], &pid, sizeof pid), sizeof pid);
    return pid;
}

static void stay(void)
{
    alarm(100);
    for (;;)
        pause();
}

static void polite(void)
{
    setsid();
    say_pid();
    stay();
}

static void deaf(void)
{
    signal(SIGTERM, SIG_IGN);
    polite();
}

/* One that has a deaf process in another session below itself. */
static void with_deaf_child(void)
{
    setsid();
    if (fork() == 0)
        deaf();
    say_pid();
    stay();
}

/* A pool in pools[I] with one worker; returns the worker's pid. */
static pid_t start_pool(int i, void (*worker)(void))
{
    pools[i] = fork();
    if (pools[i] == 0) {
        children_adopt_orphans();
        if (fork() == 0)
            worker();
        stay();
    }
    return heard();
}

static void kill_pool(int i)
{
    kill(pools[i], SIGKILL);
    assert_int_equal(waitpid(pools[i], NULL, 0), pools[i]);
    pools[i] = 0;
}

static void pool_dies(int i)
{
    kill_pool(i);
    orphans_pool_died(&orphans, GRACEFUL, KILL, now);
}

static int64_t look(void)
{
    now += ORPHANS_PAUSE_MS;
    orphans_look(&orphans, now);
    return orphans_check(&orphans, now);
}

static void look_until(size_t count)
{
    for (int i = 0; i < PATIENCE && (orphans.count != count || orphans.owed); i++) {
        look();
        poll(NULL, 0, 5);
    }
    assert_int_equal(orphans.count, count);
}

static bool exists(pid_t pid)
{
    return kill(pid, 0) == 0;
}

static void waits_for_nothing_where_there_is_nothing(void **state)
{
    (void)state;
    assert_int_equal(orphans_count(&orphans), 0);
    assert_true(orphans_check(&orphans, now) == CLOCK_NEVER);
    orphans_pool_died(&orphans, GRACEFUL, KILL, now);
    assert_int_equal(orphans_count(&orphans), 0);
    assert_true(orphans_check(&orphans, now) == CLOCK_NEVER);
    assert_true(orphans.next.term_ms == CLOCK_NEVER);
}

static void orphan_may_finish(void **state)
{
    (void)state;
    pid_t worker = start_pool(0, polite);
    pool_dies(0);
    int64_t died = now;
    assert_int_equal(orphans_count(&orphans), 1);
    assert_true(orphans_check(&orphans, now) == died + GRACEFUL);
    assert_true(orphans_check(&orphans, died + GRACEFUL - 1) == died + GRACEFUL);
    assert_true(exists(worker));
    now = died + GRACEFUL;
    assert_true(orphans_check(&orphans, now) == died + GRACEFUL + KILL);
    look_until(0);
    assert_false(exists(worker));
    assert_int_equal(orphans_count(&orphans), 0);
    look();
    look();
    assert_true(orphans.next.term_ms == CLOCK_NEVER); /* wound up */
}

static void one_that_finished_is_reaped(void **state)
{
    (void)state;
    pid_t worker = start_pool(0, polite);
    pool_dies(0);
    kill(worker, SIGKILL);
    look_until(0);
    assert_false(exists(worker));
}

static void deaf_one_is_killed(void **state)
{
    (void)state;
    pid_t worker = start_pool(0, deaf);
    pool_dies(0);
    int64_t died = now;
    now = died + GRACEFUL;
    orphans_check(&orphans, now);
    now = died + GRACEFUL + KILL - 1;
    orphans_check(&orphans, now);
    poll(NULL, 0, 20);
    look();
    now = died + GRACEFUL + KILL;
    look_until(0);
    assert_false(exists(worker));
}

static void what_comes_up_later_ends_too(void **state)
{
    (void)state;
    pid_t a = start_pool(0, with_deaf_child), b = heard();
    pool_dies(0);
    assert_int_equal(orphans.count, 1);
    int64_t died = now;
    now = died + GRACEFUL;
    for (int i = 0; i < PATIENCE && (exists(a) && exists(b)); i++) {
        look();
        poll(NULL, 0, 5);
    }
    look_until(1);
    assert_int_equal(orphans_count(&orphans), 1);
    now = died + GRACEFUL + KILL;
    look_until(0);
    assert_false(exists(a) || exists(b));
}

static void pools_are_not_touched(void **state)
{
    siginfo_t info;
    int status;
    (void)state;
    start_pool(0, polite);
    pid_t other = start_pool(1, polite);
    pool_dies(0);
    pid_t pool = pools[1];
    now += GRACEFUL + KILL;
    look_until(0);
    assert_true(exists(other));
    kill(pool, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pool, &info, WEXITED | WNOWAIT), 0);
    look();
    look();
    assert_int_equal(waitpid(pool, &status, WNOHANG), pool);
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* SIGCHLD may be seen before the pool's pidfd is. */
static void orphans_are_not_taken_for_foreign(void **state)
{
    siginfo_t info;
    (void)state;
    pid_t worker = start_pool(0, polite);
    kill(pools[0], SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pools[0], &info, WEXITED | WNOWAIT), 0);
    look();
    assert_int_equal(orphans.count, 0); /* not judged yet */
    assert_int_equal(orphans_count(&orphans), 1);
    pool_dies(0);
    assert_int_equal(orphans.count, 1);
    assert_int_equal(orphans.list[0].pid, worker);
    assert_false(orphans.list[0].foreign);
}

static void foreign_ones_are_only_reaped(void **state)
{
    (void)state;
    pid_t foreign = fork();
    if (foreign == 0)
        polite();
    heard();
    look();
    assert_int_equal(orphans_count(&orphans), 0);
    start_pool(0, polite);
    pool_dies(0);
    assert_int_equal(orphans_count(&orphans), 1);
    now += GRACEFUL + KILL;
    look_until(1);
    orphans_stop(&orphans, now);
    for (int i = 0; i < 10; i++) {
        look();
        poll(NULL, 0, 5);
    }
    assert_int_equal(orphans_count(&orphans), 0);
    assert_true(exists(foreign));
    kill(foreign, SIGKILL);
    look_until(0);
    assert_false(exists(foreign));
}

/* As process 1 at its end: told at once, killed later, and so is what they leave to us. */
static void foreign_ones_end_where_they_are_taken(void **state)
{
    (void)state;
    if (fork() == 0)
        with_deaf_child();
    pid_t a = heard(), b = heard();
    look();
    assert_int_equal(orphans_count(&orphans), 0);
    orphans_take_foreign(&orphans, KILL, now);
    assert_int_equal(orphans_count(&orphans), 1);
    int64_t taken = now;
    orphans_check(&orphans, now); /* SIGTERM; the deaf child becomes ours */
    for (int i = 0; i < PATIENCE && (exists(a) && exists(b)); i++) {
        look();
        poll(NULL, 0, 5);
    }
    look_until(1);
    assert_int_equal(orphans_count(&orphans), 1);
    now = taken + KILL;
    look_until(0);
    assert_false(exists(a) || exists(b));
}

static void each_pool_has_its_own_time(void **state)
{
    (void)state;
    pid_t a = start_pool(0, polite), b = start_pool(1, polite);
    pool_dies(0);
    kill_pool(1);
    int64_t first = orphans.next.term_ms;
    orphans_pool_died(&orphans, 0, KILL, now);  /* it had left as it should */
    assert_true(orphans.next.term_ms == first); /* who comes up now may be of either */
    orphans_check(&orphans, now);
    look_until(1);
    assert_true(exists(a));
    assert_false(exists(b));
    now += GRACEFUL;
    look_until(0);
    assert_false(exists(a));
}

static void stop_kills_at_once(void **state)
{
    (void)state;
    pid_t a = start_pool(0, deaf), b = start_pool(1, deaf);
    pool_dies(0);
    orphans_stop(&orphans, now);
    assert_true(orphans_count(&orphans) > 0);
    orphans_check(&orphans, now);
    pool_dies(1);
    orphans_check(&orphans, now);
    look_until(0);
    assert_false(exists(a) || exists(b));
    assert_int_equal(orphans_count(&orphans), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waits_for_nothing_where_there_is_nothing, fresh, release),
        cmocka_unit_test_setup_teardown(orphan_may_finish, fresh, release),
        cmocka_unit_test_setup_teardown(one_that_finished_is_reaped, fresh, release),
        cmocka_unit_test_setup_teardown(deaf_one_is_killed, fresh, release),
        cmocka_unit_test_setup_teardown(what_comes_up_later_ends_too, fresh, release),
        cmocka_unit_test_setup_teardown(pools_are_not_touched, fresh, release),
        cmocka_unit_test_setup_teardown(orphans_are_not_taken_for_foreign, fresh, release),
        cmocka_unit_test_setup_teardown(foreign_ones_are_only_reaped, fresh, release),
        cmocka_unit_test_setup_teardown(foreign_ones_end_where_they_are_taken, fresh, release),
        cmocka_unit_test_setup_teardown(each_pool_has_its_own_time, fresh, release),
        cmocka_unit_test_setup_teardown(stop_kills_at_once, fresh, release),
    };
    return cmocka_run_group_tests_name("orphans", tests, NULL, NULL);
}
