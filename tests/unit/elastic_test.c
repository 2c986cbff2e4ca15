/* SPDX-License-Identifier: MIT
 *
 * elastic_test - how many workers an elastic pool wants: each rule by itself, then long random
 * loads against invariants.
 */
#include "supervisor/pool/elastic.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define START     5
#define MIN_SPARE 5
#define MAX_SPARE 10
#define MOST      256
#define TIMEOUT   INT64_C(60000)
#define PART      (TIMEOUT / ELASTIC_PARTS)
#define MARKS_MS  (ELASTIC_MARKS * PART) /* what the low-water mark covers */

static struct elastic e;
static struct elastic_decision decision;

static int newborn(void **state)
{
    (void)state;
    e = (struct elastic){.start = START,
                         .min_spare = MIN_SPARE,
                         .max_spare = MAX_SPARE,
                         .most = MOST,
                         .idle_timeout_ms = TIMEOUT};
    elastic_init(&e);
    return 0;
}

/* TOTAL workers, IDLE of them without a client, and no fewer since the last mark. */
static int64_t wanted(int64_t total, int64_t idle, int64_t queue, int64_t now)
{
    struct elastic_sight sight = {.ready = total, .idle = idle, .low = idle, .queue = queue};
    decision = elastic_decide(&e, &sight, now);
    return decision.target;
}

static int started(void **state)
{
    newborn(state);
    return wanted(START, START, 0, 0) == START ? 0 : -1;
}

static void begins_with_start_workers(void **state)
{
    (void)state;
    assert_int_equal(wanted(0, 0, 0, 0), START);
    assert_int_equal(wanted(1, 1, 9, 0), START); /* the canary */
    assert_int_equal(wanted(START, START, 0, 0), START);
    assert_int_equal(decision.wake_ms, CLOCK_NEVER);
}

static void fewer_at_the_start_than_spare_ones_grow(void **state)
{
    (void)state;
    e.start = 1;
    assert_int_equal(wanted(1, 1, 0, 0), MIN_SPARE);
}

static void missing_ones_are_wanted_at_once(void **state)
{
    (void)state;
    assert_int_equal(wanted(5, 4, 0, 10), 6);
    assert_int_equal(wanted(6, 5, 0, 10), 6);
    assert_int_equal(wanted(6, 3, 0, 20), 8);
    assert_int_equal(decision.wake_ms, CLOCK_NEVER);
}

static void starting_ones_count(void **state)
{
    struct elastic_sight sight = {.starting = 3, .ready = 4, .idle = 5};
    (void)state;
    assert_int_equal(elastic_decide(&e, &sight, 10).target, 7);
}

static void steps_double_while_clients_wait(void **state)
{
    static const int64_t steps[] = {5, 10, 20, 40, 80};
    int64_t total = START;
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(wanted(total, 0, 1000, 10 + (int64_t)i), total + steps[i]);
        total += steps[i];
    }
    assert_int_equal(wanted(total, 0, 1000, 20), MOST);
}

static void step_is_not_longer_than_the_queue(void **state)
{
    (void)state;
    assert_int_equal(wanted(5, 0, 1000, 10), 10);
    assert_int_equal(wanted(10, 0, 7, 11), 17);
    assert_int_equal(wanted(17, 0, 1, 12), 22); /* min_spare is missing in any case */
}

static void step_begins_anew_where_nobody_waits_or_later(void **state)
{
    (void)state;
    assert_int_equal(wanted(5, 0, 1000, 10), 10);
    assert_int_equal(wanted(10, 0, 1000, 11), 20);
    assert_int_equal(wanted(20, 4, 0, 12), 21);
    assert_int_equal(wanted(21, 0, 1000, 13), 26);
    assert_int_equal(wanted(26, 0, 1000, 13 + ELASTIC_BURST_MS), 31);
    assert_int_equal(wanted(31, 0, 1000, 14 + ELASTIC_BURST_MS), 41);
}

static void queue_that_is_not_told_counts_as_long(void **state)
{
    (void)state;
    assert_int_equal(wanted(5, 4, -1, 10), 10);
    assert_int_equal(wanted(10, 4, -1, 11), 20);
}

