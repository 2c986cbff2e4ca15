/* SPDX-License-Identifier: MIT
 *
 * loop_test - events reach their source, removed sources are never called, deadlines are kept.
 */
#include "lib/loop.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SOURCES 5
#define SOON    (clock_now_ms() + 30000) /* something is ready: it is not waited for */

static struct loop loop;
static struct counter {
    struct loop_source source;
    int calls;
    uint32_t events;
    struct loop_source *removes; /* what ready() takes out of the loop */
    struct loop_source *adds;
} counters[SOURCES];

static void count(struct loop_source *source, uint32_t events)
{
    struct counter *counter = source->owner;
    assert_ptr_equal(source, &counter->source);
    counter->calls++;
    counter->events = events;
    if (counter->removes)
        loop_remove(&loop, counter->removes);
    if (counter->adds)
        loop_add(&loop, counter->adds, EPOLLIN);
}

/* Sources that are not ready: eventfds at 0. */
static int make(void **state)
{
    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    for (int i = 0; i < SOURCES; i++) {
        int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        counters[i] = (struct counter){.source = {fd, count, &counters[i]}};
        assert_int_equal(loop_add(&loop, &counters[i].source, EPOLLIN), 0);
    }
    return 0;
}

static int release(void **state)
{
    (void)state;
    for (int i = 0; i < SOURCES; i++)
        close(counters[i].source.fd);
    loop_release(&loop);
    return 0;
}

static void make_ready(int i)
{
    uint64_t one = 1;
    assert_int_equal(write(counters[i].source.fd, &one, sizeof one), sizeof one);
}

static int calls(void)
{
    int sum = 0;
    for (int i = 0; i < SOURCES; i++)
        sum += counters[i].calls;
    return sum;
}

static void event_reaches_its_source(void **state)
{
    (void)state;
    make_ready(2);
    loop_wait(&loop, SOON);
    assert_int_equal(counters[2].calls, 1);
    assert_int_equal(counters[2].events, EPOLLIN);
    assert_int_equal(calls(), 1);
}

static void every_source_of_a_batch_is_called(void **state)
{
    (void)state;
    for (int i = 0; i < SOURCES; i++)
        make_ready(i);
    loop_wait(&loop, SOON);
    for (int i = 0; i < SOURCES; i++)
        assert_int_equal(counters[i].calls, 1);
}

static void what_stays_ready_is_called_again(void **state)
{
    uint64_t number;
    (void)state;
    make_ready(0);
    loop_wait(&loop, SOON);
    loop_wait(&loop, SOON);
    assert_int_equal(counters[0].calls, 2);
    assert_int_equal(read(counters[0].source.fd, &number, sizeof number), sizeof number);
    loop_wait(&loop, clock_now_ms());
    assert_int_equal(counters[0].calls, 2);
}

static void removed_source_is_not_called(void **state)
{
    (void)state;
    make_ready(1);
    loop_remove(&loop, &counters[1].source);
    loop_wait(&loop, clock_now_ms());
    assert_int_equal(calls(), 0);
    assert_int_equal(loop_add(&loop, &counters[1].source, EPOLLIN), 0);
    loop_wait(&loop, SOON);
    assert_int_equal(counters[1].calls, 1);
}

/* All are ready at once; whichever is called first takes all the others out. */
static void removed_within_a_batch_is_not_called(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        make_ready(i);
        counters[i].removes = &counters[1 - i].source;
    }
    loop_wait(&loop, SOON);
    assert_int_equal(calls(), 1);
    loop_wait(&loop, SOON);
    assert_int_equal(calls(), 2); /* the other one is out for good */
    assert_int_equal(counters[0].calls * counters[1].calls, 0);
}

static void source_may_remove_itself(void **state)
{
    (void)state;
    make_ready(3);
    make_ready(4);
    counters[3].removes = &counters[3].source;
    loop_wait(&loop, SOON);
    assert_int_equal(counters[3].calls, 1);
    assert_int_equal(counters[4].calls, 1);
    loop_wait(&loop, SOON);
    assert_int_equal(counters[3].calls, 1);
    assert_int_equal(counters[4].calls, 2);
}

/* Two that are ready at once, and the first to be called frees the other one: its memory is
 * somebody else's by the time its event would be worked off. */
static struct counter *mortals[2];

static void end_the_other(struct loop_source *source, uint32_t events)
{
    int other = source == &mortals[0]->source;
    (void)events;
    loop_remove(&loop, &mortals[other]->source);
    memset(mortals[other], 0xA5, sizeof *mortals[other]);
    free(mortals[other]);
    mortals[other] = NULL;
}

static void removed_source_may_be_freed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        mortals[i] = calloc(1, sizeof *mortals[i]);
        assert_non_null(mortals[i]);
        mortals[i]->source = (struct loop_source){counters[i].source.fd, end_the_other, NULL};
        loop_remove(&loop, &counters[i].source);
        assert_int_equal(loop_add(&loop, &mortals[i]->source, EPOLLIN), 0);
        make_ready(i);
    }
    loop_wait(&loop, SOON);
    struct counter *left = mortals[0] ? mortals[0] : mortals[1];
    assert_true(!mortals[0] != !mortals[1]); /* one was called, and only one */
    loop_remove(&loop, &left->source);
    free(left);
}

