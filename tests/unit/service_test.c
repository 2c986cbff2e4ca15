/* SPDX-License-Identifier: MIT
 *
 * service_test - what the pools of a service amount to, and when a lost one is replaced. The pools
 * are structures without a process.
 */
#include "supervisor/service.h"

#include "lib/channel.h"
#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#define NO_SPREAD 25u /* dice that leave a delay as it is */
#define BURST     5   /* pools that are replaced at once, and again per second: 1 */

static const struct config_service config = {
    .name = (char *)(uintptr_t) "echo", .restart_delay = 100, .restart_delay_max = 800};
static struct service *service;
static struct pool_process first, second;
static int channel[2]; /* the supervisor's end of `first`, and the pool's */

static int make(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    service = service_new("echo", &config, 0);
    first = second = (struct pool_process){.child = CHILD_NONE, .kill_at_ms = CLOCK_NEVER};
    first.channel.fd = second.channel.fd = -1;
    first.graceful_ms = second.graceful_ms = 30000;
    first.kill_ms = second.kill_ms = 5000;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
    first.channel.fd = channel[0];
    return 0;
}

static int release(void **state)
{
    (void)state;
    service_free(service);
    close(channel[0]);
    close(channel[1]);
    return 0;
}

/* The next message the first pool was sent; CHANNEL_NONE where there is none. */
static enum channel_type told(uint32_t *value)
{
    struct channel_message message = {0};
    int passed;
    if (channel_receive(channel[1], &message, &passed) != 1)
        return CHANNEL_NONE;
    *value = message.value;
    return (enum channel_type)message.type;
}

static void state_follows_from_the_pools(void **state)
{
    static const struct {
        bool current, degraded, coming, was_ready, failed;
        enum service_state expected;
    } rows[] = {
        {false, false, false, false, false, SERVICE_STARTING},
        {false, false, true, false, false, SERVICE_STARTING},
        {true, false, false, true, false, SERVICE_RUNNING},
        {true, false, true, true, false, SERVICE_RUNNING},
        {true, true, false, true, false, SERVICE_DEGRADED},
        {true, true, true, true, false, SERVICE_DEGRADED},
        {false, false, false, true, false, SERVICE_DEGRADED},
        {false, false, true, true, false, SERVICE_DEGRADED},
        {false, false, false, false, true, SERVICE_FAILED},
        {false, false, true, false, true, SERVICE_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        first.degraded = rows[i].degraded;
        service->current = rows[i].current ? &first : NULL;
        service->coming = rows[i].coming ? &second : NULL;
        service->was_ready = rows[i].was_ready;
        service->failed = rows[i].failed;
        assert_int_equal(service_derive(service, false), rows[i].expected);
        assert_int_equal(service_derive(service, true), SERVICE_DRAINING);
    }
}

static void health_of_the_coming_pool_does_not_count(void **state)
{
    (void)state;
    service->was_ready = true;
    service->current = &first;
    service->coming = &second;
    second.degraded = true;
    assert_int_equal(service_derive(service, false), SERVICE_RUNNING);
}

static void update_keeps_the_state(void **state)
{
    (void)state;
    assert_int_equal(service->state, SERVICE_STARTING);
    service->current = &first;
    service_update(service, false);
    assert_int_equal(service->state, SERVICE_RUNNING);
    service_update(service, true);
    assert_int_equal(service->state, SERVICE_DRAINING);
}

static void every_state_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(service_state_names[SERVICE_STARTING], "starting");
    assert_string_equal(service_state_names[SERVICE_RUNNING], "running");
    assert_string_equal(service_state_names[SERVICE_DEGRADED], "degraded");
    assert_string_equal(service_state_names[SERVICE_DRAINING], "draining");
    assert_string_equal(service_state_names[SERVICE_FAILED], "failed");
}

static void new_service_waits_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(service->retry_ms, CLOCK_NEVER);
    assert_string_equal(service->name, "echo");
    assert_null(service->current);
    assert_null(service->coming);
}

static void pool_that_served_is_replaced_at_once(void **state)
{
    char text[96];
    (void)state;
    service->current = &first;
    assert_string_equal(service_lost_pool(service, &first, 1000, NO_SPREAD, text),
                        "replaced at once");
    assert_null(service->current);
    assert_int_equal(service->retry_ms, 1000);
    assert_int_equal(service->backoff.failures, 0);
}

