/* SPDX-License-Identifier: MIT
 *
 * einhorn_test - whoever connects and says so is acknowledged, under the pid the kernel knows;
 * clients that say something else, nothing, or more than that do no harm.
 */
#include "supervisor/pool/einhorn.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ACK "{\"command\":\"worker:ack\"}\n"

static struct loop loop;
static struct einhorn einhorn;
static int calls;
static pid_t said_pid;
static int clients[EINHORN_CLIENTS_MAX + 1];

static void on_acknowledged(void *owner, pid_t pid)
{
    assert_ptr_equal(owner, &calls);
    calls++;
    said_pid = pid;
}

static int make(void **state)
{
    (void)state;
    calls = 0;
    memset(clients, -1, sizeof clients);
    return loop_init(&loop) < 0 ? -1 : einhorn_init(&einhorn, &loop, on_acknowledged, &calls);
}

static int release(void **state)
{
    (void)state;
    einhorn_release(&einhorn);
    loop_release(&loop);
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++)
        if (clients[i] >= 0)
            close(clients[i]);
    return 0;
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", einhorn.path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void turn(void)
{
    loop_wait(&loop, clock_now_ms());
}

static bool ended(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

/* What a client says in one go, and then leaves, counts this often. */
static int acknowledged(const char *text)
{
    int before = calls;
    clients[0] = dial();
    say(clients[0], text);
    turn();
    close(clients[0]);
    clients[0] = -1;
    turn();
    assert_int_equal(einhorn.count, 0);
    return calls - before;
}

static void line_is_acknowledged(void **state)
{
    char text[64];
    (void)state;
    assert_int_equal(acknowledged(ACK), 1);
    assert_int_equal(said_pid, getpid());
    snprintf(text, sizeof text, "{\"command\":\"worker:ack\",\"pid\":%d}\n", (int)getpid());
    assert_int_equal(acknowledged(text), 1);
    snprintf(text, sizeof text, "---%%0Acommand: worker:ack%%0Apid: %d%%0A\n", (int)getpid());
    assert_int_equal(acknowledged(text), 1);
    assert_int_equal(said_pid, getpid());
}

static void end_of_file_ends_the_line(void **state)
{
    (void)state;
    assert_int_equal(acknowledged("command: worker:ack"), 1);
    assert_int_equal(acknowledged("command: worker:"), 0);
    clients[0] = dial();
    close(clients[0]);
    clients[0] = -1;
    turn();
    assert_int_equal(einhorn.count, 0);
}

static void pid_of_another_is_refused(void **state)
{
    char text[64];
    (void)state;
    snprintf(text, sizeof text, "{\"command\":\"worker:ack\",\"pid\":%d}\n", (int)getppid());
    assert_int_equal(acknowledged(text), 0);
}

static void something_else_is_refused(void **state)
{
    (void)state;
    assert_int_equal(acknowledged("\n" ACK), 0); /* the first line counts */
    assert_int_equal(acknowledged("GET / HTTP/1.1\r\n\r\n"), 0);
}

static void line_may_come_in_pieces(void **state)
{
    (void)state;
    clients[0] = dial();
    for (const char *at = ACK; *at; at++) {
        assert_int_equal(calls, 0);
        say(clients[0], (char[]){*at, '\0'});
        turn();
    }
    assert_int_equal(calls, 1);
}

/* Go's client ends with a line of its own, netcat waits for our end. */
static void client_may_say_more_and_sees_our_end(void **state)
{
    (void)state;
    clients[0] = dial();
    say(clients[0], ACK);
    turn();
    assert_int_equal(calls, 1);
    assert_true(ended(clients[0]));
    say(clients[0], ACK);
    turn();
    say(clients[0], "\n");
    turn();
    assert_int_equal(calls, 1);
    assert_int_equal(einhorn.count, 1);
    close(clients[0]);
    clients[0] = -1;
    turn();
    assert_int_equal(einhorn.count, 0);
}

static void line_is_bounded(void **state)
{
    static char text[4097];
    (void)state;
    memset(text, ' ', sizeof text - 1);
    memcpy(text, ACK, sizeof ACK - 2);
    clients[0] = dial();
    say(clients[0], text);
    turn();
    assert_int_equal(calls, 0);
    say(clients[0], "\n");
    turn();
    assert_int_equal(calls, 1);
    clients[1] = dial();
    say(clients[1], text);
    say(clients[1], "x");
    turn();
    assert_true(ended(clients[1]));
    assert_int_equal(calls, 1);
}

static void silent_client_is_sent_away(void **state)
{
    (void)state;
    assert_true(einhorn_check(&einhorn, clock_now_ms()) == CLOCK_NEVER);
    clients[0] = dial();
    turn();
    int64_t due = einhorn_check(&einhorn, clock_now_ms());
    assert_in_range(due, clock_now_ms(), clock_now_ms() + EINHORN_CLIENT_MS);
    assert_true(einhorn_check(&einhorn, due - 1) == due);
    assert_false(ended(clients[0]));
    assert_true(einhorn_check(&einhorn, due) == CLOCK_NEVER);
    assert_true(ended(clients[0]));
}

static void heard_client_does_not_stay_for_ever(void **state)
{
    (void)state;
    clients[0] = dial();
    say(clients[0], ACK);
    turn();
    assert_int_equal(einhorn.count, 1);
    einhorn_check(&einhorn, clock_now_ms() + EINHORN_CLIENT_MS);
    assert_int_equal(einhorn.count, 0);
}

static void fill(const char *text)
{
    for (int i = 0; i < EINHORN_CLIENTS_MAX; i++) {
        clients[i] = dial();
        say(clients[i], text);
        turn();
    }
    assert_int_equal(einhorn.count, EINHORN_CLIENTS_MAX);
}

static void one_too_many_waits_for_a_place(void **state)
{
    (void)state;
    fill("{");
    clients[EINHORN_CLIENTS_MAX] = dial();
    say(clients[EINHORN_CLIENTS_MAX], ACK);
    turn();
    turn();
    assert_int_equal(calls, 0);
    assert_int_equal(einhorn.accept_at_ms, CLOCK_NEVER); /* and does not keep the loop awake */
    for (int i = 0; i < EINHORN_CLIENTS_MAX; i++)
        assert_false(ended(clients[i]));
    close(clients[7]);
    clients[7] = -1;
    turn();
    turn();
    assert_int_equal(calls, 1);
}

static void silent_ones_make_room_in_time(void **state)
{
    (void)state;
    fill("{");
    clients[EINHORN_CLIENTS_MAX] = dial();
    say(clients[EINHORN_CLIENTS_MAX], ACK);
    turn();
    einhorn_check(&einhorn, clock_now_ms() + EINHORN_CLIENT_MS);
    turn();
    assert_int_equal(calls, 1);
}

static void heard_ones_make_room_at_once(void **state)
{
    (void)state;
    fill(ACK);
    assert_int_equal(calls, EINHORN_CLIENTS_MAX);
    clients[EINHORN_CLIENTS_MAX] = dial();
    say(clients[EINHORN_CLIENTS_MAX], ACK);
    turn();
    assert_int_equal(calls, EINHORN_CLIENTS_MAX + 1);
}

static void lack_of_descriptors_passes(void **state)
{
    struct rlimit before, now;
    (void)state;
    clients[0] = dial();
    say(clients[0], ACK);
    getrlimit(RLIMIT_NOFILE, &before);
    now = before;
    now.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    turn();
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(calls, 0);
    int64_t due = einhorn_check(&einhorn, clock_now_ms());
    assert_in_range(due, clock_now_ms(), clock_now_ms() + EINHORN_PAUSE_MS);
    turn(); /* not asked again before */
    assert_int_equal(calls, 0);
    assert_true(einhorn_check(&einhorn, due) == CLOCK_NEVER);
    turn();
    assert_int_equal(calls, 1);
}

static void refused_start_leaves_nothing(void **state)
{
    struct einhorn other;
    struct loop dead = {.epoll_fd = -1};
    (void)state;
    int lowest = dup(0);
    close(lowest);
    assert_int_equal(einhorn_init(&other, &dead, on_acknowledged, NULL), -1);
    assert_int_equal(errno, EBADF);
    einhorn_release(&other);
    assert_int_equal(dup(0), lowest);
    close(lowest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_is_acknowledged, make, release),
        cmocka_unit_test_setup_teardown(end_of_file_ends_the_line, make, release),
        cmocka_unit_test_setup_teardown(pid_of_another_is_refused, make, release),
        cmocka_unit_test_setup_teardown(something_else_is_refused, make, release),
        cmocka_unit_test_setup_teardown(line_may_come_in_pieces, make, release),
        cmocka_unit_test_setup_teardown(client_may_say_more_and_sees_our_end, make, release),
        cmocka_unit_test_setup_teardown(line_is_bounded, make, release),
        cmocka_unit_test_setup_teardown(silent_client_is_sent_away, make, release),
        cmocka_unit_test_setup_teardown(heard_client_does_not_stay_for_ever, make, release),
        cmocka_unit_test_setup_teardown(one_too_many_waits_for_a_place, make, release),
        cmocka_unit_test_setup_teardown(silent_ones_make_room_in_time, make, release),
        cmocka_unit_test_setup_teardown(heard_ones_make_room_at_once, make, release),
        cmocka_unit_test_setup_teardown(lack_of_descriptors_passes, make, release),
        cmocka_unit_test(refused_start_leaves_nothing),
    };
    return cmocka_run_group_tests_name("einhorn", tests, NULL, NULL);
}
