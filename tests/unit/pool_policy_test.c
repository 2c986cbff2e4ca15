/* SPDX-License-Identifier: MIT
 *
 * pool_policy_test - how many workers are forked and sent away: each rule by itself, then all of
 * them in long random lives of a pool, against invariants.
 */
#include "supervisor/pool/pool_policy.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define TARGET     8
#define DELAY      INT64_C(100)
#define DELAY_MAX  INT64_C(30000)
#define NO_SPREAD  25u /* dice that leave a delay as it is */
#define BURST      256 /* crashes that are replaced at once, and again per second: */
#define PER_SECOND 1000

static struct pool_policy policy;

static int newborn(void **state)
{
    (void)state;
    pool_policy_init(&policy, TARGET, DELAY, DELAY_MAX, 0);
    return 0;
}

/* Its first worker has become READY. */
static int proved(void **state)
{
    newborn(state);
    pool_policy_ready(&policy);
    return 0;
}

/* COUNT more than STARTING are forked at once, in turns. */
static void expect_turns(int64_t starting, int64_t count)
{
    while (count > 0) {
        struct pool_decision decision = pool_policy_decide(&policy, starting, 0, 0);
        assert_int_equal(decision.fork, count < POOL_POLICY_TURN ? count : POOL_POLICY_TURN);
        assert_int_equal(decision.more, count > POOL_POLICY_TURN);
        assert_int_equal(decision.drain, 0);
        starting += decision.fork;
        count -= decision.fork;
    }
}

static void expect(int64_t starting, int64_t ready, int64_t now, int64_t fork, int64_t drain,
                   int64_t wake)
{
    struct pool_decision decision = pool_policy_decide(&policy, starting, ready, now);
    assert_int_equal(decision.fork, fork);
    assert_int_equal(decision.drain, drain);
    assert_int_equal(decision.wake_ms, wake);
}

static void first_worker_is_tried_alone(void **state)
{
    (void)state;
    expect(0, 0, 0, 1, 0, CLOCK_NEVER);
    expect(1, 0, 0, 0, 0, CLOCK_NEVER);
    pool_policy_ready(&policy);
    expect(0, 1, 50, TARGET - 1, 0, CLOCK_NEVER);
    expect(TARGET - 1, 1, 50, 0, 0, CLOCK_NEVER);
}

static void what_is_missing_is_forked_at_once(void **state)
{
    (void)state;
    expect(2, 3, 0, TARGET - 5, 0, CLOCK_NEVER);
    expect(0, 0, 0, TARGET, 0, CLOCK_NEVER);
    expect(0, TARGET, 0, 0, 0, CLOCK_NEVER);
}

static void death_before_ready_holds_off(void **state)
{
    (void)state;
    assert_int_equal(pool_policy_failed(&policy, false, 1000, NO_SPREAD), DELAY);
    expect(0, 3, 1000, 0, 0, 1000 + DELAY);
    expect(0, 3, 1000 + DELAY - 1, 0, 0, 1000 + DELAY);
    expect(0, 3, 1000 + DELAY, 1, 0, CLOCK_NEVER);
}

static void trial_is_one_at_a_time(void **state)
{
    (void)state;
    pool_policy_failed(&policy, false, 0, NO_SPREAD);
    expect(0, 0, DELAY, 1, 0, CLOCK_NEVER);
    expect(1, 0, DELAY, 0, 0, CLOCK_NEVER);
    expect(1, 3, DELAY + 5000, 0, 0, CLOCK_NEVER);
    pool_policy_ready(&policy);
    expect(0, 4, DELAY + 5000, TARGET - 4, 0, CLOCK_NEVER);
}

static void hold_off_grows_and_ready_resets_it(void **state)
{
    static const int64_t delays[] = {100,  200,   400,   800,   1600, 3200,
                                     6400, 12800, 25600, 30000, 30000};
    int64_t now = 0;
    (void)state;
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        assert_int_equal(pool_policy_failed(&policy, false, now, NO_SPREAD), delays[i]);
        expect(0, 0, now, 0, 0, now + delays[i]);
        now += delays[i];
        expect(0, 0, now, 1, 0, CLOCK_NEVER);
    }
    pool_policy_ready(&policy);
    expect(0, 1, now, TARGET - 1, 0, CLOCK_NEVER);
    assert_int_equal(pool_policy_failed(&policy, false, now, NO_SPREAD), DELAY);
}

