/* SPDX-License-Identifier: MIT
 *
 * service_manager_test - when a service manager is told what, with a socket that is the manager's
 * and a clock that is ours.
 */
#include "supervisor/service_manager.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char where[64], heard[4096];
static int listener = -1;
static struct supervisor supervisor;
static struct service service = {.name = (char[]){"echo"}};
static struct service *services[] = {&service};
static struct core_pool pool = {.deadline_ms = CLOCK_NEVER};

static void listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
}

static void adopt(const char *path)
{
    setenv("NOTIFY_SOCKET", path, 1);
    service_manager_adopt();
}

static int make(void **state)
{
    (void)state;
    snprintf(where, sizeof where, "@preforkd-test-%d", (int)getpid());
    listen_at(where);
    service.state = SERVICE_STARTING;
    service.trouble[0] = '\0';
    pool.deadline_ms = CLOCK_NEVER;
    supervisor = (struct supervisor){.services = services, .service_count = 1, .core.pools = &pool};
    return 0;
}

static int release(void **state)
{
    (void)state;
    close(listener);
    unsetenv("NOTIFY_SOCKET");
    service_manager_adopt();
    return 0;
}

/* The next message; "-" where there is none. */
static const char *next(void)
{
    ssize_t got = recv(listener, heard, sizeof heard - 1, 0);
    heard[got < 0 ? 0 : got] = '\0';
    return got < 0 ? "-" : heard;
}

static int64_t check(int64_t now_ms)
{
    return service_manager_check(&supervisor, now_ms);
}

static void run(void)
{
    service.state = SERVICE_RUNNING;
    supervisor.core.phase = CORE_RUNNING;
    check(0);
    assert_ptr_equal(strstr(next(), "READY=1\n"), heard);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    service_manager_adopt();
    assert_int_equal(check(0), CLOCK_NEVER);
    service_manager_reloading(&supervisor);
    service_manager_failed("x");
    assert_string_equal(next(), "-");
}

static void nothing_of_it_stays_in_the_environment(void **state)
{
    (void)state;
    setenv("WATCHDOG_USEC", "1", 1);
    setenv("WATCHDOG_PID", "1", 1);
    adopt(where);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
}

static void start_is_told_once(void **state)
{
    char wanted[128];
    (void)state;
    adopt(where);
    supervisor.pool_count = supervisor.core.pool_count = 1;
    pool.deadline_ms = 10000;
    assert_int_equal(check(1000), CLOCK_NEVER);
    assert_string_equal(next(), "EXTEND_TIMEOUT_USEC=14000000\n"
                                "STATUS=0 of 1 service running; starting: echo\n");
    check(1001);
    assert_string_equal(next(), "-");
    supervisor.core.phase = CORE_RUNNING;
    service.state = SERVICE_RUNNING;
    check(1002);
    snprintf(wanted, sizeof wanted, "READY=1\nMAINPID=%d\nSTATUS=1 service running\n",
             (int)getpid());
    assert_string_equal(next(), wanted);
    assert_int_equal(check(1003), CLOCK_NEVER);
    assert_string_equal(next(), "-");
}

static void path_is_an_address_too(void **state)
{
    char path[64];
    (void)state;
    close(listener);
    snprintf(path, sizeof path, "/tmp/preforkd-test-%d", (int)getpid());
    unlink(path);
    listen_at(path);
    adopt(path);
    run();
    unlink(path);
}

static void odd_address_is_no_manager(void **state)
{
    static const char *const odd[] = {"", "@", "/", "vsock:2:1234", "relative"};
    char longer[200];
    (void)state;
    memset(longer, '/', sizeof longer);
    longer[108] = '\0';
    for (size_t i = 0; i <= sizeof odd / sizeof *odd; i++) {
        adopt(i < sizeof odd / sizeof *odd ? odd[i] : longer);
        assert_int_equal(check(0), CLOCK_NEVER);
        service_manager_reloading(&supervisor);
    }
}

