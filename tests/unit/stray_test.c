/* SPDX-License-Identifier: MIT
 *
 * stray_test - real processes, left behind in every way: they are found, kept as long as their
 * connection lives, ended when it is over, and nobody else is touched.
 *
 * The test is the pool. Its clock is an argument and only moves when a test says so.
 */
#include "supervisor/pool/stray.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL     INT64_C(1000000)
#define PATIENCE 6000 /* looks, 5 ms apart */
#define WORKERS  4

static struct strays strays;
static struct stray_worker living[WORKERS];
static size_t living_count;
static struct stray_maker makers[STRAY_MAKERS];
static const char *client_ip, *client_port; /* of slot 0 */
static int64_t now;
static int pipes[2]; /* what a test starts writes its pid here */

static size_t workers(void *owner, struct stray_worker *list)
{
    (void)owner;
    for (size_t i = 0; i < living_count; i++)
        list[i] = living[i];
    return living_count;
}

static void list_makers(void *owner, struct stray_maker list[static STRAY_MAKERS])
{
    (void)owner;
    memcpy(list, makers, sizeof makers);
}

/* As the pool tells it of programs that have clients. */
static bool whose(void *owner, const char *environment, size_t length, pid_t *worker)
{
    const char *ip = stray_policy_variable(environment, length, "TCPREMOTEIP");
    const char *port = stray_policy_variable(environment, length, "TCPREMOTEPORT");
    (void)owner;
    if (!ip || !port)
        return false;
    for (size_t i = 0; i < living_count; i++)
        if (living[i].slot == 0 && client_ip && strcmp(ip, client_ip) == 0 &&
            strcmp(port, client_port) == 0)
            *worker = living[i].pid;
    return true;
}

static const struct stray_events events = {workers, list_makers, whose};

static int fresh(void **state)
{
    (void)state;
    now = 1000;
    living_count = 0;
    memset(makers, 0, sizeof makers);
    client_ip = NULL;
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    stray_init(&strays, &events, NULL, WORKERS, KILL);
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
    stray_release(&strays);
    close(pipes[0]);
    close(pipes[1]);
    return 0;
}

/* What processes do. */

static void say_pid(void)
{
    pid_t pid = getpid();
    if (write(pipes[1], &pid, sizeof pid) != sizeof pid)
        _exit(1);
}

static void stay(void)
{
    alarm(100);
    say_pid();
    for (;;)
        pause();
}

static void stay_deaf(void)
{
    signal(SIGTERM, SIG_IGN);
    stay();
}

static void stay_stopped(void)
{
    say_pid();
    raise(SIGSTOP);
    _exit(0);
}

/* As daemons do: a session of its own, whose leader is gone. */
static void daemonise(void)
{
    setsid();
    if (fork() > 0)
        _exit(0);
}

static void stay_as_daemon(void)
{
    daemonise();
    stay();
}

static void stay_deaf_as_daemon(void)
{
    daemonise();
    stay_deaf();
}

static void stay_as_daemon_of(const char *ip, const char *port)
{
    char ip_text[64], port_text[64];
    char *arguments[] = {"sleep", "100", NULL};
    char *environment[] = {"A=B", ip_text, port_text, NULL};
    snprintf(ip_text, sizeof ip_text, "TCPREMOTEIP=%s", ip);
    snprintf(port_text, sizeof port_text, "TCPREMOTEPORT=%s", port);
    daemonise();
    say_pid();
    execve("/bin/sleep", arguments, environment);
    _exit(1);
}

static void stay_as_daemon_of_slot_0(void)
{
    stay_as_daemon_of("192.0.2.1", "4711");
}

/* One that left the group and has a deaf daemon below itself. */
static void stay_with_deaf_child(void)
{
    say_pid(); /* first */
    if (fork() == 0) {
        setsid();
        stay_deaf();
    }
    alarm(100);
    for (;;)
        pause();
}

/* It says its own pid, then that of its child. */
static void stay_with_deaf_child_in_the_session(void)
{
    signal(SIGTERM, SIG_IGN);
    pid_t child = fork();
    alarm(100);
    if (child > 0) {
        signal(SIGTERM, SIG_DFL);
        say_pid();
        if (write(pipes[1], &child, sizeof child) != sizeof child)
            _exit(1);
    }
    for (;;)
        pause();
}

