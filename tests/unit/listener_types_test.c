/* SPDX-License-Identifier: MIT
 *
 * listener_types_test - sockets that are no streams, and sockets that others opened.
 */
#include "supervisor/listener.h"

#include "include/channel.h"
#include "supervisor/inherited.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/preforkd-listener-XXXXXX";
static char path[64], lock_path[80];
static struct listener_table table;
static struct error error;
static int fds[CHANNEL_LISTENERS_MAX];
static struct config_listen listens[2];
static char name[] = "a", file[] = "x.conf";
static struct config_service service;
static struct config config = {.file = file, .services = &service};

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

static void want_nothing(void)
{
    for (size_t i = 0; i < service.listen_count; i++)
        free(listens[i].found);
    service = (struct config_service){.name = name, .listens = listens};
    service.backlog = 7;
    service.socket_mode = 0640;
    config.service_count = 1;
}

static int release(void **state)
{
    (void)state;
    listener_sweep(&table, NULL);
    inherited_release();
    want_nothing();
    unlink(path);
    unlink(lock_path);
    return 0;
}

/* The service listens on ADDRESS, too; a trailing @ stands for the path. */
static const struct address *want(const char *address)
{
    static char text[2][128];
    size_t n = service.listen_count++;
    bool at = address[strlen(address) - 1] == '@' && strstr(address, "//");
    snprintf(text[n], sizeof text[n], "%.*s%s", (int)(strlen(address) - at), address,
             at ? path : "");
    listens[n] = (struct config_listen){.text = text[n], .line = 1};
    listens[n].found = calloc(ADDRESS_RESOLVED_MAX, sizeof *listens[n].found);
    listens[n].count = address_parse(text[n], listens[n].found, &error);
    if (listens[n].count < 0)
        fail_msg("%s", error.text);
    return &listens[n].found[0];
}

static int open_all(void)
{
    return listener_open_service(&table, "x.conf", &service, fds, &error);
}

static int open_one(const char *address)
{
    want_nothing();
    want(address);
    if (open_all() != 1)
        fail_msg("%s", error.text);
    return fds[0];
}

static void refuse(const char *words)
{
    memset(&error, 0, sizeof error);
    assert_int_equal(open_all(), -1);
    assert_int_equal(error.code, EXIT_CODE_UNAVAILABLE);
    if (!strstr(error.text, words))
        fail_msg("no \"%s\" in: %s", words, error.text);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, option, &value, &size) < 0 ? -1 : value;
}

static union socket_address name_of(int fd, socklen_t *length)
{
    union socket_address bound = {0};
    *length = sizeof bound;
    assert_int_equal(getsockname(fd, &bound.any, length), 0);
    return bound;
}

/* As if a process that started us had opened FD. */
static void pass_on(int fd, const char *as)
{
    char pid[32];
    assert_int_equal(dup2(fd, 3), 3);
    if (fd != 3)
        close(fd);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", as, 1);
    assert_int_equal(inherited_adopt(), 1);
}

static void datagrams_are_received(void **state)
{
    char byte, text[ADDRESS_TEXT_MAX];
    socklen_t length;
    (void)state;
    int fd = open_one("udp://127.0.0.1:0");
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    union socket_address at = name_of(fd, &length);
    int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(client, "x", 1, 0, &at.any, length), 1);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    close(client);
    listener_print(table.entries[0], text);
    assert_memory_equal(text, "udp://127.0.0.1:", 16);
    assert_string_not_equal(text, "udp://127.0.0.1:0");
    assert_int_equal(table.entries[0]->type, SOCK_DGRAM);
}

static void port_of_datagrams_is_exclusive(void **state)
{
    char text[64];
    socklen_t length;
    int on = 1;
    (void)state;
    union socket_address at = name_of(open_one("udp://127.0.0.1:0"), &length);
    int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(other, &at.any, length), -1); /* nobody takes it from us */
    listener_sweep(&table, NULL);
    assert_int_equal(bind(other, &at.any, length), 0);
    snprintf(text, sizeof text, "udp://127.0.0.1:%u", ntohs(at.in.sin_port));
    want_nothing();
    want(text);
    refuse("Address already in use"); /* nor do we from anybody */
    assert_true(error.in_use);
    close(other);
}