static void pools_that_served_are_replaced_at_a_bounded_rate(void **state)
{
    char text[96];
    (void)state;
    for (int i = 0; i < BURST; i++) {
        service->current = &first;
        service_lost_pool(service, &first, 1000, NO_SPREAD, text);
        assert_int_equal(service->retry_ms, 1000);
    }
    service->current = &first;
    assert_string_equal(service_lost_pool(service, &first, 1000, NO_SPREAD, text),
                        "replaced as soon as the restart rate allows");
    assert_int_equal(service->retry_ms, 2000);
    service->current = &first;
    service_lost_pool(service, &first, 2000, NO_SPREAD, text);
    assert_int_equal(service->retry_ms, 2000);
}

static void lost_pool_whose_successor_starts_is_not_replaced_twice(void **state)
{
    char text[96];
    (void)state;
    service->current = &first;
    service->coming = &second;
    assert_string_equal(service_lost_pool(service, &first, 1000, NO_SPREAD, text),
                        "another one is starting already");
    assert_null(service->current);
    assert_ptr_equal(service->coming, &second);
    assert_int_equal(service->retry_ms, CLOCK_NEVER);
}

static void death_before_ready_holds_off_longer_each_time(void **state)
{
    static const int64_t delays[] = {100, 200, 400, 800, 800};
    char text[96], expected[96];
    (void)state;
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        service->coming = &second;
        snprintf(expected, sizeof expected, "died before it was ready: next try in %lld ms",
                 (long long)delays[i]);
        assert_string_equal(service_lost_pool(service, &second, 5000, NO_SPREAD, text), expected);
        assert_null(service->coming);
        assert_int_equal(service->retry_ms, 5000 + delays[i]);
    }
}

static void refused_start_holds_off_the_same_way(void **state)
{
    char text[96];
    (void)state;
    assert_string_equal(service_start_refused(service, 5000, NO_SPREAD, text),
                        "next try in 100 ms");
    assert_int_equal(service->retry_ms, 5100);
    assert_string_equal(service_start_refused(service, 5000, NO_SPREAD, text),
                        "next try in 200 ms");
}

static void failed_reload_is_not_tried_again(void **state)
{
    char text[96];
    (void)state;
    service->current = &first;
    service->coming = &second;
    service->reloading = true;
    assert_string_equal(service_lost_pool(service, &second, 1000, NO_SPREAD, text),
                        "none, the reload has failed");
    assert_null(service->coming);
    assert_ptr_equal(service->current, &first);
    assert_int_equal(service->retry_ms, CLOCK_NEVER);
    assert_int_equal(service->backoff.failures, 0);
}

static void pool_that_was_leaving_is_not_replaced(void **state)
{
    struct pool_process old = first;
    char text[96];
    (void)state;
    service->current = &first;
    assert_string_equal(service_lost_pool(service, &old, 1000, NO_SPREAD, text),
                        "none, it was leaving");
    assert_ptr_equal(service->current, &first);
    assert_int_equal(service->retry_ms, CLOCK_NEVER);
}

static void promoted_pool_takes_over(void **state)
{
    char text[96];
    uint32_t value;
    (void)state;
    service_start_refused(service, 0, NO_SPREAD, text);
    snprintf(service->trouble, sizeof service->trouble, "it did not start");
    service->current = &second;
    service->coming = &first;
    service->reloading = true;
    service_promote(service, 1000);
    assert_ptr_equal(service->current, &first);
    assert_null(service->coming);
    assert_false(service->reloading);
    assert_true(service->was_ready);
    assert_string_equal(service->trouble, "");
    assert_int_equal(service->retry_ms, CLOCK_NEVER);
    assert_int_equal(service->backoff.failures, 0);
    assert_int_equal(told(&value), CHANNEL_SERVE);
    assert_int_equal(told(&value), CHANNEL_NONE);
    assert_true(second.draining);
    assert_true(second.kill_at_ms >= 1000 + 30000 + 5000 && second.kill_at_ms < CLOCK_NEVER);
    assert_false(first.draining);
}

static void replaced_pool_is_told_to_drain(void **state)
{
    uint32_t value;
    (void)state;
    service->current = &first;
    service->coming = &second;
    service_promote(service, 1000);
    assert_int_equal(told(&value), CHANNEL_DRAIN);
    assert_int_equal(told(&value), CHANNEL_NONE);
}