/* The daemon has its environment only after execve(2). */
static pid_t wait_exec(pid_t pid)
{
    char path[48], name[16] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    for (int i = 0; i < PATIENCE && strcmp(name, "sleep\n") != 0; i++) {
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(name, sizeof name, file));
        fclose(file);
        poll(NULL, 0, 1);
    }
    assert_string_equal(name, "sleep\n");
    return pid;
}

static pid_t heard(void)
{
    struct pollfd p = {.fd = pipes[0], .events = POLLIN};
    pid_t pid;
    assert_int_equal(poll(&p, 1, 30000), 1);
    assert_int_equal(read(pipes[0], &pid, sizeof pid), sizeof pid);
    return pid;
}

/* Its parent has ended by now. */
static pid_t adopted(pid_t pid)
{
    struct children children = CHILDREN_NONE;
    bool ours = false;
    for (int i = 0; i < PATIENCE && !ours; i++) {
        assert_int_equal(children_read(&children), 0);
        for (size_t k = 0; k < children.count; k++)
            ours = ours || children.pids[k] == pid;
        poll(NULL, 0, ours ? 0 : 1);
    }
    assert_true(ours);
    children_release(&children);
    return pid;
}

/* A worker whose child BODY has outlived its parent; the stray's pid, and that of the worker in
 * the next entry of living[]. */
static pid_t start_stray(void (*body)(void))
{
    pid_t worker = fork();
    if (worker == 0) {
        setsid();
        pid_t between = fork();
        if (between == 0) {
            if (fork() == 0) {
                body();
                _exit(0);
            }
            _exit(0);
        }
        waitpid(between, NULL, 0);
        for (;;)
            pause();
    }
    assert_true(worker > 0);
    living[living_count] =
        (struct stray_worker){.pid = worker, .slot = (uint32_t)living_count, .program_ms = now - 1};
    living_count++;
    return adopted(heard());
}

/* Entry I ends, and is reaped as the pool does it. */
static void end_worker(size_t i)
{
    pid_t pid = living[i].pid;
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    living[i] = living[--living_count];
    stray_ended(&strays, pid, CLOCK_NEVER, now);
}

/* Looking. */

static int64_t look(void)
{
    now += STRAY_PAUSE_MS;
    stray_due(&strays, now);
    return stray_check(&strays, now);
}

static void look_until(size_t count)
{
    for (int i = 0; i < PATIENCE && stray_count(&strays) != count; i++) {
        look();
        poll(NULL, 0, 5);
    }
    assert_int_equal(stray_count(&strays), count);
}

/* Exists, be it as a zombie. */
static bool exists(pid_t pid)
{
    return kill(pid, 0) == 0;
}

static void stays(pid_t pid)
{
    for (int i = 0; i < 20; i++) {
        look();
        poll(NULL, 0, 2);
    }
    assert_int_equal(strays.count, 1);
    assert_int_equal(strays.list[0].pid, pid);
    assert_true(strays.list[0].term_ms == CLOCK_NEVER);
    assert_true(exists(pid));
}

static void ends(pid_t pid)
{
    stray_due(&strays, now);
    look_until(0);
    assert_false(exists(pid));
}

/* It is the only one left. */
static void look_until_only(pid_t pid)
{
    for (int i = 0; i < PATIENCE && (strays.count != 1 || strays.list[0].pid != pid); i++) {
        look();
        poll(NULL, 0, 5);
    }
    assert_int_equal(strays.count, 1);
    assert_int_equal(strays.list[0].pid, pid);
}

static void sees_nothing_where_there_is_nothing(void **state)
{
    (void)state;
    assert_true(stray_check(&strays, now) == CLOCK_NEVER);
    assert_int_equal(stray_count(&strays), 0);
    stray_due(&strays, now);
    assert_int_equal(stray_count(&strays), 1); /* nobody has looked yet */
    assert_true(stray_check(&strays, now) == CLOCK_NEVER);
    assert_int_equal(stray_count(&strays), 0);
}

