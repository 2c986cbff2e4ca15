/* SPDX-License-Identifier: MIT
 *
 * pool_template_test - workers come from a template whatever becomes of templates: renewed, dead,
 * silent or refusing; and none of that makes the pool spin.
 *
 * worker_run() is the one below: a template that behaves as the test wants it to.
 */
#include "supervisor/pool/pool_template.h"

#include "include/warm.h"
#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "supervisor/pool/worker_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000 /* a machine may be slow; only a failure takes that long */
#define SLOTS       8
#define START_MS    60000
#define MAX_AGE_MS  3600000
#define AGAIN_MS    10000

static enum behaviour { OBEYS, SILENT, EXITS, THREADED, REFUSES, LAZY, DIES } behaviour;

#define DIES_AT 2 /* the order that it dies of, and it answers none */

static struct config_service service;
static bool warm, cold_copies;
static struct pool pool;
static struct error error;

/* In the child. */

static pid_t copy(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid != 0)
        return pid;
    alarm(60);
    for (;;)
        pause();
}

_Noreturn void worker_run(const struct worker_plan *plan, const struct worker_birth *birth)
{
    struct warm_hello hello = {.magic = WARM_MAGIC, .threads = behaviour == THREADED ? 2 : 1};
    struct warm_answer answer = {.magic = WARM_MAGIC};
    struct warm_order order;
    int orders_left = DIES_AT;
    int line = birth->control_fd;
    alarm(60); /* it does not outlive a test that crashes */
    if (plan != &pool.plan || behaviour == EXITS)
        _exit(7);
    if (behaviour != SILENT && send(line, &hello, sizeof hello, 0) < 0)
        _exit(98);
    while (behaviour == SILENT || behaviour == LAZY)
        pause();
    while (recv(line, &order, sizeof order, 0) == (ssize_t)sizeof order &&
           (behaviour != DIES || --orders_left > 0)) {
        if (behaviour == DIES)
            continue;
        answer.slot = order.slot;
        answer.pid = behaviour == REFUSES ? -EAGAIN : copy();
        if (send(line, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            _exit(97);
    }
    _exit(behaviour == DIES ? 9 : 0);
}

bool worker_is_warm(void)
{
    return warm;
}

bool worker_is_copied(void)
{
    return warm ? service.program.warm_fork : cold_copies;
}

int worker_prepare(const struct worker_plan *plan, struct error *problem)
{
    (void)plan;
    (void)problem;
    return 0;
}

/* In the pool. */

static void on_ready(struct worker_table *table)
{
    (void)table;
}

static void on_worker_ended(struct worker_table *table, uint32_t slot,
                            const struct worker_entry *ended, const struct child_end *end)
{
    (void)table;
    (void)slot;
    (void)ended;
    (void)end;
}

static int make(void **state)
{
    (void)state;
    behaviour = OBEYS;
    warm = true;
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    service = (struct config_service){.name = (char *)"test", .kind = CONFIG_EXEC};
    service.program.warm_fork = true;
    service.program.warm_fork_max_age = MAX_AGE_MS;
    pool = (struct pool){.service = &service};
    pool.plan.service = &service;
    pool.limits.start_ms = START_MS;
    int fd = scoreboard_create(SLOTS, &error);
    pool.plan.scoreboard = scoreboard_map(fd, SLOTS, true);
    close(fd);
    if (!pool.plan.scoreboard || loop_init(&pool.loop) < 0)
        return -1;
    worker_table_init(&pool.table, &pool.loop, &pool.plan, SLOTS);
    pool.table.owner = &pool;
    pool.table.got_ready = on_ready;
    pool.table.ended = on_worker_ended;
    pool_policy_init(&pool.policy, 4, 100, 30000, clock_now_ms());
    pool_template_init(&pool);
    return 0;
}

static int release(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct template *t = &pool.templates[i];
        if (t->child.pidfd >= 0)
            child_discard(&t->child);
        fds_close(&t->control.fd);
        error_pipe_close(&t->errors);
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (pool.table.entries[slot].child.pidfd >= 0)
            child_discard(&pool.table.entries[slot].child);
        error_pipe_close(&pool.table.entries[slot].errors);
    }
    cgroup_release(&pool.table.cgroup);
    scoreboard_unmap(pool.plan.scoreboard, SLOTS);
    loop_release(&pool.loop);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1; /* nobody is left */
}

static struct template *template(int number)
{
    return &pool.templates[number];
}

/* Turns of the loop until template NUMBER is in STATE. */
static void until(int number, enum template_state state)
{
    int64_t patience = clock_now_ms() + PATIENCE_MS;
    while (template(number)->state != state && clock_now_ms() < patience)
        loop_wait(&pool.loop, patience);
    assert_int_equal(template(number)->state, state);
}

/* Turns of the loop until no order is open. */
static void until_answered(void)
{
    int64_t patience = clock_now_ms() + PATIENCE_MS;
    while (template(0)->orders + template(1)->orders > 0 && clock_now_ms() < patience)
        loop_wait(&pool.loop, patience);
    assert_int_equal(template(0)->orders + template(1)->orders, 0);
}

static void start_ready(enum behaviour how)
{
    behaviour = how;
    assert_false(pool_template_ready(&pool)); /* but it is started */
    until(pool.template, TEMPLATE_READY);
    assert_true(pool_template_ready(&pool));
}

static void order(int count)
{
    while (count-- > 0)
        assert_int_equal(worker_child_fork(&pool.table), 0);
}

static int64_t workers(void)
{
    int64_t count = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        count += pool.table.entries[slot].child.pidfd >= 0;
    return count;
}

/* The other template is on its way. */
static void start_other(enum behaviour how)
{
    behaviour = how;
    pool_template_renew(&pool);
    pool_template_check(&pool, clock_now_ms());
    assert_int_equal(template(!pool.template)->state, TEMPLATE_STARTING);
}

static bool holds_off(void)
{
    return pool_policy_held_until(&pool.policy, clock_now_ms()) != CLOCK_NEVER;
}

static void workers_are_copies(void **state)
{
    (void)state;
    start_ready(OBEYS);
    order(3);
    assert_int_equal(pool.table.starting, 3);
    until_answered();
    assert_int_equal(workers(), 3);
    assert_int_equal(pool.table.starting, 3);
    assert_false(holds_off());
}

static void other_kinds_of_workers_are_not(void **state)
{
    (void)state;
    assert_true(pool_template_wanted(&pool));
    service.program.warm_fork = false;
    assert_false(pool_template_wanted(&pool));
    service.program.warm_fork = true;
    service.kind = CONFIG_LISTEN;
    assert_false(pool_template_wanted(&pool));
}

static int make_cold(void **state)
{
    int status = make(state);
    warm = false;
    cold_copies = true;
    service.program.warm_fork = false;
    return status;
}

static void cold_workers_are_copies_as_long_as_they_can_be(void **state)
{
    (void)state;
    start_ready(OBEYS);
    order(2);
    until_answered();
    assert_int_equal(workers(), 2);
    cold_copies = false; /* the program could not be executed, say */
    assert_true(pool_template_ready(&pool));
    assert_null(pool.table.order);
    cold_copies = true;
    assert_true(pool_template_ready(&pool));
    assert_non_null(pool.table.order);
}

/* What copies have in common ends with execve. */
static void cold_template_is_not_renewed(void **state)
{
    (void)state;
    start_ready(OBEYS);
    assert_int_equal(pool.renew_ms, CLOCK_NEVER);
    pool_template_renew(&pool);
    assert_int_equal(pool.renew_ms, CLOCK_NEVER);
}

static void without_a_cold_template_the_pool_makes_workers(enum behaviour how, int orders)
{
    behaviour = how;
    assert_false(pool_template_ready(&pool));
    if (orders > 0) {
        until(0, TEMPLATE_READY);
        assert_true(pool_template_ready(&pool));
        order(orders);
    }
    until(0, TEMPLATE_NONE);
    assert_false(holds_off());
    assert_int_equal(pool.table.starting, 0);
    assert_true(pool_template_ready(&pool));
    assert_null(pool.table.order);
}

static void cold_template_that_does_not_start(void **state)
{
    (void)state;
    without_a_cold_template_the_pool_makes_workers(EXITS, 0);
}

static void cold_template_that_makes_nothing(void **state)
{
    (void)state;
    without_a_cold_template_the_pool_makes_workers(DIES, DIES_AT);
}

static void cold_template_that_cannot_copy_itself(void **state)
{
    (void)state;
    start_ready(REFUSES);
    order(2);
    until_answered();
    assert_true(holds_off());
    assert_true(pool_template_ready(&pool));
    assert_null(pool.table.order);
    until(0, TEMPLATE_NONE);
}

static void cold_template_that_was_killed_is_replaced(void **state)
{
    (void)state;
    start_ready(OBEYS);
    order(1);
    until_answered();
    kill(template(0)->child.pid, SIGKILL);
    until(0, TEMPLATE_NONE);
    assert_int_equal(workers(), 1);
    start_ready(OBEYS);
}

static void program_with_threads_is_refused(void **state)
{
    (void)state;
    behaviour = THREADED;
    assert_false(pool_template_ready(&pool));
    until(0, TEMPLATE_LEAVING);
    assert_false(pool_template_wanted(&pool));
    assert_null(pool.table.order);
    until(0, TEMPLATE_NONE);
    assert_false(holds_off());
}

static void new_one_takes_over(void **state)
{
    (void)state;
    start_ready(OBEYS);
    assert_int_equal(pool.renew_ms, template(0)->born_ms + MAX_AGE_MS);
    start_other(OBEYS);
    until(1, TEMPLATE_READY);
    assert_int_equal(pool.template, 1);
    assert_int_equal(template(0)->state, TEMPLATE_LEAVING);
    assert_int_equal(pool.renew_ms, template(1)->born_ms + MAX_AGE_MS);
    until(0, TEMPLATE_NONE);
    assert_false(holds_off());
}

static void old_one_answers_what_it_was_asked(void **state)
{
    (void)state;
    start_ready(OBEYS);
    start_other(OBEYS);
    struct pollfd p = {.fd = template(1)->control.fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1); /* ready, and the pool does not know yet */
    order(4);
    until(0, TEMPLATE_NONE);
    assert_int_equal(workers(), 4);
    assert_int_equal(pool.table.starting, 4);
}

/* The end of the old one says nothing of what the new one has been ordered. */
static void orders_of_the_new_one_outlive_the_old_one(void **state)
{
    (void)state;
    start_ready(OBEYS);
    start_other(OBEYS);
    until(1, TEMPLATE_READY);
    order(2);
    struct pollfd p = {.fd = template(0)->child.pidfd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    template(0)->pidfd.ready(&template(0)->pidfd, EPOLLIN);
    assert_int_equal(template(0)->state, TEMPLATE_NONE);
    assert_int_equal(pool.table.starting, 2);
    until_answered();
    assert_int_equal(workers(), 2);
}

static void it_is_renewed_by_age(void **state)
{
    (void)state;
    start_ready(OBEYS);
    int64_t due = template(0)->born_ms + MAX_AGE_MS;
    assert_int_equal(pool_template_check(&pool, due - 1), due);
    assert_int_equal(template(1)->state, TEMPLATE_NONE);
    pool_template_check(&pool, due);
    assert_int_equal(template(1)->state, TEMPLATE_STARTING);
}

/* Workers go on coming from the present one, and it is tried again. */
static void renewal_that_comes_to_nothing(void **state)
{
    (void)state;
    start_ready(OBEYS);
    start_other(EXITS);
    int64_t before = clock_now_ms();
    until(1, TEMPLATE_NONE);
    assert_in_range(pool.renew_ms, before + AGAIN_MS, clock_now_ms() + AGAIN_MS);
    assert_int_equal(template(0)->state, TEMPLATE_READY);
    assert_false(holds_off());
    order(1);
    until_answered();
    assert_int_equal(workers(), 1);
}

static void renewal_that_cannot_be_started(void **state)
{
    struct rlimit before, none;
    (void)state;
    start_ready(OBEYS);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    pool_template_renew(&pool);
    int64_t now = clock_now_ms();
    setrlimit(RLIMIT_NOFILE, &none);
    pool_template_check(&pool, now);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(template(1)->state, TEMPLATE_NONE);
    assert_int_equal(pool.renew_ms, now + AGAIN_MS);
    assert_false(holds_off());
    pool_template_check(&pool, now + AGAIN_MS);
    assert_int_equal(template(1)->state, TEMPLATE_STARTING);
}

static void death_before_it_is_ready_holds_off(void **state)
{
    (void)state;
    behaviour = EXITS;
    assert_false(pool_template_ready(&pool));
    until(0, TEMPLATE_NONE);
    assert_true(holds_off());
    assert_non_null(strstr(pool.trouble, "before it waited for a client"));
}

/* It would else be started, and die, as fast as the machine can. */
static void death_before_the_first_copy_holds_off(void **state)
{
    (void)state;
    start_ready(DIES);
    order(DIES_AT);
    until(0, TEMPLATE_NONE);
    assert_int_equal(pool.table.starting, 0);
    assert_true(holds_off());
    assert_non_null(strstr(pool.trouble, "before it made any"));
}

static void death_of_one_that_served_does_not(void **state)
{
    (void)state;
    start_ready(OBEYS);
    order(1);
    until_answered();
    kill(template(0)->child.pid, SIGKILL);
    until(0, TEMPLATE_NONE);
    assert_int_equal(workers(), 1);
    assert_false(holds_off());
}

/* Once for all that were ordered at once. */
static void refused_copies_hold_off(void **state)
{
    (void)state;
    start_ready(REFUSES);
    order(3);
    until_answered();
    assert_int_equal(pool.table.starting, 0);
    assert_true(holds_off());
    assert_int_equal(pool.policy.refused.failures, 1);
    assert_non_null(strstr(pool.trouble, "Resource temporarily unavailable"));
    assert_int_equal(template(0)->state, TEMPLATE_READY);
}

static void it_has_to_get_ready_in_time(void **state)
{
    (void)state;
    behaviour = SILENT;
    assert_false(pool_template_ready(&pool));
    int64_t due = template(0)->born_ms + START_MS;
    assert_int_equal(pool_template_check(&pool, due - 1), due);
    assert_int_equal(pool_template_check(&pool, due), CLOCK_NEVER);
    assert_int_equal(pool_template_check(&pool, due), CLOCK_NEVER);
    until(0, TEMPLATE_NONE);
    assert_true(holds_off());
}

static void it_has_to_answer_in_time(void **state)
{
    (void)state;
    start_ready(LAZY);
    pool.renew_ms = CLOCK_NEVER;
    assert_int_equal(pool_template_check(&pool, INT64_MAX / 2), CLOCK_NEVER); /* it owes nothing */
    order(2);
    int64_t due = template(0)->asked_ms + START_MS;
    assert_int_equal(pool_template_check(&pool, due - 1), due);
    pool_template_check(&pool, due);
    until(0, TEMPLATE_NONE);
    assert_int_equal(pool.table.starting, 0);
    assert_true(holds_off());
}

static void all_leave_when_the_pool_stops(void **state)
{
    (void)state;
    start_ready(OBEYS);
    start_other(SILENT);
    assert_true(pool_template_alive(&pool));
    pool.policy.stopping = true;
    pool_template_leave(&pool);
    until(0, TEMPLATE_NONE);
    until(1, TEMPLATE_NONE);
    assert_false(pool_template_alive(&pool));
    assert_false(holds_off());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)
#define COLD(name) cmocka_unit_test_setup_teardown(name, make_cold, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(workers_are_copies),
        TEST(other_kinds_of_workers_are_not),
        COLD(cold_workers_are_copies_as_long_as_they_can_be),
        COLD(cold_template_is_not_renewed),
        COLD(cold_template_that_does_not_start),
        COLD(cold_template_that_makes_nothing),
        COLD(cold_template_that_cannot_copy_itself),
        COLD(cold_template_that_was_killed_is_replaced),
        TEST(program_with_threads_is_refused),
        TEST(new_one_takes_over),
        TEST(old_one_answers_what_it_was_asked),
        TEST(orders_of_the_new_one_outlive_the_old_one),
        TEST(it_is_renewed_by_age),
        TEST(renewal_that_comes_to_nothing),
        TEST(renewal_that_cannot_be_started),
        TEST(death_before_it_is_ready_holds_off),
        TEST(death_before_the_first_copy_holds_off),
        TEST(death_of_one_that_served_does_not),
        TEST(refused_copies_hold_off),
        TEST(it_has_to_get_ready_in_time),
        TEST(it_has_to_answer_in_time),
        TEST(all_leave_when_the_pool_stops),
    };
    return cmocka_run_group_tests_name("pool_template", tests, NULL, NULL);
}
