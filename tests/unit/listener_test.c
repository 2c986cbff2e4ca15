/* SPDX-License-Identifier: MIT
 *
 * listener_test - sockets are bound once and kept by address; what a crash left behind makes way,
 * what is in use does not.
 */
#include "supervisor/listener.h"

#include "include/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/preforkd-listener-XXXXXX";
static char path[64], lock_path[80];
static struct listener_table table;
static struct config *config;
static struct error error;
static int fds[CHANNEL_LISTENERS_MAX];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/sock", folder);
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int release(void **state)
{
    (void)state;
    listener_sweep(&table, NULL);
    config_release(config);
    config = NULL;
    unlink(path);
    unlink(lock_path);
    return 0;
}

/* Read services as a file would be; @ in TEXT stands for the path of the socket. */
static const struct config *load(const char *text)
{
    char file[64];
    struct buffer whole = {0}, errors = {0};
    for (; *text; text++)
        if (*text == '@')
            buffer_printf(&whole, "%s", path);
        else
            buffer_append(&whole, text, 1);
    int fd = memfd_create("config", MFD_CLOEXEC);
    fchmod(fd, 0600); /* root takes no file that others can write */
    assert_int_equal(write(fd, whole.data, whole.length), whole.length);
    snprintf(file, sizeof file, "/proc/self/fd/%d", fd);
    config_release(config);
    config = config_load(file, &errors);
    close(fd);
    if (!config)
        fail_msg("%s", buffer_text(&errors));
    buffer_release(&whole);
    buffer_release(&errors);
    return config;
}

static int open_first(void)
{
    return listener_open_service(&table, "x.conf", &config->services[0], fds, &error);
}

#define UNIX(more) "services = { a = { handler = \"echo\"; listen = \"unix://@\"; " more " }; };"
#define TCP(more)                                                                                  \
    "services = { a = { handler = \"echo\"; listen = \"tcp://127.0.0.1:0\"; " more " }; };"

static bool is_there(const char *name)
{
    struct stat about;
    return lstat(name, &about) == 0;
}

static mode_t mode_of(const char *name)
{
    struct stat about;
    assert_int_equal(lstat(name, &about), 0);
    return about.st_mode & 07777;
}

static bool listens(int fd)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value;
}

static int connect_to_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int status = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return status;
}

static void unix_socket_is_bound_with_its_mode(void **state)
{
    (void)state;
    load(UNIX("socket_mode = \"0642\";"));
    mode_t before = umask(077); /* whose umask it is does not matter */
    assert_int_equal(open_first(), 1);
    assert_int_equal(umask(before), 077);
    assert_true(listens(fds[0]));
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(mode_of(path), 0642);
    assert_int_equal(mode_of(lock_path), 0600);
    assert_int_equal(connect_to_path(), 0);
}

static void sweep_leaves_nothing_behind(void **state)
{
    (void)state;
    load(UNIX(""));
    assert_int_equal(open_first(), 1);
    listener_sweep(&table, NULL);
    assert_false(is_there(path));
    assert_false(is_there(lock_path));
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    assert_int_equal(table.count, 0);
    assert_null(table.entries);
}

static void socket_stays_the_same_while_it_is_wanted(void **state)
{
    (void)state;
    load(UNIX(""));
    assert_int_equal(open_first(), 1);
    int first = fds[0];
    load(UNIX("workers = 3;"));
    assert_int_equal(open_first(), 1);
    assert_int_equal(fds[0], first);
    listener_sweep(&table, config);
    assert_int_equal(table.count, 1);
    assert_true(listens(first));
}

static void other_service_takes_the_socket_over(void **state)
{
    (void)state;
    load(UNIX(""));
    assert_int_equal(open_first(), 1);
    int first = fds[0];
    load("services = { b = { handler = \"echo\"; listen = \"unix://@\"; }; };");
    assert_int_equal(open_first(), 1);
    assert_int_equal(fds[0], first);
    listener_sweep(&table, config);
    assert_true(listens(first));
}

static void unwanted_socket_is_closed(void **state)
{
    char text[ADDRESS_TEXT_MAX];
    (void)state;
    load("services = { a = { handler = \"echo\"; listen = [ \"unix://@\", "
         "\"tcp://127.0.0.1:0\" ]; }; };");
    assert_int_equal(open_first(), 2);
    load(TCP(""));
    listener_sweep(&table, config);
    assert_int_equal(table.count, 1);
    assert_false(is_there(path));
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    assert_true(listens(fds[1]));
    assert_non_null(strstr(listener_print(table.entries[0], text), "tcp://127.0.0.1:"));
}

static void sweep_gives_new_permissions(void **state)
{
    (void)state;
    load(UNIX("socket_mode = \"0666\";"));
    assert_int_equal(open_first(), 1);
    load(UNIX("socket_mode = \"0600\";"));
    assert_int_equal(open_first(), 1);
    assert_int_equal(mode_of(path), 0666); /* not before it is decided */
    listener_sweep(&table, config);
    assert_int_equal(mode_of(path), 0600);
}

static void single_socket_blocks_and_several_do_not(void **state)
{
    (void)state;
    load(TCP(""));
    assert_int_equal(open_first(), 1);
    listener_sweep(&table, config);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    load("services = { a = { handler = \"echo\"; listen = [ \"tcp://127.0.0.1:0\", "
         "\"unix://@\" ]; }; };");
    assert_int_equal(open_first(), 2);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    listener_sweep(&table, config);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    load(TCP(""));
    assert_int_equal(open_first(), 1);
    listener_sweep(&table, config);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
}