static void degraded_service_is_told_and_so_is_its_cure(void **state)
{
    (void)state;
    adopt(where);
    run();
    service.state = SERVICE_DEGRADED;
    snprintf(service.trouble, sizeof service.trouble, "no luck");
    check(1);
    assert_string_equal(next(), "STATUS=0 of 1 service running; degraded: echo (no luck)\n");
    service.state = SERVICE_RUNNING;
    check(2);
    assert_string_equal(next(), "STATUS=1 service running\n");
}

static void reload_begins_and_ends(void **state)
{
    (void)state;
    adopt(where);
    run();
    int64_t before = clock_now_us();
    service_manager_reloading(&supervisor);
    assert_ptr_equal(strstr(next(), "RELOADING=1\nMONOTONIC_USEC="), heard);
    assert_in_range(strtoll(strrchr(heard, 'C') + 2, NULL, 10), before, clock_now_us());
    assert_non_null(strstr(heard, "\nSTATUS=reloading\n"));
    supervisor.core.change = CORE_CHANGE_STARTING;
    supervisor.pool_count = supervisor.core.pool_count = 1;
    pool.deadline_ms = 100000;
    check(0);
    assert_string_equal(next(), "EXTEND_TIMEOUT_USEC=105000000\n");
    check(0);
    assert_string_equal(next(), "-");
    supervisor.core.change = CORE_CHANGE_NONE;
    service_manager_reloaded(NULL);
    check(0);
    assert_ptr_equal(strstr(next(), "READY=1\n"), heard);
    assert_non_null(strstr(heard, "STATUS=1 service running\n"));
}

static void refused_reload_is_ready_again_with_the_reason(void **state)
{
    (void)state;
    adopt(where);
    run();
    for (int i = 0; i < 2; i++) {
        service_manager_reloading(&supervisor);
        service_manager_reloaded("x.conf:1: bad\nx.conf:2: worse");
        check(0);
        assert_ptr_equal(strstr(next(), "RELOADING=1\n"), heard);
        assert_ptr_equal(strstr(next(), "READY=1\n"), heard);
        assert_non_null(strstr(heard, "STATUS=reload failed, nothing changed: x.conf:1: bad"));
    }
    service_manager_reloading(&supervisor);
    service_manager_reloaded(NULL);
    check(0);
    next();
    assert_non_null(strstr(next(), "STATUS=1 service running\n"));
}

static void stop_is_told_with_its_time(void **state)
{
    (void)state;
    adopt(where);
    run();
    supervisor.core.phase = CORE_STOPPING;
    supervisor.pool_count = supervisor.core.pool_count = 1;
    pool.deadline_ms = 60000;
    check(10000);
    assert_string_equal(next(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=55000000\n"
                                "STATUS=stopping, 1 pool left\n");
    supervisor.pool_count = supervisor.core.pool_count = 0;
    check(10001);
    assert_string_equal(next(), "STATUS=stopping, 0 pools left\n");
}

static void failed_start_is_told_with_its_reason(void **state)
{
    (void)state;
    adopt(where);
    service_manager_failed("one\ntwo");
    assert_string_equal(next(), "STATUS=one (and 1 more)\n");
    supervisor.core.phase = CORE_STOPPING;
    error_set(&supervisor.outcome, EXIT_CODE_UNAVAILABLE, "service echo: no");
    check(0);
    assert_string_equal(next(), "STOPPING=1\nSTATUS=service echo: no\n");
}

static void watchdog_is_fed_at_half_its_time(void **state)
{
    (void)state;
    setenv("WATCHDOG_USEC", "3000000", 1);
    adopt(where);
    run();
    assert_string_equal(next(), "WATCHDOG=1\n"); /* at once */
    assert_int_equal(check(1499), 1500);
    assert_string_equal(next(), "-");
    assert_int_equal(check(1500), 3000);
    assert_string_equal(next(), "WATCHDOG=1\n");
    assert_int_equal(check(9000), 10500); /* late: no feed is made up for */
    assert_string_equal(next(), "WATCHDOG=1\n");
    assert_string_equal(next(), "-");
}

static void watchdog_of_others_is_not_fed(void **state)
{
    static const char *const cases[][2] = {{"3000000", "1"}, {"3000000", "x"}, {"0", NULL},
                                           {"x", NULL},      {"-1", NULL},     {"", NULL}};
    char own[32];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("WATCHDOG_USEC", cases[i][0], 1);
        if (cases[i][1])
            setenv("WATCHDOG_PID", cases[i][1], 1);
        adopt(where);
        supervisor.core.phase = CORE_STARTING;
        assert_int_equal(check(0), CLOCK_NEVER);
        assert_non_null(strstr(next(), "STATUS="));
        assert_string_equal(next(), "-");
    }
    snprintf(own, sizeof own, "%d", (int)getpid());
    setenv("WATCHDOG_USEC", "1", 1);
    setenv("WATCHDOG_PID", own, 1);
    adopt(where);
    assert_int_equal(check(0), 1);
}