static void looks_are_rare(void **state)
{
    (void)state;
    look();
    int64_t last = now;
    stray_due(&strays, last + 1);
    assert_true(stray_check(&strays, last + 1) == last + STRAY_PAUSE_MS);
    assert_true(stray_check(&strays, last + STRAY_PAUSE_MS - 1) == last + STRAY_PAUSE_MS);
    assert_int_equal(strays.look_ms, last);
    assert_true(stray_check(&strays, last + STRAY_PAUSE_MS) == CLOCK_NEVER);
    assert_int_equal(strays.look_ms, last + STRAY_PAUSE_MS);
}

static void stray_ends_with_its_worker(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay);
    stays(pid);
    end_worker(0);
    ends(pid);
}

static void daemon_of_a_client_ends_with_it(void **state)
{
    (void)state;
    client_ip = "192.0.2.1";
    client_port = "4711";
    pid_t pid = wait_exec(start_stray(stay_as_daemon_of_slot_0));
    stays(pid);
    pid_t other = start_stray(stay); /* ran at that time, too */
    look_until(2);
    living[0].slot = 0;
    end_worker(0);
    living[0].slot = 1;
    look_until_only(other);
    assert_false(exists(pid));
}

static void daemon_of_a_client_that_is_gone_ends(void **state)
{
    (void)state;
    client_ip = "192.0.2.1";
    client_port = "4712";
    ends(wait_exec(start_stray(stay_as_daemon_of_slot_0)));
}

/* Its pid, or its client's name, was another's when the daemon was started. */
static void daemon_does_not_belong_to_one_who_came_later(void **state)
{
    (void)state;
    client_ip = "192.0.2.1";
    client_port = "4711";
    pid_t pid = wait_exec(start_stray(stay_as_daemon_of_slot_0));
    makers[0].ordered = 1; /* so that it is examined later than it is seen */
    look();
    living[1] = living[0]; /* it ran all the time */
    living[1].pid = getppid();
    living[1].slot = 1;
    living_count = 2;
    living[0].program_ms = now + 1;
    makers[0].settled = 1;
    ends(pid);
}

static void daemon_without_a_name_stays_while_in_doubt(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay_as_daemon);
    living[1] = living[0]; /* two might have started it; the second is no process that matters */
    living[1].pid = getppid();
    living_count = 2;
    stays(pid);
    end_worker(0);
    stays(pid);
    living_count = 0;
    ends(pid);
}

static void later_programs_do_not_keep_it(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay_as_daemon);
    stays(pid);
    living[1] = living[0];
    living[1].pid = getppid();
    living[1].program_ms = now + 1;
    living_count = 2;
    end_worker(0);
    ends(pid);
}

static void deaf_one_is_killed_in_time(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay_deaf);
    end_worker(0);
    int64_t ended = now;
    for (int i = 0; i < 20; i++)
        look();
    assert_true(exists(pid));
    assert_int_equal(strays.count, 1);
    assert_true(strays.list[0].killed_ms == CLOCK_NEVER);
    now = ended + KILL - STRAY_PAUSE_MS;
    ends(pid);
}

static void worker_s_own_date_counts(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay_deaf);
    pid_t worker = living[0].pid;
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    living_count = 0;
    stray_ended(&strays, worker, now, now); /* its time was over */
    ends(pid);
    assert_true(now < 1000 + KILL);
}

static void stopped_one_is_killed(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay_stopped);
    end_worker(0);
    look();
    now += KILL;
    ends(pid);
}

static void daemon_below_a_stray_is_found(void **state)
{
    (void)state;
    pid_t a = start_stray(stay_with_deaf_child);
    pid_t b = heard();
    end_worker(0);
    look_until_only(b); /* the other one has ended */
    now += KILL;
    look_until(0);
    assert_false(exists(a));
    assert_false(exists(b));
}

