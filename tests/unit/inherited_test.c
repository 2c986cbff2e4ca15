/* SPDX-License-Identifier: MIT
 *
 * inherited_test - whose sockets the environment announces, under which names, and which of them
 * can be used.
 */
#include "supervisor/inherited.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#define LAST_FD 9

static struct error error;

/* Descriptors from 3 on are whatever make left there. */
static int close_all(void **state)
{
    (void)state;
    inherited_release();
    for (int fd = 3; fd <= LAST_FD; fd++)
        close(fd);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return 0;
}

static void announce(const char *count, const char *names)
{
    char pid[32];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
    if (names)
        setenv("LISTEN_FDNAMES", names, 1);
}

static void move(int fd, int to)
{
    if (fd == to)
        return;
    assert_int_equal(dup2(fd, to), to);
    close(fd);
}

/* A socket that can be used, at the number TO. */
static void open_at(int to, int family, int type)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    sa_family_t autobind = AF_UNIX;
    int fd = socket(family, type, 0);
    if (family == AF_INET)
        assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    else
        assert_int_equal(bind(fd, (struct sockaddr *)(void *)&autobind, sizeof autobind), 0);
    if (type != SOCK_DGRAM)
        assert_int_equal(listen(fd, 1), 0);
    move(fd, to);
}

static int find(const char *text)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    assert_int_equal(address_parse(text, found, &error), 1);
    return inherited_find(&found[0], &error);
}

static void refuse(const char *text, const char *words)
{
    memset(&error, 0, sizeof error);
    assert_int_equal(find(text), -1);
    assert_int_equal(error.code, EXIT_CODE_UNAVAILABLE);
    if (!strstr(error.text, words))
        fail_msg("no \"%s\" in: %s", words, error.text);
}

static void nothing_is_announced(void **state)
{
    (void)state;
    assert_int_equal(inherited_adopt(), 0);
    refuse("fd://web", "no sockets were inherited; they come with LISTEN_FDS");
}

static void sockets_are_found_by_name(void **state)
{
    (void)state;
    open_at(3, AF_INET, SOCK_STREAM);
    open_at(4, AF_UNIX, SOCK_STREAM);
    announce("2", "web:admin");
    assert_int_equal(inherited_adopt(), 2);
    assert_int_equal(find("fd://web"), 3);
    assert_int_equal(find("fd://web:1"), 3);
    assert_int_equal(find("fd://admin"), 4);
    assert_int_equal(find("fd://web"), 3); /* and again */
    assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(4, F_GETFD), FD_CLOEXEC);
    refuse("fd://other", "no inherited socket is named \"other\"; there are: \"web\", \"admin\"");
    refuse("fd://web:2", "one inherited socket is named \"web\"; write fd://web");
}

static void idle_ones_are_those_that_nobody_wanted(void **state)
{
    (void)state;
    open_at(3, AF_INET, SOCK_STREAM);
    open_at(4, AF_UNIX, SOCK_STREAM);
    announce("3", "web:admin:closed");
    assert_int_equal(inherited_adopt(), 3);
    assert_string_equal(inherited_idle(0), "web");
    assert_int_equal(find("fd://web"), 3);
    assert_null(inherited_idle(0));
    assert_string_equal(inherited_idle(1), "admin");
    assert_null(inherited_idle(2));
}

static void nobody_else_takes_them_for_his(void **state)
{
    (void)state;
    open_at(3, AF_INET, SOCK_STREAM);
    announce("1", "web");
    setenv("LISTEN_PIDFDID", "1", 1);
    inherited_adopt();
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    assert_null(getenv("LISTEN_PIDFDID"));
}

static void sockets_of_another_process_are_not_ours(void **state)
{
    (void)state;
    open_at(3, AF_INET, SOCK_STREAM);
    announce("1", "web");
    setenv("LISTEN_PID", "1", 1);
    assert_int_equal(inherited_adopt(), 0);
    assert_null(getenv("LISTEN_FDS"));
    refuse("fd://web", "no sockets were inherited (LISTEN_PID is another process)");
}

static void every_type_that_listens_is_fit(void **state)
{
    (void)state;
    open_at(3, AF_INET, SOCK_STREAM);
    open_at(4, AF_INET, SOCK_DGRAM);
    open_at(5, AF_UNIX, SOCK_STREAM);
    open_at(6, AF_UNIX, SOCK_DGRAM);
    open_at(7, AF_UNIX, SOCK_SEQPACKET);
    announce("5", "a:b:c:d:e");
    assert_int_equal(inherited_adopt(), 5);
    assert_int_equal(find("fd://a"), 3);
    assert_int_equal(find("fd://b"), 4);
    assert_int_equal(find("fd://c"), 5);
    assert_int_equal(find("fd://d"), 6);
    assert_int_equal(find("fd://e"), 7);
}