static void tcp_and_udp_share_a_port(void **state)
{
    char text[64];
    socklen_t length;
    (void)state;
    int stream = open_one("tcp://127.0.0.1:0");
    snprintf(text, sizeof text, "udp://127.0.0.1:%u", ntohs(name_of(stream, &length).in.sin_port));
    want(text);
    if (open_all() < 0 && error.in_use)
        skip(); /* somebody else's, just now */
    assert_int_equal(fds[0], stream);
    assert_int_not_equal(fds[1], stream);
    assert_int_equal(option_of(fds[1], SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    listener_sweep(&table, &config);
    assert_int_equal(table.count, 2);
}

/* Where the kernel says a datagram was sent to, as text. */
static const char *asked_address(int fd, const char *from)
{
    static char text[INET6_ADDRSTRLEN];
    char room[CMSG_SPACE(sizeof(struct in6_pktinfo))], byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct sockaddr_in to = {.sin_family = AF_INET};
    socklen_t length;
    union socket_address at = name_of(fd, &length);
    to.sin_port = at.in.sin_port; /* at the same place in both families */
    inet_pton(AF_INET, from, &to.sin_addr);
    int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(client, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    close(client);
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    assert_int_equal(recvmsg(fd, &message, 0), 1);
    struct cmsghdr *h = CMSG_FIRSTHDR(&message);
    if (!h)
        return "";
    if (h->cmsg_level == IPPROTO_IPV6) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(h), sizeof info);
        return inet_ntop(AF_INET6, &info.ipi6_addr, text, sizeof text);
    }
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(h), sizeof info);
    return inet_ntop(AF_INET, &info.ipi_addr, text, sizeof text);
}