static void source_may_add_another(void **state)
{
    (void)state;
    loop_remove(&loop, &counters[1].source);
    counters[0].adds = &counters[1].source;
    make_ready(0);
    make_ready(1);
    loop_wait(&loop, SOON);
    assert_int_equal(calls(), 1);
    counters[0].adds = NULL;
    loop_wait(&loop, SOON);
    assert_int_equal(counters[1].calls, 1);
}

static void more_than_a_batch(void **state)
{
    static struct counter many[2 * LOOP_BATCH];
    (void)state;
    for (int i = 0; i < 2 * LOOP_BATCH; i++) {
        int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(fd >= 0);
        many[i] = (struct counter){.source = {fd, count, &many[i]}};
        assert_int_equal(loop_add(&loop, &many[i].source, EPOLLIN), 0);
    }
    for (int turn = 0; turn < 4; turn++)
        loop_wait(&loop, SOON);
    for (int i = 0; i < 2 * LOOP_BATCH; i++) {
        assert_true(many[i].calls > 0); /* nobody starves */
        loop_remove(&loop, &many[i].source);
        close(many[i].source.fd);
    }
}

static void changed_interest_counts(void **state)
{
    int pipes[2];
    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    struct counter writer = {.source = {pipes[1], count, &writer}};
    assert_int_equal(loop_add(&loop, &writer.source, EPOLLIN), 0);
    loop_wait(&loop, clock_now_ms());
    assert_int_equal(writer.calls, 0);
    loop_change(&loop, &writer.source, EPOLLOUT);
    loop_wait(&loop, SOON);
    assert_int_equal(writer.calls, 1);
    assert_int_equal(writer.events, EPOLLOUT);
    close(pipes[0]);
    close(pipes[1]);
}

static void deadline_that_has_come_is_not_waited_for(void **state)
{
    (void)state;
    loop_wait(&loop, clock_now_ms());
    loop_wait(&loop, 0);
    loop_wait(&loop, -1);
    assert_int_equal(calls(), 0);
    make_ready(0);
    loop_wait(&loop, 0); /* but what is ready is called all the same */
    assert_int_equal(calls(), 1);
}

static void deadline_is_not_early(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        int64_t deadline = clock_now_ms() + 3;
        loop_wait(&loop, deadline);
        assert_true(clock_now_ms() >= deadline);
    }
    assert_int_equal(calls(), 0);
}

static void far_deadlines_do_not_overflow(void **state)
{
    (void)state;
    make_ready(0);
    loop_wait(&loop, CLOCK_NEVER);
    loop_wait(&loop, CLOCK_NEVER - 1);
    loop_wait(&loop, clock_now_ms() + (INT64_C(1) << 40));
    assert_int_equal(counters[0].calls, 3);
}

/* What is waited for comes by itself, so that the wait ends early if only the deadline is wrong. */
static void far_deadlines_are_waited_for(void **state)
{
    static const int64_t delays[] = {INT64_C(1) << 31, INT64_C(1) << 32, INT64_C(1) << 40,
                                     CLOCK_NEVER};
    (void)state;
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        struct itimerspec soon = {.it_value.tv_nsec = 5000000};
        struct counter timer = {.source = {fd, count, &timer}};
        assert_int_equal(timerfd_settime(fd, 0, &soon, NULL), 0);
        assert_int_equal(loop_add(&loop, &timer.source, EPOLLIN), 0);
        loop_wait(&loop, delays[i] == CLOCK_NEVER ? CLOCK_NEVER : clock_now_ms() + delays[i]);
        assert_int_equal(timer.calls, 1);
        loop_remove(&loop, &timer.source);
        close(fd);
    }
}

static void closed_source_is_left_alone(void **state)
{
    struct loop_source none = {-1, count, NULL};
    (void)state;
    loop_remove(&loop, &none);
    assert_int_equal(loop_add(&loop, &none, EPOLLIN), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(event_reaches_its_source, make, release),
        cmocka_unit_test_setup_teardown(every_source_of_a_batch_is_called, make, release),
        cmocka_unit_test_setup_teardown(what_stays_ready_is_called_again, make, release),
        cmocka_unit_test_setup_teardown(removed_source_is_not_called, make, release),
        cmocka_unit_test_setup_teardown(removed_within_a_batch_is_not_called, make, release),
        cmocka_unit_test_setup_teardown(source_may_remove_itself, make, release),
        cmocka_unit_test_setup_teardown(removed_source_may_be_freed, make, release),
        cmocka_unit_test_setup_teardown(source_may_add_another, make, release),
        cmocka_unit_test_setup_teardown(more_than_a_batch, make, release),
        cmocka_unit_test_setup_teardown(changed_interest_counts, make, release),
        cmocka_unit_test_setup_teardown(deadline_that_has_come_is_not_waited_for, make, release),
        cmocka_unit_test_setup_teardown(deadline_is_not_early, make, release),
        cmocka_unit_test_setup_teardown(far_deadlines_do_not_overflow, make, release),
        cmocka_unit_test_setup_teardown(far_deadlines_are_waited_for, make, release),
        cmocka_unit_test_setup_teardown(closed_source_is_left_alone, make, release),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
