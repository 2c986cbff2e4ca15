/* SPDX-License-Identifier: MIT
 *
 * template_test - a template gets ready, makes copies and ends, and whatever it says or does not
 * say, the pool's side of it stays in order.
 *
 * worker_run() is the one below: a template that behaves as the test wants it to.
 */
#include "supervisor/pool/template.h"

#include "include/warm.h"
#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000 /* a machine may be slow; only a failure takes that long */

static enum behaviour {
    OBEYS,
    SILENT,
    EXITS,
    THREADED,
    ODD,
    REFUSES,
    LAZY,
    TELLS_AND_DIES
} behaviour;

static struct loop loop;
static struct worker_plan plan;
static struct error_pipe_budget budget;
static struct template template;

/* What was heard. */
static int readies, threads, copies, refusals, ends;
static uint32_t copied_slot;
static pid_t copied_pid, made[64];
static enum template_state ended_in;
static struct child_end end;

/* In the child. */

static void say(int line, const void *packet, size_t length)
{
    if (send(line, packet, length, MSG_NOSIGNAL) != (ssize_t)length)
        _exit(98);
}

static void say_hello(int line, uint32_t magic, uint32_t count)
{
    struct warm_hello hello = {.magic = magic, .threads = count};
    say(line, &hello, sizeof hello);
}

/* A child of the pool, as the library makes it. */
static pid_t copy(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid != 0)
        return pid;
    alarm(60);
    for (;;)
        pause();
}

static void answer(int line, const struct warm_order *order, pid_t pid)
{
    struct warm_answer said = {.magic = WARM_MAGIC, .slot = order->slot, .pid = pid};
    say(line, &said, sizeof said);
}

#define NO_PID INT32_MAX

static void be_odd_before(int line)
{
    say(line, "rubbish", 7);
    say_hello(line, 0x12345678, 1);
    answer(line, &(struct warm_order){.slot = 1}, NO_PID); /* no hello by its length */
}

/* Among it is the answer to ORDER, and it comes twice. */
static void be_odd_later(int line, const struct warm_order *order)
{
    struct warm_answer foreign = {.magic = 0x12345678, .slot = 1, .pid = NO_PID};
    pid_t pid = copy();
    say(line, "rubbish", 7);
    say_hello(line, WARM_MAGIC, 1);
    say(line, &foreign, sizeof foreign);
    answer(line, order, pid);
    answer(line, order, pid);
}

static _Noreturn void obey(int line)
{
    struct warm_order order;
    struct pollfd p = {.fd = line, .events = POLLIN};
    int fd = -1, status;
    for (;;) {
        poll(&p, 1, -1);
        status = fds_receive(line, &order, sizeof order, &fd);
        if (status <= 0)
            _exit(status == 0 ? 0 : 97);
        if (order.magic != WARM_MAGIC || fd < 0)
            _exit(96);
        fds_close(&fd);
        if (behaviour == ODD)
            be_odd_later(line, &order);
        else
            answer(line, &order, behaviour == REFUSES ? -EAGAIN : copy());
        if (behaviour == TELLS_AND_DIES)
            _exit(7);
    }
}

_Noreturn void worker_run(const struct worker_plan *of, const struct worker_birth *birth)
{
    int line = birth->control_fd;
    alarm(60); /* it does not outlive a test that crashes */
    if (of != &plan || line < 0 || birth->error_fd < 0)
        _exit(99);
    if (behaviour == EXITS) {
        dprintf(birth->error_fd, "cannot go on\n");
        _exit(7);
    }
    if (behaviour == SILENT)
        for (;;)
            pause();
    if (behaviour == ODD)
        be_odd_before(line);
    say_hello(line, WARM_MAGIC, behaviour == THREADED ? 3 : 1);
    if (behaviour == LAZY)
        for (;;)
            pause();
    obey(line);
}

/* In the pool. */

static void on_ready(struct template *t)
{
    assert_ptr_equal(t->owner, &readies);
    readies++;
}

static void on_threaded(struct template *t, uint32_t count, uint32_t written)
{
    (void)t;
    (void)written;
    threads = (int)count;
}

static void on_copied(struct template *t, uint32_t slot, pid_t pid)
{
    (void)t;
    copied_slot = slot;
    copied_pid = pid;
    if (pid > 0)
        made[copies++] = pid;
    else
        refusals++;
}

static void on_ended(struct template *t, enum template_state state, const struct child_end *how)
{
    assert_int_equal(t->state, TEMPLATE_NONE);
    ends++;
    ended_in = state;
    end = *how;
}

static const struct template_events events = {on_ready, on_threaded, on_copied, on_ended};

