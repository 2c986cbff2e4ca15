/* SPDX-License-Identifier: MIT
 *
 * handover_test - programs written for systemd, Server::Starter and einhorn find what those would
 * have told them, and only what they were chosen for.
 */
#include "server/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <unistd.h>

#define ALL (HANDOVER_SYSTEMD | HANDOVER_SERVER_STARTER | HANDOVER_EINHORN)

static struct address addresses[CHANNEL_LISTENERS_MAX];
static struct handover plan;
static char *out[HANDOVER_VARIABLES + 1];
static int count;

static int forget(void **state)
{
    (void)state;
    for (int i = 0; i < count; i++)
        free(out[i]);
    count = 0;
    return 0;
}

static int make(void **state)
{
    (void)state;
    plan = (struct handover){.protocols = ALL,
                             .service = "web",
                             .addresses = addresses,
                             .first = 3,
                             .generation = 12,
                             .slot = 5,
                             .pool_pid = 100,
                             .pid = 4711};
    return 0;
}

static void listen_on(const char *text)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    struct error error;
    assert_int_equal(address_parse(text, found, &error), 1);
    addresses[plan.count++] = found[0];
}

static void build(void)
{
    forget(NULL);
    memset(out, 0xAA, sizeof out);
    count = handover_environment(&plan, out);
    assert_in_range(count, 0, HANDOVER_VARIABLES);
    assert_null(out[count]);
}

/* The value of NAME, "none" where it is not set; it may be set once. */
static const char *value(const char *name)
{
    const char *found = "none";
    size_t length = strlen(name);
    for (int i = 0; i < count; i++)
        if (strncmp(out[i], name, length) == 0 && out[i][length] == '=') {
            assert_string_equal(found, "none");
            found = out[i] + length + 1;
        }
    return found;
}

static void systemd_way(void **state)
{
    (void)state;
    listen_on("tcp://127.0.0.1:80");
    listen_on("unix:///run/web.sock");
    plan.protocols = HANDOVER_SYSTEMD;
    build();
    assert_int_equal(count, 3);
    assert_string_equal(value("LISTEN_FDS"), "2");
    assert_string_equal(value("LISTEN_PID"), "4711");
    assert_string_equal(value("LISTEN_FDNAMES"), "web:web");
}

static void server_starter_way(void **state)
{
    (void)state;
    listen_on("tcp://127.0.0.1:80");
    listen_on("tcp://0.0.0.0:81");
    listen_on("tcp://[::1]:82");
    listen_on("tcp://[::]:83");
    listen_on("tcp://*:84");
    listen_on("unix:///run/web.sock");
    plan.protocols = HANDOVER_SERVER_STARTER;
    build();
    assert_int_equal(count, 2);
    assert_string_equal(value("SERVER_STARTER_PORT"),
                        "127.0.0.1:80=3;0.0.0.0:81=4;[::1]:82=5;[::]:83=6;84=7;/run/web.sock=8");
    assert_string_equal(value("SERVER_STARTER_GENERATION"), "12");
}

static void server_starter_is_not_told_what_it_cannot_read(void **state)
{
    (void)state;
    listen_on("unix:@abstract");
    listen_on("unix:///run/a=b");
    plan.protocols = HANDOVER_SERVER_STARTER;
    build();
    assert_string_equal(value("SERVER_STARTER_PORT"), "");
    listen_on("tcp://127.0.0.1:80");
    listen_on("unix:///run/a;b");
    listen_on("unix:///run/ab");
    build();
    assert_string_equal(value("SERVER_STARTER_PORT"), "127.0.0.1:80=5;/run/ab=7");
}

static void einhorn_way(void **state)
{
    (void)state;
    listen_on("tcp://127.0.0.1:80");
    listen_on("tcp://*:81");
    listen_on("unix:@name");
    plan.protocols = HANDOVER_EINHORN;
    plan.einhorn = "/proc/100/fd/9";
    build();
    assert_int_equal(count, 11);
    assert_string_equal(value("EINHORN_FD_COUNT"), "3");
    assert_string_equal(value("EINHORN_FD_0"), "3");
    assert_string_equal(value("EINHORN_FD_1"), "4");
    assert_string_equal(value("EINHORN_FD_2"), "5");
    assert_string_equal(value("EINHORN_FD_FAMILY_0"), "AF_INET");
    assert_string_equal(value("EINHORN_FD_FAMILY_1"), "AF_INET6");
    assert_string_equal(value("EINHORN_FD_FAMILY_2"), "AF_UNIX");
    assert_string_equal(value("EINHORN_FDS"), "3 4 5");
    assert_string_equal(value("EINHORN_CHILD_INDEX"), "5");
    assert_string_equal(value("EINHORN_MASTER_PID"), "100");
    assert_string_equal(value("EINHORN_SOCK_PATH"), "/proc/100/fd/9");
}