/* While somebody is in its session, the number of an ended worker is known for what it was. */
static void session_is_remembered(void **state)
{
    (void)state;
    pid_t a = start_stray(stay_with_deaf_child_in_the_session);
    pid_t b = heard();
    living[1] = living[0]; /* a program that might have started them, were it not for the session */
    living[1].pid = getppid();
    living_count = 2;
    end_worker(0);
    int64_t ended = now;
    look_until_only(b);
    assert_false(exists(a));
    assert_true(strays.list[0].term_ms != CLOCK_NEVER);
    now = ended + STRAY_SPARE_MS + KILL - 2 * STRAY_PAUSE_MS;
    look();
    assert_true(strays.list[0].killed_ms == CLOCK_NEVER);
    look();
    assert_true(strays.list[0].killed_ms == ended + STRAY_SPARE_MS + KILL);
    ends(b);
    look();
    assert_int_equal(strays.scene.ended_count, 0);
}

/* Whatever the reaped one had started may have become ours after the list was read. */
static void reaping_asks_for_another_look(void **state)
{
    siginfo_t info;
    (void)state;
    pid_t pid = start_stray(stay);
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_true(look() == now + STRAY_PAUSE_MS);
    assert_false(exists(pid));
    assert_int_equal(stray_count(&strays), 1);
    assert_true(look() == CLOCK_NEVER);
    assert_int_equal(stray_count(&strays), 0);
}

static void forced_end_takes_strays_along(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay);
    stays(pid);
    living[0].force = STRAY_TERM;
    ends(pid);
    pid = start_stray(stay_deaf);
    living[1].force = STRAY_KILL;
    ends(pid);
    assert_true(exists(living[0].pid));
    assert_true(exists(living[1].pid));
}

static void group_ends_at_once(void **state)
{
    siginfo_t info;
    (void)state;
    pid_t pid = start_stray(stay);
    stray_end_group(living[0].pid, SIGTERM);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_status, SIGTERM);
    assert_int_equal(waitid(P_PID, (id_t)living[0].pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_status, SIGTERM);
}

static void worker_s_end_is_not_taken(void **state)
{
    siginfo_t info;
    int status;
    (void)state;
    start_stray(stay);
    kill(living[0].pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)living[0].pid, &info, WEXITED | WNOWAIT), 0);
    for (int i = 0; i < 5; i++)
        look();
    assert_int_equal(waitpid(living[0].pid, &status, WNOHANG), living[0].pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* It may be a copy that its template has not told of yet, however many others are ordered later. */
static void unannounced_copy_is_left_alone(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay);
    end_worker(0); /* it would have to end */
    makers[1] = (struct stray_maker){.ordered = 3, .settled = 2};
    for (int i = 0; i < 10; i++) {
        assert_true(look() == now + STRAY_PAUSE_MS);
        makers[0].settled = makers[0].ordered++;
        makers[1].ordered++;
    }
    assert_int_equal(strays.count, 1);
    assert_true(strays.list[0].term_ms == CLOCK_NEVER);
    assert_false(strays.list[0].examined);
    assert_int_equal(stray_count(&strays), 1); /* not known to be none */
    makers[1].settled = 3;                     /* and that was not it */
    ends(pid);
}

static void end_of_an_unannounced_copy_is_not_taken(void **state)
{
    siginfo_t info;
    int status;
    (void)state;
    pid_t pid = start_stray(stay);
    makers[0].ordered = 1;
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    for (int i = 0; i < 5; i++)
        look();
    assert_int_equal(waitpid(pid, &status, WNOHANG), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    look();
    assert_int_equal(strays.count, 0);
}

/* The number may be somebody else's at the next look. */
static void copy_that_came_and_went_is_forgotten(void **state)
{
    (void)state;
    start_stray(stay);
    pid_t copy = living[0].pid;
    living_count = 0;
    makers[0].ordered = 1;
    look();
    assert_int_equal(strays.count, 2);
    living[0].pid = copy;
    living_count = 1;
    makers[0].settled = 1;
    end_worker(0);
    assert_int_equal(strays.count, 1);
    assert_int_not_equal(strays.list[0].pid, copy);
    stray_ended(&strays, copy, CLOCK_NEVER, now); /* and is not there any more */
    assert_int_equal(strays.count, 1);
}

static void orders_do_not_spare_those_known_before(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay);
    stays(pid);
    makers[0].ordered = 1;
    end_worker(0);
    ends(pid);
    assert_int_equal(strays.scene.ended_count, 0);
}

