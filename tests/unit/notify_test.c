/* SPDX-License-Identifier: MIT
 *
 * notify_test - what is sent to the notification socket comes with the pid the kernel knows, and
 * nothing that is sent there can hold the pool up or leave a descriptor in it.
 */
#include "supervisor/pool/notify.h"

#include "lib/clock.h"
#include "lib/fds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON     (clock_now_ms() + 30000) /* something is there: it is not waited for */
#define STRANGER 65533
#define US       65534

static struct loop loop;
static struct notify notify;
static int calls;
static pid_t said_pid;
static struct notify_message said;
static bool echoes; /* every message brings another one */

static int connected(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(notify.name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, notify.name, length);
    address.sun_path[0] = '\0';
    assert_int_equal(connect(fd, (struct sockaddr *)&address,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    return fd;
}

static void send_bytes(const void *bytes, size_t length)
{
    int fd = connected();
    assert_int_equal(send(fd, bytes, length, MSG_DONTWAIT), length);
    close(fd);
}

static void on_said(void *owner, pid_t pid, const struct notify_message *message)
{
    assert_ptr_equal(owner, &calls);
    calls++;
    said_pid = pid;
    said = *message;
    if (echoes)
        send_bytes("READY=1", 7);
}

static int make(void **state)
{
    (void)state;
    calls = 0;
    echoes = false;
    return loop_init(&loop) < 0 ? -1 : notify_init(&notify, &loop, on_said, &calls);
}

static int release(void **state)
{
    (void)state;
    notify_release(&notify);
    loop_release(&loop);
    return 0;
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

static void turn(void)
{
    loop_wait(&loop, clock_now_ms());
}

/* BYTES are not passed on. */
static void is_ignored(const void *bytes, size_t length)
{
    send_bytes(bytes, length);
    turn();
    assert_int_equal(calls, 0);
}

static void name_is_abstract_and_new(void **state)
{
    struct notify other;
    (void)state;
    assert_int_equal(notify.name[0], '@');
    assert_int_equal(strlen(notify.name), sizeof notify.name - 2);
    assert_int_equal(notify_init(&other, &loop, on_said, NULL), 0);
    assert_string_not_equal(notify.name, other.name);
    assert_true(fcntl(notify.source.fd, F_GETFD) & FD_CLOEXEC);
    notify_release(&other);
    notify_release(&other);
}

static void message_comes_with_its_sender(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        send_bytes("READY=1\nSTATUS=here", 19);
        _exit(0);
    }
    loop_wait(&loop, SOON);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(calls, 1);
    assert_int_equal(said_pid, child);
    assert_true(said.ready);
    assert_string_equal(said.status, "here");
}

static void all_in_the_queue_are_taken(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        send_bytes("WATCHDOG=1", 10);
    turn();
    assert_int_equal(calls, 5);
    assert_true(said.alive);
    turn();
    assert_int_equal(calls, 5);
}

static void flood_does_not_hold_the_loop_up(void **state)
{
    (void)state;
    echoes = true;
    send_bytes("READY=1", 7);
    turn();
    assert_int_equal(calls, NOTIFY_BATCH);
    turn();
    assert_int_equal(calls, 2 * NOTIFY_BATCH);
}

static void what_is_no_message_is_ignored(void **state)
{
    static char text[NOTIFY_MESSAGE_MAX + 1] = "READY=1\n";
    (void)state;
    memset(text + 8, 'x', sizeof text - 8);
    is_ignored("", 0);
    is_ignored("READY=1\0x", 9);
    is_ignored(text, sizeof text); /* read, it would be one: it must not be cut and believed */
    send_bytes(text, sizeof text - 1);
    turn();
    assert_int_equal(calls, 1);
}

static void send_descriptors(const char *text, int fd, int count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(253 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = CMSG_SPACE((size_t)count * sizeof fd)};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof fd);
    for (int i = 0; i < count; i++)
        memcpy(CMSG_DATA(&control.header) + (size_t)i * sizeof fd, &fd, sizeof fd);
    int to = connected();
    assert_true(sendmsg(to, &message, MSG_DONTWAIT) > 0);
    close(to);
}

static void descriptors_are_closed_at_once(void **state)
{
    static const int counts[] = {1, 2, 253}; /* as many as Linux lets through */
    char byte;
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int ends[2], before;
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        send_descriptors("BARRIER=1", ends[1], counts[i]);
        close(ends[1]);
        before = open_files();
        assert_int_equal(read(ends[0], &byte, 1), -1);
        assert_int_equal(errno, EAGAIN);
        turn();
        assert_int_equal(read(ends[0], &byte, 1), 0); /* what the sender waits for */
        assert_int_equal(open_files(), before);
        assert_int_equal(calls, i + 1);
        assert_int_equal(said_pid, getpid());
        close(ends[0]);
    }
}

static void send_as(uid_t uid)
{
    pid_t child = fork();
    if (child == 0) {
        int fd = connected();
        if (setresuid(uid, uid, uid) < 0 || send(fd, "READY=1", 7, 0) != 7)
            _exit(1);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void strangers_are_ignored(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    send_as(STRANGER);
    turn(); /* a pool of root hears programs that became somebody else */
    assert_int_equal(calls, 1);
    send_as(STRANGER);
    send_as(US);
    send_as(0);
    assert_int_equal(seteuid(US), 0);
    turn();
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(calls, 3);
}

/* How many lines the log gets while WRITER runs. */
static int log_lines(void (*writer)(void))
{
    char text[1 << 16];
    int count = 0;
    int file = memfd_create("log", MFD_CLOEXEC), messages = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    writer();
    dup2(messages, STDERR_FILENO);
    ssize_t length = pread(file, text, sizeof text, 0);
    for (ssize_t i = 0; i < length; i++)
        count += text[i] == '\n';
    close(file);
    close(messages);
    return count;
}

static void talk_nonsense(void)
{
    for (int i = 0; i < 200; i++) {
        int fd = connected();
        send(fd, "", 0, MSG_DONTWAIT);
        close(fd);
        turn();
    }
}

static void nonsense_does_not_fill_the_log(void **state)
{
    (void)state;
    assert_in_range(log_lines(talk_nonsense), 1, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(name_is_abstract_and_new, make, release),
        cmocka_unit_test_setup_teardown(message_comes_with_its_sender, make, release),
        cmocka_unit_test_setup_teardown(all_in_the_queue_are_taken, make, release),
        cmocka_unit_test_setup_teardown(flood_does_not_hold_the_loop_up, make, release),
        cmocka_unit_test_setup_teardown(what_is_no_message_is_ignored, make, release),
        cmocka_unit_test_setup_teardown(descriptors_are_closed_at_once, make, release),
        cmocka_unit_test_setup_teardown(strangers_are_ignored, make, release),
        cmocka_unit_test_setup_teardown(nonsense_does_not_fill_the_log, make, release),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