static void service_keeps_the_port_it_was_given(void **state)
{
    char text[ADDRESS_TEXT_MAX], again[ADDRESS_TEXT_MAX];
    (void)state;
    load(TCP(""));
    assert_int_equal(open_first(), 1);
    const struct address *wanted = &config->services[0].listens[0].found[0];
    listener_print(listener_find(&table, "a", wanted), text);
    assert_string_not_equal(text, "tcp://127.0.0.1:0");
    assert_null(listener_find(&table, "b", wanted)); /* port 0 is each one's own */
    load(TCP("workers = 2;"));
    assert_int_equal(open_first(), 1);
    wanted = &config->services[0].listens[0].found[0];
    assert_string_equal(listener_print(listener_find(&table, "a", wanted), again), text);
}

static void accepted_sockets_inherit_what_was_set_once(void **state)
{
    static const int options[][2] = {{SOL_SOCKET, SO_KEEPALIVE}, {IPPROTO_TCP, TCP_NODELAY}};
    union socket_address address;
    socklen_t length = sizeof address;
    (void)state;
    load(TCP(""));
    assert_int_equal(open_first(), 1);
    assert_int_equal(getsockname(fds[0], &address.any, &length), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &address.any, length), 0);
    int fd = accept4(fds[0], NULL, NULL, SOCK_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        int value = 0;
        socklen_t size = sizeof value;
        assert_int_equal(getsockopt(fd, options[i][0], options[i][1], &value, &size), 0);
        assert_true(value);
    }
    close(fd);
    close(client);
}

static void queue_is_told_for_tcp(void **state)
{
    unsigned length, limit;
    union socket_address address;
    socklen_t size = sizeof address;
    (void)state;
    load(TCP("backlog = 7;"));
    assert_int_equal(open_first(), 1);
    listener_queue(table.entries[0], &length, &limit);
    assert_int_equal(length, 0);
    assert_int_equal(limit, 7);
    assert_int_equal(getsockname(fds[0], &address.any, &size), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &address.any, size), 0);
    listener_queue(table.entries[0], &length, &limit);
    assert_int_equal(length, 1);
    close(client);
}

static void expect_refused(const char *words)
{
    memset(&error, 0, sizeof error);
    assert_int_equal(open_first(), -1);
    assert_int_equal(error.code, EXIT_CODE_UNAVAILABLE);
    assert_int_equal(strncmp(error.text, "x.conf:1: service a: ", 21), 0);
    if (!strstr(error.text, words))
        fail_msg("no \"%s\" in: %s", words, error.text);
    assert_int_equal(table.count, 0);
}

static void socket_of_a_crash_makes_way(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead); /* nobody listens, the file is still there */
    assert_true(is_there(path));
    load(UNIX(""));
    assert_int_equal(open_first(), 1);
    assert_int_equal(connect_to_path(), 0);
}

static void socket_in_use_does_not(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(other, 1), 0);
    load(UNIX(""));
    expect_refused("another program is serving");
    assert_true(error.in_use);
    assert_true(is_there(path)); /* it is theirs */
    close(other);
}

static void socket_of_another_preforkd_does_not(void **state)
{
    struct lockfile lock = LOCKFILE_NONE;
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, lock_path, 0600, &error), 0);
    load(UNIX(""));
    expect_refused("another preforkd is running");
    lockfile_release(&lock);
}

static void file_that_is_no_socket_stays(void **state)
{
    (void)state;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    load(UNIX(""));
    expect_refused("exists and is not a socket");
    assert_false(error.in_use); /* nor will it be free a moment later */
    assert_true(is_there(path));
    assert_false(is_there(lock_path));
}

static void taken_port_is_told(void **state)
{
    char text[256];
    union socket_address address = {.in = {.sin_family = AF_INET}};
    socklen_t length = sizeof address.in;
    (void)state;
    address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(other, &address.any, length), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(getsockname(other, &address.any, &length), 0);
    snprintf(text, sizeof text,
             "services = { a = { handler = \"echo\"; listen = \"tcp://127.0.0.1:%u\"; }; };",
             ntohs(address.in.sin_port));
    load(text);
    expect_refused("Address already in use");
    assert_true(error.in_use);
    close(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, release)
    const struct CMUnitTest tests[] = {
        TEST(unix_socket_is_bound_with_its_mode),
        TEST(sweep_leaves_nothing_behind),
        TEST(socket_stays_the_same_while_it_is_wanted),
        TEST(other_service_takes_the_socket_over),
        TEST(unwanted_socket_is_closed),
        TEST(sweep_gives_new_permissions),
        TEST(single_socket_blocks_and_several_do_not),
        TEST(service_keeps_the_port_it_was_given),
        TEST(accepted_sockets_inherit_what_was_set_once),
        TEST(queue_is_told_for_tcp),
        TEST(socket_of_a_crash_makes_way),
        TEST(socket_in_use_does_not),
        TEST(socket_of_another_preforkd_does_not),
        TEST(file_that_is_no_socket_stays),
        TEST(taken_port_is_told),
    };
    return cmocka_run_group_tests_name("listener", tests, make_folder, remove_folder);
}