static void canary_that_dies_holds_off(void **state)
{
    (void)state;
    expect(0, 0, 0, 1, 0, CLOCK_NEVER);
    pool_policy_failed(&policy, false, 10, NO_SPREAD);
    expect(0, 0, 10, 0, 0, 10 + DELAY);
    expect(0, 0, 10 + DELAY, 1, 0, CLOCK_NEVER);
}

static void refused_fork_is_tried_again_soon(void **state)
{
    (void)state;
    int64_t now = 0, delay = 0;
    for (int i = 0; i < 13; i++) {
        delay = pool_policy_failed(&policy, true, now, NO_SPREAD);
        assert_in_range(delay, 1, 5000);
        now += delay;
    }
    assert_int_equal(delay, 5000);
    assert_int_equal(pool_policy_failed(&policy, false, now, NO_SPREAD), DELAY);
}

/* Others that get READY say nothing of the limit that a fork has met. */
static void ready_worker_does_not_forgive_a_refused_fork(void **state)
{
    (void)state;
    pool_policy_failed(&policy, true, 100, NO_SPREAD);
    pool_policy_ready(&policy);
    expect(0, policy.target - 1, 101, 0, 0, 100 + DELAY);
    expect(0, policy.target - 1, 100 + DELAY, 1, 0, CLOCK_NEVER);
    pool_policy_forked(&policy);
    assert_false(pool_policy_is_troubled(&policy));
}

/* A whole pool that dies of one thing is one failure. */
static void failures_of_one_moment_count_once(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++)
        assert_int_equal(pool_policy_failed(&policy, false, 50, NO_SPREAD), DELAY);
    assert_int_equal(policy.backoff.failures, 1);
    assert_int_equal(pool_policy_failed(&policy, false, 50 + DELAY, NO_SPREAD), 2 * DELAY);
}

static void crash_after_ready_is_replaced_at_once(void **state)
{
    (void)state;
    pool_policy_crashed(&policy);
    expect(0, TARGET - 1, 0, 1, 0, CLOCK_NEVER);
    for (int i = 0; i < TARGET; i++)
        pool_policy_crashed(&policy);
    expect(0, 0, 0, TARGET, 0, CLOCK_NEVER);
    assert_int_equal(policy.crashed, 0);
}

static void crashes_are_replaced_at_a_bounded_rate(void **state)
{
    (void)state;
    for (int i = 0; i < BURST; i++) {
        pool_policy_crashed(&policy);
        expect(0, TARGET - 1, 0, 1, 0, CLOCK_NEVER);
    }
    pool_policy_crashed(&policy);
    expect(0, TARGET - 1, 0, 0, 0, 1);
    expect(0, TARGET - 1, 1, 1, 0, CLOCK_NEVER);
}

static void rate_holds_only_crashes_back(void **state)
{
    (void)state;
    for (int i = 0; i < BURST; i++) {
        pool_policy_crashed(&policy);
        expect(0, TARGET - 1, 0, 1, 0, CLOCK_NEVER);
    }
    pool_policy_crashed(&policy);
    pool_policy_crashed(&policy);
    expect(0, TARGET - 5, 0, 3, 0, 1); /* two crashed, three left as they should */
}

static void burst_grows_with_the_pool(void **state)
{
    (void)state;
    pool_policy_init(&policy, 1000, DELAY, DELAY_MAX, 0);
    pool_policy_ready(&policy);
    for (int i = 0; i < 2000; i++)
        pool_policy_crashed(&policy);
    expect_turns(0, 1000);
    for (int i = 0; i < 1000; i++)
        pool_policy_crashed(&policy);
    expect_turns(0, 1000);
    pool_policy_crashed(&policy);
    expect(0, 999, 0, 0, 0, 1);
}

/* Those that replace crashed ones are counted as such in each turn, and no turn is empty. */
static void many_are_forked_in_turns(void **state)
{
    (void)state;
    policy.target = 300;
    expect_turns(0, 300);
    for (int i = 0; i < 100; i++)
        pool_policy_crashed(&policy);
    expect_turns(100, 200);
    assert_int_equal(policy.crashed, 0);
    for (int i = 0; i < 300; i++)
        pool_policy_crashed(&policy); /* more than there are tokens for */
    struct pool_decision decision;
    int64_t starting = 0;
    while ((decision = pool_policy_decide(&policy, starting, 0, 0)).more)
        starting += decision.fork;
    starting += decision.fork;
    assert_int_equal(starting, BURST - 100);
    assert_int_equal(policy.crashed, 300 - starting);
    assert_int_equal(decision.wake_ms, 1);
}

