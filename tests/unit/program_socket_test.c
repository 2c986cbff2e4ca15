/* SPDX-License-Identifier: MIT
 *
 * program_socket_test - the pool learns when bytes last moved on the socket that a program holds,
 * and keeps nothing of it.
 */
#include "supervisor/pool/program_socket.h"

#include "lib/clock.h"
#include "lib/fds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000 /* a machine may be slow; only a failure takes that long */
#define QUIET_MS    200

static struct child child;
static int client, served;

static int make(void **state)
{
    (void)state;
    child = CHILD_NONE;
    client = served = -1;
    return 0;
}

static int release(void **state)
{
    (void)state;
    if (child.pidfd >= 0)
        child_discard(&child);
    fds_close(&client);
    fds_close(&served);
    return 0;
}

static void connect_tcp(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t length = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &length), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
    served = accept(listener, NULL, NULL);
    close(listener);
    assert_true(served >= 0);
}

/* A program with these as 0 and 1 (-1: closed), which repeats what it reads. */
static void start(int input, int output)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60); /* it does not outlive a test that crashes */
        input >= 0 ? dup2(input, STDIN_FILENO) : close(STDIN_FILENO);
        output >= 0 ? dup2(output, STDOUT_FILENO) : close(STDOUT_FILENO);
        if (write(ready[1], "", 1) < 0)
            _exit(1);
        while (input < 0 || read(STDIN_FILENO, &byte, 1) > 0)
            if (input < 0 || write(STDOUT_FILENO, &byte, 1) < 0)
                pause();
        for (;;)
            pause();
    }
    assert_int_equal(child_adopt(&child, pid), 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
}

static int64_t idle_ms(void)
{
    return program_socket_idle_ms(&child);
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

static void repeat_a_byte(void)
{
    char byte;
    struct pollfd p = {.fd = client, .events = POLLIN};
    assert_int_equal(send(client, "x", 1, 0), 1);
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(client, &byte, 1, 0), 1);
}

static void silence_grows_and_a_byte_ends_it(void **state)
{
    (void)state;
    int64_t before = clock_now_ms();
    connect_tcp();
    start(served, served);
    fds_close(&served);
    poll(NULL, 0, QUIET_MS);
    assert_in_range(idle_ms(), QUIET_MS - 20, clock_now_ms() - before + 20);
    int64_t moved = clock_now_ms();
    repeat_a_byte();
    assert_in_range(idle_ms(), 0, clock_now_ms() - moved + 20);
    poll(NULL, 0, QUIET_MS);
    assert_in_range(idle_ms(), QUIET_MS - 20, clock_now_ms() - moved + 20);
}

/* The later of the two counts. */
static void either_direction_ends_the_silence(void **state)
{
    (void)state;
    connect_tcp();
    start(served, open("/dev/null", O_RDWR | O_CLOEXEC)); /* it never answers */
    poll(NULL, 0, QUIET_MS);
    int64_t moved = clock_now_ms();
    assert_int_equal(send(client, "x", 1, 0), 1);
    assert_in_range(idle_ms(), 0, clock_now_ms() - moved + 20);
    poll(NULL, 0, QUIET_MS);
    moved = clock_now_ms();
    assert_int_equal(send(served, "x", 1, 0), 1);
    assert_in_range(idle_ms(), 0, clock_now_ms() - moved + 20);
}

static void number_1_is_asked_where_0_is_no_socket(void **state)
{
    (void)state;
    connect_tcp();
    start(-1, served);
    assert_true(idle_ms() >= 0);
    child_discard(&child);
    start(open("/dev/null", O_RDWR | O_CLOEXEC), served);
    assert_true(idle_ms() >= 0);
}

static void what_is_not_tcp_is_not_known(void **state)
{
    int ends[2];
    (void)state;
    start(-1, -1);
    assert_int_equal(idle_ms(), -1);
    child_discard(&child);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client = ends[0];
    served = ends[1];
    start(served, served);
    assert_int_equal(idle_ms(), -1);
}

static void dead_program_is_not_asked(void **state)
{
    (void)state;
    assert_int_equal(idle_ms(), -1); /* nor one that never was */
    connect_tcp();
    start(served, served);
    struct pollfd p = {.fd = child.pidfd, .events = POLLIN};
    child_signal(&child, SIGKILL);
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(idle_ms(), -1);
}

/* The connection ends when the program closes it. */
static void socket_is_given_back(void **state)
{
    char byte;
    (void)state;
    connect_tcp();
    start(served, served);
    fds_close(&served);
    int before = open_files();
    for (int i = 0; i < 100; i++)
        assert_true(idle_ms() >= 0);
    assert_int_equal(open_files(), before);
    child_discard(&child);
    struct pollfd p = {.fd = client, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(client, &byte, 1, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(silence_grows_and_a_byte_ends_it),
        TEST(either_direction_ends_the_silence),
        TEST(number_1_is_asked_where_0_is_no_socket),
        TEST(what_is_not_tcp_is_not_known),
        TEST(dead_program_is_not_asked),
        TEST(socket_is_given_back),
    };
    return cmocka_run_group_tests_name("program_socket", tests, NULL, NULL);
}