/* The pool decides after every event; what was decided is carried out once. */
static void step_that_is_not_done_is_not_doubled(void **state)
{
    (void)state;
    assert_int_equal(wanted(5, 0, 1000, 10), 10);
    assert_int_equal(wanted(7, 2, 1000, 10), 10);
    assert_int_equal(wanted(7, 0, 1000, 10), 12); /* but what is missing now is */
    assert_int_equal(wanted(12, 0, 1000, 11), 22);
}

static void no_more_than_max_workers(void **state)
{
    (void)state;
    assert_int_equal(wanted(MOST - 1, 0, 1000, 10), MOST);
    assert_false(decision.full);
    assert_int_equal(wanted(MOST, 4, 1000, 11), MOST);
    assert_false(decision.full); /* as long as one is idle */
    assert_int_equal(wanted(MOST, 0, 1000, 11), MOST);
    assert_true(decision.full);
}

/* A program per connection ends with it. */
static void who_left_is_replaced_only_where_too_few_are_idle(void **state)
{
    (void)state;
    assert_int_equal(wanted(9, 6, 0, 10), 9);
    assert_int_equal(wanted(8, 6, 0, 10), 8);
    assert_int_equal(wanted(7, 4, 0, 10), 8);
}

/* Who died was part of what was wanted: a hundred clients that lost their workers are no reason for
 * a hundred new ones. */
static void the_dead_are_not_wanted_any_more(void **state)
{
    (void)state;
    assert_int_equal(wanted(100, 4, 0, 10), 101);
    assert_int_equal(wanted(101, 5, 0, 10), 101);
    assert_int_equal(wanted(1, 0, 0, 10), 6);
    assert_int_equal(wanted(6, 0, 1000, 11), 11);
    assert_int_equal(wanted(11, 0, 1000, 12), 21);
    assert_int_equal(wanted(15, 0, 1000, 12), 21); /* under way */
    assert_int_equal(wanted(13, 0, 1000, 12), 19); /* two died of it */
}

static void surplus_leaves_after_the_marks(void **state)
{
    (void)state;
    assert_int_equal(wanted(100, 100, 0, 1000), 100);
    assert_true(decision.new_mark);
    for (int64_t part = 1; part < ELASTIC_MARKS; part++) {
        assert_int_equal(decision.wake_ms, 1000 + part * PART);
        assert_int_equal(wanted(100, 100, 0, decision.wake_ms - 1), 100);
        assert_false(decision.new_mark);
        assert_int_equal(wanted(100, 100, 0, decision.wake_ms), 100);
        assert_true(decision.new_mark);
    }
    assert_int_equal(wanted(100, 100, 0, 1000 + MARKS_MS), MAX_SPARE);
    assert_int_equal(wanted(MAX_SPARE, MAX_SPARE, 0, 1000 + MARKS_MS), MAX_SPARE);
    assert_int_equal(decision.wake_ms, CLOCK_NEVER);
}

static void busy_ones_stay(void **state)
{
    int64_t now = 0;
    (void)state;
    for (wanted(100, 30, 0, now); decision.target == 100 && now < 2 * TIMEOUT;)
        wanted(100, 30, 0, now = decision.wake_ms);
    assert_int_equal(decision.target, 80);
    assert_int_equal(now, MARKS_MS);
}

/* All that were idle for the whole time: the moment at which the fewest were counts. */
static void low_water_mark_decides(void **state)
{
    int64_t now = 0;
    (void)state;
    wanted(100, 100, 0, now);
    struct elastic_sight sight = {.ready = 100, .idle = 100, .low = 13};
    assert_int_equal(elastic_decide(&e, &sight, now += PART).target, 100);
    assert_int_equal(wanted(100, 100, 0, now += PART), 100);
    assert_int_equal(wanted(100, 100, 0, now += PART), 100);
    assert_int_equal(wanted(100, 100, 0, now += PART), 97);
}