/* Clients that crash every worker as fast as it comes get so many births and no more. */
static void crash_storm_is_no_fork_bomb(void **state)
{
    int64_t forks = 0;
    (void)state;
    for (int64_t now = 0; now < 10000; now++) {
        struct pool_decision decision = pool_policy_decide(&policy, 0, 0, now);
        forks += decision.fork;
        for (int64_t i = 0; i < decision.fork; i++) {
            pool_policy_ready(&policy);
            pool_policy_crashed(&policy);
        }
    }
    assert_in_range(forks, TARGET, TARGET + BURST + 10 * PER_SECOND);
    assert_true(forks >= 9 * PER_SECOND); /* nor is the service switched off */
}

static void scaling_down_drains(void **state)
{
    (void)state;
    policy.target = 3;
    expect(0, TARGET, 0, 0, TARGET - 3, CLOCK_NEVER);
    expect(2, 3, 0, 0, 2, CLOCK_NEVER);
    expect(0, 3, 0, 0, 0, CLOCK_NEVER);
}

static void what_failed_and_is_not_wanted_is_forgotten(void **state)
{
    (void)state;
    pool_policy_failed(&policy, false, 0, NO_SPREAD);
    expect(0, 3, 0, 0, 0, DELAY);
    policy.target = 3;
    expect(0, 3, 1, 0, 0, CLOCK_NEVER);
    assert_int_equal(policy.backoff.failures, 0);
    policy.target = 5;
    expect(0, 3, 2, 2, 0, CLOCK_NEVER);
}

static void trial_that_is_on_its_way_is_not_forgotten(void **state)
{
    (void)state;
    pool_policy_failed(&policy, false, 0, NO_SPREAD);
    expect(1, TARGET - 1, DELAY, 0, 0, CLOCK_NEVER); /* it may fail, too */
    assert_int_equal(pool_policy_failed(&policy, false, DELAY, NO_SPREAD), 2 * DELAY);
}

static void scaling_up_forks(void **state)
{
    (void)state;
    policy.target = 20;
    expect(0, TARGET, 0, 20 - TARGET, 0, CLOCK_NEVER);
}

static void stopping_pool_forks_nothing(void **state)
{
    (void)state;
    policy.stopping = true;
    expect(0, 0, 0, 0, 0, CLOCK_NEVER);
    expect(0, TARGET + 5, 0, 0, 0, CLOCK_NEVER);
    pool_policy_crashed(&policy);
    expect(0, TARGET - 1, 0, 0, 0, CLOCK_NEVER);
    pool_policy_failed(&policy, false, 0, NO_SPREAD);
    expect(0, 0, DELAY, 0, 0, CLOCK_NEVER);
}

/* A pool as the policy sees it, living at random. */
struct life {
    uint64_t random;
    int64_t now, starting, ready;
};

static uint32_t dice(struct life *life, uint32_t sides)
{
    life->random = life->random * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(life->random >> 33) % sides;
}

static void check(const struct life *life, const struct pool_policy *before,
                  const struct pool_decision *d)
{
    int64_t missing = before->target - life->starting - life->ready;
    bool holding = pool_policy_held_until(before, life->now) != CLOCK_NEVER;
    bool trial = !before->proved || pool_policy_is_troubled(before);
    bool refused = before->refused.failures > 0;
    assert_true(d->fork >= 0 && d->drain >= 0);
    assert_true(d->fork <= (missing > 0 ? missing : 0));
    assert_int_equal(d->drain, missing < 0 && !before->stopping ? -missing : 0);
    assert_true(d->wake_ms > life->now);
    if (before->stopping)
        assert_true(d->fork == 0 && d->wake_ms == CLOCK_NEVER);
    if (holding)
        assert_int_equal(d->fork, 0);
    if (trial)
        assert_true(d->fork == 0 || (d->fork == 1 && (refused || life->starting == 0)));
    if (missing > 0 && d->fork == 0 && life->starting == 0 && !before->stopping)
        assert_true(d->wake_ms < life->now + 2 * DELAY_MAX); /* it is not forgotten */
}