static void several_of_one_name_are_counted(void **state)
{
    (void)state;
    open_at(3, AF_INET, SOCK_STREAM);
    open_at(4, AF_INET, SOCK_STREAM);
    open_at(5, AF_INET, SOCK_STREAM);
    announce("3", "web:other:web");
    assert_int_equal(inherited_adopt(), 3);
    assert_int_equal(find("fd://web:1"), 3);
    assert_int_equal(find("fd://web:2"), 5);
    refuse("fd://web", "2 inherited sockets are named \"web\"; write fd://web:1 to fd://web:2");
    refuse("fd://web:3", "write fd://web:1 to fd://web:2");
}

static void sockets_without_a_name_are_unknown(void **state)
{
    (void)state;
    open_at(3, AF_INET, SOCK_STREAM);
    open_at(4, AF_INET, SOCK_STREAM);
    announce("2", NULL);
    assert_int_equal(inherited_adopt(), 2);
    assert_int_equal(find("fd://unknown:2"), 4);
}

static void empty_names_are_unknown(void **state)
{
    (void)state;
    open_at(3, AF_INET, SOCK_STREAM);
    open_at(4, AF_INET, SOCK_STREAM);
    open_at(5, AF_INET, SOCK_STREAM);
    announce("3", "a::b");
    assert_int_equal(inherited_adopt(), 3);
    assert_int_equal(find("fd://a"), 3);
    assert_int_equal(find("fd://unknown"), 4);
    assert_int_equal(find("fd://b"), 5);
}

static void what_cannot_be_used_is_closed_and_told(void **state)
{
    int ends[2];
    (void)state;
    open_at(7, AF_INET, SOCK_STREAM);
    move(open("/dev/null", O_RDWR), 3);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    move(ends[0], 8);
    move(ends[1], 5);
    move(socket(AF_NETLINK, SOCK_DGRAM, 0), 6);
    close(4);
    announce("5", "file:gap:connection:netlink:web");
    assert_int_equal(inherited_adopt(), 5);
    refuse("fd://file", "descriptor 3 is not a socket");
    refuse("fd://gap", "descriptor 4 is not open");
    refuse("fd://connection", "descriptor 5 does not listen");
    refuse("fd://netlink", "descriptor 6 is of a family that is not served");
    assert_int_equal(find("fd://web"), 7);
    for (int fd = 3; fd < 7; fd++)
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void expect_problem(const char *count, const char *names, const char *words)
{
    close_all(NULL);
    open_at(3, AF_INET, SOCK_STREAM);
    announce(count, names);
    assert_int_equal(inherited_adopt(), 0);
    refuse("fd://a", words);
}

static void words_that_cannot_be_are_told(void **state)
{
    (void)state;
    expect_problem("one", "a", "LISTEN_FDS is not a number");
    expect_problem("", "a", "LISTEN_FDS is not a number");
    expect_problem("-1", "a", "LISTEN_FDS is not a number");
    expect_problem("1025", NULL, "LISTEN_FDS is not a number from 0 to 1024");
    expect_problem("1", "a:b", "LISTEN_FDNAMES has not as many names");
    expect_problem("2", "a", "LISTEN_FDNAMES has not as many names");
    expect_problem("0", "", "no sockets were inherited");
    close_all(NULL);
    announce("1", "a");
    setenv("LISTEN_PID", "me", 1);
    assert_int_equal(inherited_adopt(), 0);
    refuse("fd://a", "LISTEN_PID is not a number");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, close_all, close_all)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_announced),
        TEST(sockets_are_found_by_name),
        TEST(idle_ones_are_those_that_nobody_wanted),
        TEST(nobody_else_takes_them_for_his),
        TEST(sockets_of_another_process_are_not_ours),
        TEST(every_type_that_listens_is_fit),
        TEST(several_of_one_name_are_counted),
        TEST(sockets_without_a_name_are_unknown),
        TEST(empty_names_are_unknown),
        TEST(what_cannot_be_used_is_closed_and_told),
        TEST(words_that_cannot_be_are_told),
    };
    return cmocka_run_group_tests_name("inherited", tests, NULL, NULL);
}