static void manager_that_does_not_read_is_told_later(void **state)
{
    int heard_of = 0;
    char last[16] = "";
    (void)state;
    setenv("WATCHDOG_USEC", "200000", 1);
    adopt(where);
    run();
    for (int i = 0; i < 2000; i++) { /* its queue is full long before */
        service_manager_reloading(&supervisor);
        check(i * 1000);
    }
    supervisor.core.phase = CORE_STOPPING;
    assert_true(check(2000000) <= 2000100);
    for (int i = 0; i < 2000; i++) {
        if (strcmp(next(), "-") == 0)
            check(2000100 + i);
        else if (strncmp(heard, "WATCHDOG", 8) != 0) {
            snprintf(last, sizeof last, "%.10s", heard);
            heard_of++;
        }
    }
    assert_string_equal(last, "STOPPING=1");
    assert_true(heard_of < 2000);
}

static void status_that_flaps_is_bounded(void **state)
{
    int sent = 0;
    (void)state;
    adopt(where);
    run();
    for (int i = 0; i < 1000; i++) {
        service.state = i % 2 ? SERVICE_RUNNING : SERVICE_DEGRADED;
        int64_t due = check(1);
        assert_true(due > 1);
        sent += strcmp(next(), "-") != 0;
    }
    assert_in_range(sent, 5, 20);
    service.state = SERVICE_DEGRADED;
    check(1000000);
    assert_non_null(strstr(next(), "degraded: echo"));
}

static void manager_that_is_gone_is_no_harm(void **state)
{
    (void)state;
    adopt("/nowhere/at/all");
    supervisor.core.phase = CORE_RUNNING;
    assert_int_equal(check(0), CLOCK_NEVER);
    close(listener);
    adopt(where);
    assert_int_equal(check(0), CLOCK_NEVER);
    listener = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)
    const struct CMUnitTest tests[] = {
        TEST(without_a_manager_nothing_happens),
        TEST(nothing_of_it_stays_in_the_environment),
        TEST(start_is_told_once),
        TEST(path_is_an_address_too),
        TEST(odd_address_is_no_manager),
        TEST(degraded_service_is_told_and_so_is_its_cure),
        TEST(reload_begins_and_ends),
        TEST(refused_reload_is_ready_again_with_the_reason),
        TEST(stop_is_told_with_its_time),
        TEST(failed_start_is_told_with_its_reason),
        TEST(watchdog_is_fed_at_half_its_time),
        TEST(watchdog_of_others_is_not_fed),
        TEST(manager_that_does_not_read_is_told_later),
        TEST(status_that_flaps_is_bounded),
        TEST(manager_that_is_gone_is_no_harm),
    };
    return cmocka_run_group_tests_name("service_manager", tests, NULL, NULL);
}