static void ended_workers_are_forgotten_in_spite_of_orders(void **state)
{
    (void)state;
    makers[0].ordered = 1;
    for (pid_t pid = 100000; pid < 100100; pid++)
        stray_ended(&strays, pid, CLOCK_NEVER, now);
    look();
    assert_int_equal(strays.scene.ended_count, 0);
}

/* It had its client, and left somebody behind, after the caller had asked for the time. */
static void program_may_be_younger_than_the_look(void **state)
{
    (void)state;
    pid_t pid = start_stray(stay_as_daemon);
    living[0].program_ms = now + STRAY_PAUSE_MS + 3;
    stays(pid);
    end_worker(0);
    ends(pid);
}

static void stop_waits_for_all(void **state)
{
    (void)state;
    pid_t a = start_stray(stay), b = start_stray(stay_deaf_as_daemon);
    end_worker(0);
    end_worker(0);
    stray_stop_all(&strays, false, now);
    stray_stop_all(&strays, false, now + 5); /* changes nothing */
    assert_true(stray_count(&strays) > 0);
    look_until_only(b);
    assert_false(exists(a));
    now = 1000 + KILL;
    ends(b);
}

static void stop_now_kills(void **state)
{
    (void)state;
    pid_t a = start_stray(stay_deaf), b = start_stray(stay_deaf_as_daemon);
    end_worker(0);
    end_worker(0);
    stray_stop_all(&strays, false, now);
    look();
    stray_stop_all(&strays, true, now);
    look_until(0);
    assert_false(exists(a));
    assert_false(exists(b));
    assert_true(now < 1000 + KILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sees_nothing_where_there_is_nothing, fresh, release),
        cmocka_unit_test_setup_teardown(looks_are_rare, fresh, release),
        cmocka_unit_test_setup_teardown(stray_ends_with_its_worker, fresh, release),
        cmocka_unit_test_setup_teardown(daemon_of_a_client_ends_with_it, fresh, release),
        cmocka_unit_test_setup_teardown(daemon_of_a_client_that_is_gone_ends, fresh, release),
        cmocka_unit_test_setup_teardown(daemon_does_not_belong_to_one_who_came_later, fresh,
                                        release),
        cmocka_unit_test_setup_teardown(daemon_without_a_name_stays_while_in_doubt, fresh, release),
        cmocka_unit_test_setup_teardown(later_programs_do_not_keep_it, fresh, release),
        cmocka_unit_test_setup_teardown(deaf_one_is_killed_in_time, fresh, release),
        cmocka_unit_test_setup_teardown(worker_s_own_date_counts, fresh, release),
        cmocka_unit_test_setup_teardown(stopped_one_is_killed, fresh, release),
        cmocka_unit_test_setup_teardown(daemon_below_a_stray_is_found, fresh, release),
        cmocka_unit_test_setup_teardown(session_is_remembered, fresh, release),
        cmocka_unit_test_setup_teardown(reaping_asks_for_another_look, fresh, release),
        cmocka_unit_test_setup_teardown(forced_end_takes_strays_along, fresh, release),
        cmocka_unit_test_setup_teardown(group_ends_at_once, fresh, release),
        cmocka_unit_test_setup_teardown(worker_s_end_is_not_taken, fresh, release),
        cmocka_unit_test_setup_teardown(unannounced_copy_is_left_alone, fresh, release),
        cmocka_unit_test_setup_teardown(end_of_an_unannounced_copy_is_not_taken, fresh, release),
        cmocka_unit_test_setup_teardown(copy_that_came_and_went_is_forgotten, fresh, release),
        cmocka_unit_test_setup_teardown(orders_do_not_spare_those_known_before, fresh, release),
        cmocka_unit_test_setup_teardown(ended_workers_are_forgotten_in_spite_of_orders, fresh,
                                        release),
        cmocka_unit_test_setup_teardown(program_may_be_younger_than_the_look, fresh, release),
        cmocka_unit_test_setup_teardown(stop_waits_for_all, fresh, release),
        cmocka_unit_test_setup_teardown(stop_now_kills, fresh, release),
    };
    return cmocka_run_group_tests_name("stray", tests, NULL, NULL);
}