static void follow(struct life *life)
{
    struct pool_policy before = policy;
    struct pool_decision d = pool_policy_decide(&policy, life->starting, life->ready, life->now);
    check(life, &before, &d);
    assert_in_range(policy.crashed, 0, policy.target);
    life->starting += d.fork;
    for (; d.drain > 0; d.drain--)
        --*(life->ready > 0 ? &life->ready : &life->starting);
}

static void something_happens(struct life *life)
{
    switch (dice(life, 10)) {
    case 0:
    case 1:
    case 2:
        if (life->starting > 0) {
            life->starting--;
            life->ready++;
            pool_policy_ready(&policy);
        }
        break;
    case 3:
        if (life->starting > 0) {
            life->starting--;
            assert_in_range(
                pool_policy_failed(&policy, dice(life, 4) == 0, life->now, dice(life, UINT32_MAX)),
                1, DELAY_MAX * 5 / 4);
        }
        break;
    case 4:
    case 5:
        if (life->ready > 0) {
            life->ready--;
            pool_policy_crashed(&policy);
        }
        break;
    case 6:
        life->ready -= life->ready > 0; /* left as it should */
        break;
    case 7:
        if (dice(life, 20) == 0)
            policy.target = 1 + dice(life, 40);
        break;
    default:
        life->now += dice(life, 3) == 0 ? dice(life, 40000) : dice(life, 20);
    }
}

/* Nothing goes wrong any more: full strength is reached in as many turns as there are workers,
 * and kept. */
static void recover(struct life *life)
{
    for (int turn = 0; turn < 100; turn++) {
        life->now += 2 * DELAY_MAX;
        follow(life);
        life->ready += life->starting;
        if (life->starting > 0)
            pool_policy_ready(&policy);
        life->starting = 0;
    }
    assert_int_equal(life->ready, policy.target);
    assert_int_equal(policy.backoff.failures, 0);
}

static void random_lives_keep_the_rules(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct life life = {.random = seed};
        newborn(NULL);
        for (int step = 0; step < 5000; step++) {
            something_happens(&life);
            follow(&life);
        }
        if (seed % 10 == 0) {
            policy.stopping = true;
            for (int step = 0; step < 100; step++) {
                something_happens(&life);
                follow(&life);
            }
            continue;
        }
        recover(&life);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_worker_is_tried_alone, newborn),
        cmocka_unit_test_setup(what_is_missing_is_forked_at_once, proved),
        cmocka_unit_test_setup(death_before_ready_holds_off, proved),
        cmocka_unit_test_setup(trial_is_one_at_a_time, proved),
        cmocka_unit_test_setup(hold_off_grows_and_ready_resets_it, proved),
        cmocka_unit_test_setup(canary_that_dies_holds_off, newborn),
        cmocka_unit_test_setup(refused_fork_is_tried_again_soon, proved),
        cmocka_unit_test_setup(ready_worker_does_not_forgive_a_refused_fork, proved),
        cmocka_unit_test_setup(failures_of_one_moment_count_once, proved),
        cmocka_unit_test_setup(crash_after_ready_is_replaced_at_once, proved),
        cmocka_unit_test_setup(crashes_are_replaced_at_a_bounded_rate, proved),
        cmocka_unit_test_setup(rate_holds_only_crashes_back, proved),
        cmocka_unit_test_setup(burst_grows_with_the_pool, proved),
        cmocka_unit_test_setup(many_are_forked_in_turns, proved),
        cmocka_unit_test_setup(crash_storm_is_no_fork_bomb, proved),
        cmocka_unit_test_setup(scaling_down_drains, proved),
        cmocka_unit_test_setup(what_failed_and_is_not_wanted_is_forgotten, proved),
        cmocka_unit_test_setup(trial_that_is_on_its_way_is_not_forgotten, proved),
        cmocka_unit_test_setup(scaling_up_forks, proved),
        cmocka_unit_test_setup(stopping_pool_forks_nothing, proved),
        cmocka_unit_test_setup(random_lives_keep_the_rules, newborn),
    };
    return cmocka_run_group_tests_name("pool_policy", tests, NULL, NULL);
}