static void asked_address_is_told_where_there_are_several(void **state)
{
    (void)state;
    assert_string_equal(asked_address(open_one("udp://127.0.0.1:0"), "127.0.0.1"), "");
    listener_sweep(&table, NULL);
    assert_string_equal(asked_address(open_one("udp://0.0.0.0:0"), "127.0.0.2"), "127.0.0.2");
    listener_sweep(&table, NULL);
    int fd = open_one("udp://*:0");
    if (option_of(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET)
        assert_string_equal(asked_address(fd, "127.0.0.2"), "127.0.0.2");
    else
        assert_string_equal(asked_address(fd, "127.0.0.2"), "::ffff:127.0.0.2");
}

static void datagrams_have_no_queue_of_connections(void **state)
{
    unsigned length = 1, limit = 1;
    (void)state;
    open_one("udp://127.0.0.1:0");
    listener_sweep(&table, &config); /* which gives streams their backlog */
    listener_queue(table.entries[0], &length, &limit);
    assert_int_equal(length, 0);
    assert_int_equal(limit, 0);
}

/* A client of TYPE on PATH; returns what connect() does. */
static int connect_to_path(int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    int status = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return status;
}

static bool is_there(const char *what)
{
    struct stat about;
    return lstat(what, &about) == 0;
}

static void expect_file(const char *address, int type)
{
    struct stat about;
    mode_t before = umask(077);
    int fd = open_one(address);
    umask(before);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_TYPE), type);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), type != SOCK_DGRAM);
    assert_int_equal(lstat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    assert_true(is_there(lock_path));
    assert_int_equal(connect_to_path(type), 0);
    service.socket_mode = 0600;
    listener_sweep(&table, &config);
    assert_int_equal(lstat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    listener_sweep(&table, NULL);
    assert_false(is_there(path));
    assert_false(is_there(lock_path));
}

static void files_of_every_type_have_mode_and_lock(void **state)
{
    (void)state;
    expect_file("seqpacket://@", SOCK_SEQPACKET);
    expect_file("unixgram://@", SOCK_DGRAM);
    expect_file("unix://@", SOCK_STREAM);
}

static int bind_path(int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void stale_files_make_way_live_ones_do_not(void **state)
{
    static const char *const mine[] = {"unix://@", "unixgram://@", "seqpacket://@"};
    static const int theirs[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            int other = bind_path(theirs[k]);
            if (theirs[k] != SOCK_DGRAM)
                assert_int_equal(listen(other, 1), 0);
            want_nothing();
            want(mine[i]);
            refuse("another program is serving");
            close(other);
            open_one(mine[i]);
            listener_sweep(&table, NULL);
        }
}

static void path_does_not_change_its_type(void **state)
{
    (void)state;
    open_one("unix://@");
    want_nothing();
    want("seqpacket://@");
    refuse("has that path now");
    assert_int_equal(table.count, 1);
    assert_int_equal(connect_to_path(SOCK_STREAM), 0);
}

static void abstract_names_are_one_for_each_type(void **state)
{
    (void)state;
    want_nothing();
    want("unixgram:@preforkd-types-test");
    want("seqpacket:@preforkd-types-test");
    if (open_all() != 2)
        fail_msg("%s", error.text);
    assert_int_equal(option_of(fds[0], SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    assert_int_equal(option_of(fds[1], SOL_SOCKET, SO_TYPE), SOCK_SEQPACKET);
}

static void service_keeps_its_port_for_datagrams(void **state)
{
    (void)state;
    int first = open_one("udp://127.0.0.1:0");
    assert_int_equal(open_one("udp://127.0.0.1:0"), first);
    assert_int_not_equal(open_one("tcp://127.0.0.1:0"), first);
}

static int listening(int backlog)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static void inherited_socket_is_used(void **state)
{
    char text[ADDRESS_TEXT_MAX];
    unsigned length, limit;
    socklen_t size;
    (void)state;
    pass_on(listening(3), "web");
    int fd = open_one("fd://web");
    assert_int_equal(name_of(fd, &size).in.sin_port, name_of(3, &size).in.sin_port);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(table.entries[0]->type, SOCK_STREAM);
    assert_true(option_of(fd, IPPROTO_TCP, TCP_NODELAY));
    listener_sweep(&table, &config);
    listener_queue(table.entries[0], &length, &limit);
    assert_int_equal(limit, 3); /* the backlog of who opened it */
    assert_string_equal(listener_print(table.entries[0], text), "fd://web");
    assert_int_equal(open_one("fd://web:1"), fd);
}

/* Who passed it may hold it, too, and the next configuration may want it again. */
static void inherited_socket_outlives_its_service(void **state)
{
    (void)state;
    pass_on(listening(3), "web");
    open_one("fd://web");
    listener_sweep(&table, NULL);
    assert_int_equal(option_of(3, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_int_equal(option_of(open_one("fd://web"), SOL_SOCKET, SO_ACCEPTCONN), 1);
}

static void inherited_datagrams_are_told_the_asked_address(void **state)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    (void)state;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    pass_on(fd, "dns");
    fd = open_one("fd://dns");
    assert_int_equal(table.entries[0]->type, SOCK_DGRAM);
    assert_string_equal(asked_address(fd, "127.0.0.2"), "127.0.0.2");
}

static void socket_that_was_not_passed_is_told(void **state)
{
    (void)state;
    inherited_adopt();
    want_nothing();
    want("fd://web");
    refuse("x.conf:1: service a: fd://web: no sockets were inherited");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, release)
    const struct CMUnitTest tests[] = {
        TEST(datagrams_are_received),
        TEST(port_of_datagrams_is_exclusive),
        TEST(tcp_and_udp_share_a_port),
        TEST(asked_address_is_told_where_there_are_several),
        TEST(datagrams_have_no_queue_of_connections),
        TEST(files_of_every_type_have_mode_and_lock),
        TEST(stale_files_make_way_live_ones_do_not),
        TEST(path_does_not_change_its_type),
        TEST(abstract_names_are_one_for_each_type),
        TEST(service_keeps_its_port_for_datagrams),
        TEST(inherited_socket_is_used),
        TEST(inherited_socket_outlives_its_service),
        TEST(inherited_datagrams_are_told_the_asked_address),
        TEST(socket_that_was_not_passed_is_told),
    };
    return cmocka_run_group_tests_name("listener_types", tests, make_folder, remove_folder);
}