static int make(void **state)
{
    (void)state;
    behaviour = OBEYS;
    readies = threads = copies = refusals = ends = 0;
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    error_pipe_budget_init(&budget);
    template_init(&template, &loop, &plan, &budget, &events, &readies);
    return loop_init(&loop);
}

static int release(void **state)
{
    (void)state;
    if (template.child.pidfd >= 0)
        child_discard(&template.child);
    fds_close(&template.control.fd);
    error_pipe_close(&template.errors);
    for (int i = 0; i < copies; i++) {
        if (!child_is_ours(made[i]))
            continue;
        kill(made[i], SIGKILL);
        waitpid(made[i], NULL, 0);
    }
    loop_release(&loop);
    return 0;
}

/* Turns of the loop until *COUNT is WANTED. */
static void until(const int *count, int wanted)
{
    int64_t patience = clock_now_ms() + PATIENCE_MS;
    while (*count < wanted && clock_now_ms() < patience)
        loop_wait(&loop, patience);
    assert_int_equal(*count, wanted);
}

static void start(enum behaviour how)
{
    behaviour = how;
    assert_int_equal(template_start(&template), 0);
    assert_int_equal(template.state, TEMPLATE_STARTING);
}

static void start_ready(enum behaviour how)
{
    start(how);
    until(&readies, 1);
    assert_int_equal(template.state, TEMPLATE_READY);
}

static void order(uint32_t slot)
{
    assert_int_equal(template_order(&template, slot, STDERR_FILENO), 0);
}

/* Nothing of it is left. */
static void expect_none(void)
{
    assert_int_equal(template.state, TEMPLATE_NONE);
    assert_int_equal(template.child.pidfd, -1);
    assert_int_equal(template.pidfd.fd, -1);
    assert_int_equal(template.control.fd, -1);
    assert_int_equal(template.errors.source.fd, -1);
    assert_int_equal(template.orders, 0);
}