/* A part in which all were needed forgets itself only after the whole time. */
static void load_that_comes_back_finds_its_workers(void **state)
{
    int64_t now = 0;
    (void)state;
    wanted(100, 100, 0, now);
    for (int i = 0; i < 40; i++) {
        struct elastic_sight sight = {.ready = 100, .idle = 100, .low = i % 4 == 3 ? 5 : 100};
        assert_int_equal(elastic_decide(&e, &sight, now += PART).target, 100);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(wanted(100, 100, 0, now += PART), 100);
    assert_int_equal(wanted(100, 100, 0, now += PART), MAX_SPARE);
}

static void odd_counts_stay_within_bounds(void **state)
{
    static const int64_t odd[] = {INT32_MIN, -1, 0, 1, 1000, INT32_MAX};
    int64_t now = 0;
    (void)state;
    for (int i = 0; i < 36; i++) {
        struct elastic_sight sight = {.ready = 50, .idle = odd[i % 6], .low = odd[i / 6]};
        struct elastic_decision d = elastic_decide(&e, &sight, now += PART);
        assert_in_range(d.target, MAX_SPARE, MOST);
    }
}

/* A pool as the decisions make it: workers come and go as is wanted, clients as dice say. */
struct load {
    int64_t total, busy, low, now, all_idle_since;
};

static void carry_out(struct load *l)
{
    struct elastic_sight sight = {
        .ready = l->total, .idle = l->total - l->busy, .low = l->low, .queue = rand() % 50};
    struct elastic_decision d = elastic_decide(&e, &sight, l->now);
    if (d.new_mark)
        l->low = l->total - l->busy;
    assert_true(d.target >= l->busy && d.target <= MOST);
    if (d.target < l->total) {
        assert_true(l->low - (l->total - d.target) >= MAX_SPARE); /* never thrash */
        l->low -= l->total - d.target;
    }
    l->total = d.target;
    assert_true(l->total == MOST || l->total - l->busy >= MIN_SPARE);
    assert_true(d.wake_ms > l->now);
}

static void random_loads(void **state)
{
    struct load l = {.total = START};
    (void)state;
    srand(1);
    for (int i = 0; i < 200000; i++) {
        int64_t peak = i / 5000 % 2 ? 5 : 300;
        l.now += rand() % 300;
        l.busy += rand() % 21 - 10;
        l.busy = l.busy < 0 ? 0 : l.busy > peak ? peak : l.busy;
        l.busy = l.busy > l.total ? l.total : l.busy;
        l.low = l.total - l.busy < l.low ? l.total - l.busy : l.low;
        carry_out(&l);
    }
    l.busy = 0;
    for (int64_t end = l.now + TIMEOUT; l.now < end; l.now += 100)
        carry_out(&l);
    assert_true(l.total <= MAX_SPARE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(begins_with_start_workers, newborn),
        cmocka_unit_test_setup(fewer_at_the_start_than_spare_ones_grow, newborn),
        cmocka_unit_test_setup(missing_ones_are_wanted_at_once, started),
        cmocka_unit_test_setup(starting_ones_count, started),
        cmocka_unit_test_setup(steps_double_while_clients_wait, started),
        cmocka_unit_test_setup(step_is_not_longer_than_the_queue, started),
        cmocka_unit_test_setup(step_begins_anew_where_nobody_waits_or_later, started),
        cmocka_unit_test_setup(queue_that_is_not_told_counts_as_long, started),
        cmocka_unit_test_setup(step_that_is_not_done_is_not_doubled, started),
        cmocka_unit_test_setup(no_more_than_max_workers, started),
        cmocka_unit_test_setup(who_left_is_replaced_only_where_too_few_are_idle, started),
        cmocka_unit_test_setup(the_dead_are_not_wanted_any_more, started),
        cmocka_unit_test_setup(surplus_leaves_after_the_marks, started),
        cmocka_unit_test_setup(busy_ones_stay, started),
        cmocka_unit_test_setup(low_water_mark_decides, started),
        cmocka_unit_test_setup(load_that_comes_back_finds_its_workers, started),
        cmocka_unit_test_setup(odd_counts_stay_within_bounds, started),
        cmocka_unit_test_setup(random_loads, started),
    };
    return cmocka_run_group_tests_name("elastic", tests, NULL, NULL);
}