static void socket_of_einhorn_may_be_missing(void **state)
{
    (void)state;
    listen_on("tcp://127.0.0.1:80");
    build();
    assert_string_equal(value("EINHORN_SOCK_PATH"), "none");
    plan.protocols = HANDOVER_SYSTEMD;
    plan.einhorn = "/proc/100/fd/9";
    build();
    assert_string_equal(value("EINHORN_SOCK_PATH"), "none");
}

static void notification_is_for_all_protocols(void **state)
{
    (void)state;
    build();
    assert_string_equal(value("NOTIFY_SOCKET"), "none");
    plan.protocols = 0;
    plan.notify = "@preforkd/0123";
    build();
    assert_int_equal(count, 1);
    assert_string_equal(value("NOTIFY_SOCKET"), "@preforkd/0123");
}

static void watchdog_needs_the_notification_socket(void **state)
{
    (void)state;
    plan.protocols = 0;
    plan.watchdog_ms = 86400000LL * 365;
    build();
    assert_int_equal(count, 0);
    plan.notify = "@preforkd/0123";
    build();
    assert_string_equal(value("WATCHDOG_USEC"), "31536000000000");
    assert_string_equal(value("WATCHDOG_PID"), "4711");
}

static void there_is_room_for_all(void **state)
{
    char text[64];
    (void)state;
    for (int i = 0; i < CHANNEL_LISTENERS_MAX; i++) {
        snprintf(text, sizeof text, "tcp://[2001:db8:1111:2222:3333:4444:5555:%x]:65535",
                 0x6000 + i);
        listen_on(text);
    }
    plan.notify = plan.einhorn = "x";
    plan.watchdog_ms = 1;
    build();
    snprintf(text, sizeof text, "[2001:db8:1111:2222:3333:4444:5555:%x]:65535=%d", 0x601F, 34);
    assert_string_equal(strrchr(value("SERVER_STARTER_PORT"), ';') + 1, text);
    assert_string_equal(value("EINHORN_FD_31"), "34");
    assert_string_equal(value("WATCHDOG_PID"), "4711");
}

static int bound(const char *text)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    struct error error;
    int off = 0;
    assert_int_equal(address_parse(text, found, &error), 1);
    int fd = socket(found[0].socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (found[0].dual_stack)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    assert_int_equal(bind(fd, &found[0].socket.any, found[0].length), 0);
    return fd;
}

static void real_address_is_found(void **state)
{
    struct address address;
    char text[ADDRESS_TEXT_MAX];
    (void)state;
    int fd = bound("tcp://127.0.0.1:0");
    assert_int_equal(handover_address(fd, &address), 0);
    assert_memory_equal(address_print(&address, text), "tcp://127.0.0.1:", 16);
    assert_false(address_is_ephemeral(&address));
    close(fd);
    fd = bound("unix:@preforkd-handover-test");
    assert_int_equal(handover_address(fd, &address), 0);
    assert_string_equal(address_print(&address, text), "unix:@preforkd-handover-test");
    close(fd);
    assert_int_equal(handover_address(-1, &address), -1);
}

static void real_address_of_every_address_is_a_star(void **state)
{
    struct address address;
    char text[ADDRESS_TEXT_MAX];
    (void)state;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        skip();
    close(fd);
    fd = bound("tcp://*:0");
    assert_int_equal(handover_address(fd, &address), 0);
    assert_memory_equal(address_print(&address, text), "tcp://*:", 8);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(systemd_way, make, forget),
        cmocka_unit_test_setup_teardown(server_starter_way, make, forget),
        cmocka_unit_test_setup_teardown(server_starter_is_not_told_what_it_cannot_read, make,
                                        forget),
        cmocka_unit_test_setup_teardown(einhorn_way, make, forget),
        cmocka_unit_test_setup_teardown(socket_of_einhorn_may_be_missing, make, forget),
        cmocka_unit_test_setup_teardown(notification_is_for_all_protocols, make, forget),
        cmocka_unit_test_setup_teardown(watchdog_needs_the_notification_socket, make, forget),
        cmocka_unit_test_setup_teardown(there_is_room_for_all, make, forget),
        cmocka_unit_test(real_address_is_found),
        cmocka_unit_test(real_address_of_every_address_is_a_star),
    };
    return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