static void wait_for_its_death(void)
{
    struct pollfd p = {.fd = template.child.pidfd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

static int open_files(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void copies_are_made_on_order(void **state)
{
    (void)state;
    start_ready(OBEYS);
    order(3);
    assert_int_equal(template.orders, 1);
    until(&copies, 1);
    assert_int_equal(template.orders, 0);
    assert_int_equal(copied_slot, 3);
    assert_true(child_is_ours(copied_pid));
    assert_true(template.proved);
}

static void template_that_leaves_ends(void **state)
{
    (void)state;
    start_ready(OBEYS);
    template_leave(&template);
    assert_int_equal(template.state, TEMPLATE_LEAVING);
    template_leave(&template);
    until(&ends, 1);
    assert_int_equal(ended_in, TEMPLATE_LEAVING);
    expect_none();
    template_leave(&template);
    expect_none();
}

static void template_may_leave_before_it_is_ready(void **state)
{
    (void)state;
    start(SILENT);
    template_leave(&template);
    until(&ends, 1);
    assert_int_equal(ended_in, TEMPLATE_LEAVING);
    assert_int_equal(readies, 0);
}

/* A copy that nobody has heard of would be nobody's. */
static void orders_are_answered_before_it_leaves(void **state)
{
    (void)state;
    start_ready(OBEYS);
    for (uint32_t slot = 0; slot < 8; slot++)
        order(slot);
    template_leave(&template);
    until(&ends, 1);
    assert_int_equal(copies, 8);
    assert_int_equal(ended_in, TEMPLATE_LEAVING);
    assert_false(end.signalled);
    assert_int_equal(end.number, 0);
    for (int i = 0; i < 8; i++)
        assert_true(child_is_ours(made[i]));
}

/* The kernel may tell of the death first. */
static void answers_of_the_dead_are_heard(void **state)
{
    (void)state;
    start_ready(TELLS_AND_DIES);
    order(2);
    wait_for_its_death();
    template.pidfd.ready(&template.pidfd, EPOLLIN);
    assert_int_equal(ends, 1);
    assert_int_equal(copies, 1);
    assert_int_equal(copied_slot, 2);
    assert_int_equal(ended_in, TEMPLATE_READY);
    assert_int_equal(end.number, 7);
    expect_none();
}

/* By an answer, or by the end of the one who owes it. */
static void orders_are_settled(void **state)
{
    (void)state;
    start_ready(LAZY);
    order(1);
    order(2);
    assert_int_equal(template.settled, 0);
    kill(template.child.pid, SIGKILL);
    until(&ends, 1);
    assert_int_equal(template.settled, 2);
    readies = 0;
    start_ready(REFUSES);
    order(3);
    assert_int_equal(template.settled + template.orders, 3);
    until(&refusals, 1);
    assert_int_equal(template.settled, 3);
    assert_int_equal(template.orders, 0);
}

static void refusal_is_told(void **state)
{
    (void)state;
    start_ready(REFUSES);
    order(1);
    until(&refusals, 1);
    assert_int_equal(copied_pid, -EAGAIN);
    assert_int_equal(template.orders, 0);
    assert_false(template.proved);
}

static void end_before_it_is_ready_is_told(void **state)
{
    (void)state;
    start(EXITS);
    until(&ends, 1);
    assert_int_equal(ended_in, TEMPLATE_STARTING);
    assert_int_equal(end.number, 7);
    assert_int_equal(readies, 0);
    expect_none();
}

/* And a hello of one that is dead makes nobody ready. */
static void dead_template_is_not_ready(void **state)
{
    (void)state;
    start(THREADED);
    kill(template.child.pid, SIGKILL);
    wait_for_its_death();
    template.pidfd.ready(&template.pidfd, EPOLLIN);
    assert_int_equal(ended_in, TEMPLATE_STARTING);
    assert_int_equal(readies + threads, 0);
    expect_none();
}

static void threads_are_told_and_it_ends(void **state)
{
    (void)state;
    start(THREADED);
    until(&threads, 3);
    assert_int_equal(template.state, TEMPLATE_LEAVING);
    until(&ends, 1);
    assert_int_equal(readies, 0);
    expect_none();
}

static void what_makes_no_sense_is_ignored(void **state)
{
    (void)state;
    start_ready(ODD);
    struct pollfd p = {.fd = template.control.fd, .events = POLLIN};
    order(5);
    until(&copies, 1);
    assert_int_equal(copied_slot, 5);
    assert_true(child_is_ours(copied_pid));
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    loop_wait(&loop, clock_now_ms()); /* the second answer, to no order */
    assert_int_equal(copies, 1);
    assert_int_equal(template.orders, 0);
    assert_int_equal(readies, 1);
    assert_int_equal(template.state, TEMPLATE_READY);
}

static void since_when_an_answer_is_owed_is_known(void **state)
{
    (void)state;
    start_ready(LAZY);
    int64_t before = clock_now_ms();
    order(1);
    int64_t asked = template.asked_ms;
    assert_in_range(asked, before, clock_now_ms());
    poll(NULL, 0, 5);
    order(2);
    assert_int_equal(template.asked_ms, asked); /* the first is still open */
    assert_int_equal(template.orders, 2);
}

static void another_one_can_be_started(void **state)
{
    (void)state;
    int before = open_files();
    for (int i = 0; i < 3; i++) {
        readies = ends = 0;
        start_ready(OBEYS);
        assert_false(template.proved);
        order(1);
        until(&copies, i + 1);
        template_leave(&template);
        until(&ends, 1);
    }
    assert_int_equal(open_files(), before);
}

/* No descriptor is to be had, wherever it stops. */
static void start_that_fails_leaves_nothing(void **state)
{
    struct rlimit limit, before;
    (void)state;
    int files = open_files();
    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    int lowest = dup(STDERR_FILENO), failures = 0;
    close(lowest);
    for (limit.rlim_cur = (rlim_t)lowest; limit.rlim_cur < (rlim_t)lowest + 4; limit.rlim_cur++) {
        setrlimit(RLIMIT_NOFILE, &limit);
        int status = template_start(&template), reason = errno;
        setrlimit(RLIMIT_NOFILE, &before);
        assert_int_equal(status, -1);
        assert_int_equal(reason, EMFILE);
        expect_none();
        assert_int_equal(open_files(), files);
        failures++;
    }
    assert_int_equal(failures, 4);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no process either */
    start_ready(OBEYS);
}

static void line_is_full_some_time(void **state)
{
    int given = 0;
    (void)state;
    start_ready(LAZY);
    while (given < 100000 && template_order(&template, 1, STDERR_FILENO) == 0)
        given++;
    print_message("%d orders\n", given);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(template.orders, given);
    template_leave(&template);
    child_signal(&template.child, SIGKILL);
    until(&ends, 1);
    expect_none();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copies_are_made_on_order),
        TEST(template_that_leaves_ends),
        TEST(template_may_leave_before_it_is_ready),
        TEST(orders_are_answered_before_it_leaves),
        TEST(answers_of_the_dead_are_heard),
        TEST(orders_are_settled),
        TEST(refusal_is_told),
        TEST(end_before_it_is_ready_is_told),
        TEST(dead_template_is_not_ready),
        TEST(threads_are_told_and_it_ends),
        TEST(what_makes_no_sense_is_ignored),
        TEST(since_when_an_answer_is_owed_is_known),
        TEST(another_one_can_be_started),
        TEST(start_that_fails_leaves_nothing),
        TEST(line_is_full_some_time),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
