/* SPDX-License-Identifier: MIT
 *
 * einhorn_socket_test - the path leads other processes of the same user to the socket, as the
 * processes of preforkd come about: from root to a user, execute, fork, execute. There is no file.
 */
#include "supervisor/pool/einhorn_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define POOL_USER  65534
#define OTHER_USER 65533

static char own[] = "/proc/self/exe";

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int status = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return status;
}

/* Run this program in another role, in a child: as UID where that is not 0. Its exit status. */
static int run(const char *role, const char *argument, uid_t uid)
{
    int status;
    char *const arguments[] = {own, (char *)(uintptr_t)role, (char *)(uintptr_t)argument, NULL};
    pid_t child = fork();
    if (child == 0) {
        if (uid != 0 && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
                         setresuid(uid, uid, uid) < 0))
            _exit(90);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        execv(own, arguments);
        _exit(91);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 92;
}

/* The roles: "worker PATH" connects; "pool HOW" opens the socket and starts a worker. */

static int be_worker(const char *path)
{
    return dial(path) == 0 ? 0 : 1;
}

static int be_pool(const char *how)
{
    char path[EINHORN_SOCKET_PATH_MAX];
    struct ucred peer;
    socklen_t size = sizeof peer;
    int inode;
    if (strcmp(how, "unreadable") == 0)
        prctl(PR_SET_DUMPABLE, 0);
    umask(0777);
    int fd = einhorn_socket_open(path, &inode);
    if (fd < 0)
        return 2;
    int status = run("worker", path, 0);
    if (status != 0)
        return status;
    int client = accept(fd, NULL, NULL);
    if (client < 0 || getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return 3;
    return peer.pid > 0 && peer.pid != getpid() && peer.uid == geteuid() ? 0 : 4;
}

static uid_t pool_user(void)
{
    return geteuid() == 0 ? POOL_USER : 0;
}

static void worker_of_the_pool_gets_in(void **state)
{
    (void)state;
    assert_int_equal(run("pool", "", pool_user()), 0);
}

static void worker_gets_in_where_the_program_is_not_readable(void **state)
{
    (void)state;
    assert_int_equal(run("pool", "unreadable", pool_user()), 0);
}

static void pool_of_root_works_too(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(run("pool", "", 0), 0);
}

static void other_users_do_not_get_in(void **state)
{
    char path[EINHORN_SOCKET_PATH_MAX];
    int inode;
    (void)state;
    if (geteuid() != 0)
        skip();
    int fd = einhorn_socket_open(path, &inode);
    assert_true(fd >= 0);
    assert_int_equal(run("worker", path, 0), 0);
    assert_int_equal(run("worker", path, OTHER_USER), 1);
    close(fd);
    close(inode);
}

static void no_file_is_left(void **state)
{
    char folder[] = "/tmp/preforkd-einhorn-XXXXXX", path[EINHORN_SOCKET_PATH_MAX];
    int inode;
    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("TMPDIR", folder, 1);
    mode_t before = umask(0);
    int fd = einhorn_socket_open(path, &inode);
    assert_int_equal(umask(before), 0);
    unsetenv("TMPDIR");
    assert_int_equal(rmdir(folder), 0);
    assert_true(fd >= 0);
    assert_int_equal(dial(path), 0);
    close(fd);
    assert_int_equal(dial(path), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(inode);
}

static void odd_folders_do_not_matter(void **state)
{
    char path[EINHORN_SOCKET_PATH_MAX], longer[200] = "/tmp/";
    const char *folders[] = {"/nowhere/at/all", "relative", "", longer};
    int inode;
    (void)state;
    memset(longer + 5, '/', sizeof longer - 6);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        setenv("TMPDIR", folders[i], 1);
        int fd = einhorn_socket_open(path, &inode);
        assert_true(fd >= 0);
        assert_int_equal(dial(path), 0);
        close(fd);
        close(inode);
    }
    unsetenv("TMPDIR");
}

static void descriptors_are_ours_alone(void **state)
{
    char path[EINHORN_SOCKET_PATH_MAX];
    int inode;
    (void)state;
    int fd = einhorn_socket_open(path, &inode);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(inode, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(accept(fd, NULL, NULL), -1); /* it does not wait */
    assert_int_equal(errno, EAGAIN);
    close(fd);
    close(inode);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_of_the_pool_gets_in),
        cmocka_unit_test(worker_gets_in_where_the_program_is_not_readable),
        cmocka_unit_test(pool_of_root_works_too),
        cmocka_unit_test(other_users_do_not_get_in),
        cmocka_unit_test(no_file_is_left),
        cmocka_unit_test(odd_folders_do_not_matter),
        cmocka_unit_test(descriptors_are_ours_alone),
    };
    if (argc == 3) /* without atexit: leak checks cannot work in a process that is not dumpable */
        _exit(strcmp(argv[1], "pool") == 0 ? be_pool(argv[2]) : be_worker(argv[2]));
    return cmocka_run_group_tests_name("einhorn_socket", tests, NULL, NULL);
}
