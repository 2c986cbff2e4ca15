/* SPDX-License-Identifier: MIT
 *
 * service_test - what the pools of a service amount to, and what is kept of those that are gone.
 * The pools are structures without a process.
 */
#include "supervisor/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <unistd.h>

static const struct config_service config = {.name = (char *)(uintptr_t) "echo",
                                             .start_timeout = 1,
                                             .graceful_timeout = 2,
                                             .kill_timeout = 3,
                                             .restart_delay = 4,
                                             .restart_delay_max = 5};
static struct service *service;

static int make(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    service = service_new(7, &config);
    return 0;
}

static int release(void **state)
{
    (void)state;
    service_free(service);
    return 0;
}

static void state_follows_from_the_pool_that_serves(void **state)
{
    static const struct {
        bool current, degraded, was_ready, failed;
        enum service_state expected;
    } rows[] = {
        {false, false, false, false, SERVICE_STARTING},
        {true, false, true, false, SERVICE_RUNNING},
        {true, true, true, false, SERVICE_DEGRADED},
        {false, false, true, false, SERVICE_DEGRADED},
        {false, false, false, true, SERVICE_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct core_service core = {.was_ready = rows[i].was_ready};
        const struct pool_process pool = {.degraded = rows[i].degraded};
        const struct pool_process *current = rows[i].current ? &pool : NULL;
        service->failed = rows[i].failed;
        assert_int_equal(service_derive(service, &core, current, false), rows[i].expected);
        assert_int_equal(service_derive(service, &core, current, true), SERVICE_DRAINING);
    }
}

static void pool_that_is_to_come_does_not_count(void **state)
{
    const struct core_service core = {.coming = 2};
    (void)state;
    assert_int_equal(service_derive(service, &core, NULL, false), SERVICE_STARTING);
}

static void update_keeps_the_state(void **state)
{
    (void)state;
    assert_int_equal(service->state, SERVICE_STARTING);
    service_update(service, SERVICE_RUNNING);
    assert_int_equal(service->state, SERVICE_RUNNING);
    service_update(service, SERVICE_DRAINING);
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

static void new_service_is_what_its_configuration_says(void **state)
{
    (void)state;
    assert_string_equal(service->name, "echo");
    assert_int_equal(service->number, 7);
    assert_ptr_equal(service->config, &config);
}

static void core_decides_by_its_configuration(void **state)
{
    struct config_service on = config;
    struct core_settings settings = service_settings(&config);
    (void)state;
    assert_int_equal(settings.start_timeout, 1);
    assert_int_equal(settings.graceful_timeout, 2);
    assert_int_equal(settings.kill_timeout, 3);
    assert_int_equal(settings.restart_delay, 4);
    assert_int_equal(settings.restart_delay_max, 5);
    on.fresh_after_crash = true;
    assert_false(settings.fresh_after_crash);
    assert_true(service_settings(&on).fresh_after_crash);
    on.drain = CONFIG_DRAIN_BACKLOG;
    assert_true(service_settings(&on).drain_backlog);
    on.drain = CONFIG_DRAIN_OFF;
    assert_false(service_settings(&on).drain_backlog);
}

static void counters_of_lost_pools_are_kept(void **state)
{
    struct error error;
    struct pool_process pool = {.slots = 2};
    (void)state;
    int fd = scoreboard_create(pool.slots, &error);
    pool.board = scoreboard_map(fd, pool.slots, true);
    pool.board->header.connections = 5;
    pool.board->header.crashes = 3;
    pool.board->header.restarts = 4;
    pool.board->slots[1].worker.connections = 2;
    pool.board->slots[1].worker.bytes_in = 10;
    pool.board->slots[0].worker.bytes_out = 20;
    service_settle(service, &pool);
    service_settle(service, &pool);
    assert_int_equal(service->sums.connections, 14);
    assert_int_equal(service->sums.bytes_in, 20);
    assert_int_equal(service->sums.bytes_out, 40);
    assert_int_equal(service->sums.crashes, 6);
    assert_int_equal(service->sums.restarts, 8);
    scoreboard_unmap(pool.board, pool.slots);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(state_follows_from_the_pool_that_serves, make, release),
        cmocka_unit_test_setup_teardown(pool_that_is_to_come_does_not_count, make, release),
        cmocka_unit_test_setup_teardown(update_keeps_the_state, make, release),
        cmocka_unit_test_setup_teardown(every_state_has_a_name, make, release),
        cmocka_unit_test_setup_teardown(new_service_is_what_its_configuration_says, make, release),
        cmocka_unit_test_setup_teardown(core_decides_by_its_configuration, make, release),
        cmocka_unit_test_setup_teardown(counters_of_lost_pools_are_kept, make, release),
    };
    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