static void scaled_service_stays_scaled(void **state)
{
    uint32_t value = 0;
    (void)state;
    service->coming = &first;
    service->workers = 17;
    service_promote(service, 1000);
    assert_int_equal(told(&value), CHANNEL_SET_WORKERS);
    assert_int_equal(value, 17);
    assert_int_equal(told(&value), CHANNEL_SERVE); /* with that many from the start */
}

static void pool_that_leaves_by_itself_is_replaced_at_once(void **state)
{
    (void)state;
    service->current = &first;
    service_leaving(service, &first, 1000);
    assert_null(service->current);
    assert_int_equal(service->retry_ms, 1000);
    assert_true(first.draining);
    assert_true(first.kill_at_ms >= 1000 + 30000 + 5000 && first.kill_at_ms < CLOCK_NEVER);
}

static void pool_that_leaves_by_itself_is_not_replaced_twice(void **state)
{
    char text[96];
    (void)state;
    service->current = &first;
    service->coming = &second;
    service_leaving(service, &first, 1000);
    assert_null(service->current);
    assert_ptr_equal(service->coming, &second);
    assert_int_equal(service->retry_ms, CLOCK_NEVER);
    assert_string_equal(service_lost_pool(service, &first, 2000, NO_SPREAD, text),
                        "none, it was leaving");
    assert_int_equal(service->retry_ms, CLOCK_NEVER);
}

static void coming_pool_that_leaves_is_waited_for(void **state)
{
    (void)state;
    service->current = &second;
    service->coming = &first;
    service_leaving(service, &first, 1000);
    assert_ptr_equal(service->current, &second);
    assert_ptr_equal(service->coming, &first); /* its end decides */
    assert_true(first.draining);
}

static void counters_of_lost_pools_are_kept(void **state)
{
    struct error error;
    const uint32_t slots = 2;
    (void)state;
    int fd = scoreboard_create(slots, &error);
    first.board = scoreboard_map(fd, slots, true);
    first.slots = slots;
    first.board->header.connections = 5;
    first.board->header.crashes = 3;
    first.board->header.restarts = 4;
    first.board->slots[1].worker.connections = 2;
    first.board->slots[1].worker.bytes_in = 10;
    first.board->slots[0].worker.bytes_out = 20;
    service_settle(service, &first);
    service_settle(service, &first);
    assert_int_equal(service->sums.connections, 14);
    assert_int_equal(service->sums.bytes_in, 20);
    assert_int_equal(service->sums.bytes_out, 40);
    assert_int_equal(service->sums.crashes, 6);
    assert_int_equal(service->sums.restarts, 8);
    scoreboard_unmap(first.board, slots);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(state_follows_from_the_pools, make, release),
        cmocka_unit_test_setup_teardown(health_of_the_coming_pool_does_not_count, make, release),
        cmocka_unit_test_setup_teardown(update_keeps_the_state, make, release),
        cmocka_unit_test_setup_teardown(every_state_has_a_name, make, release),
        cmocka_unit_test_setup_teardown(new_service_waits_for_nothing, make, release),
        cmocka_unit_test_setup_teardown(pool_that_served_is_replaced_at_once, make, release),
        cmocka_unit_test_setup_teardown(pools_that_served_are_replaced_at_a_bounded_rate, make,
                                        release),
        cmocka_unit_test_setup_teardown(lost_pool_whose_successor_starts_is_not_replaced_twice,
                                        make, release),
        cmocka_unit_test_setup_teardown(death_before_ready_holds_off_longer_each_time, make,
                                        release),
        cmocka_unit_test_setup_teardown(refused_start_holds_off_the_same_way, make, release),
        cmocka_unit_test_setup_teardown(failed_reload_is_not_tried_again, make, release),
        cmocka_unit_test_setup_teardown(pool_that_was_leaving_is_not_replaced, make, release),
        cmocka_unit_test_setup_teardown(promoted_pool_takes_over, make, release),
        cmocka_unit_test_setup_teardown(replaced_pool_is_told_to_drain, make, release),
        cmocka_unit_test_setup_teardown(scaled_service_stays_scaled, make, release),
        cmocka_unit_test_setup_teardown(pool_that_leaves_by_itself_is_replaced_at_once, make,
                                        release),
        cmocka_unit_test_setup_teardown(pool_that_leaves_by_itself_is_not_replaced_twice, make,
                                        release),
        cmocka_unit_test_setup_teardown(coming_pool_that_leaves_is_waited_for, make, release),
        cmocka_unit_test_setup_teardown(counters_of_lost_pools_are_kept, make, release),
    };
    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
