/* SPDX-License-Identifier: MIT
 *
 * cgroup_test - workers are born into control groups of their own, and nothing in one survives.
 *
 * With real groups, in one that the test makes below its own; skipped where that is not allowed.
 */
#include "supervisor/pool/cgroup.h"

#include "lib/cgroup_mount.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS   3
#define ESCAPES 10000

static char home[CGROUP_MOUNT_PATH_MAX];           /* the test's own group */
static char delegated[CGROUP_MOUNT_PATH_MAX + 64]; /* "" where there is none */
static struct cgroup cgroup;
static int pipes[2];

static int join(const char *folder)
{
    char path[CGROUP_MOUNT_PATH_MAX + 96];
    snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int status = fd >= 0 && write(fd, "0", 1) == 1 ? 0 : -1;
    if (fd >= 0)
        close(fd);
    return status;
}

static int delegate(void **state)
{
    char kill_file[CGROUP_MOUNT_PATH_MAX + 96];
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    if (cgroup_mount_find(NULL, home) == 0) {
        snprintf(delegated, sizeof delegated, "%s/preforkd-test-%d.d", home, (int)getpid());
        snprintf(kill_file, sizeof kill_file, "%s/cgroup.kill", delegated);
        if (mkdir(delegated, 0755) == 0 && access(kill_file, W_OK) == 0 && join(delegated) == 0)
            return 0;
        rmdir(delegated);
    }
    print_message("skipped: control groups (version 2) cannot be made here\n");
    delegated[0] = '\0';
    return 0;
}

static int undelegate(void **state)
{
    (void)state;
    if (delegated[0] != '\0' && (join(home) < 0 || rmdir(delegated) < 0))
        return -1;
    return 0;
}

static int fresh(void **state)
{
    (void)state;
    cgroup = CGROUP_NONE;
    if (delegated[0] != '\0')
        cgroup_init(&cgroup, "test", SLOTS);
    return pipe(pipes);
}

static int release(void **state)
{
    (void)state;
    while (waitpid(-1, NULL, WNOHANG) >= 0) {
        for (uint32_t i = 0; cgroup_active(&cgroup) && i < SLOTS; i++)
            cgroup_kill(&cgroup, i);
        cgroup_check(&cgroup, CLOCK_NEVER - 1000);
        poll(NULL, 0, 1);
    }
    cgroup_release(&cgroup);
    close(pipes[0]);
    close(pipes[1]);
    return 0;
}

static void need_groups(void)
{
    if (delegated[0] == '\0')
        skip();
    assert_true(cgroup_active(&cgroup));
}

static void stay(void)
{
    alarm(100);
    for (;;)
        pause();
}

/* A worker that has left a daemon behind in another session. */
static pid_t start_with_daemon(uint32_t slot, pid_t *daemon)
{
    pid_t worker = cgroup_fork(&cgroup, slot);
    if (worker == 0) {
        setsid();
        if (fork() == 0) {
            setsid();
            signal(SIGTERM, SIG_IGN);
            pid_t pid = fork();
            if (pid > 0)
                _exit(write(pipes[1], &pid, sizeof pid) != sizeof pid);
            stay();
        }
        stay();
    }
    assert_true(worker > 0);
    assert_int_equal(read(pipes[0], daemon, sizeof *daemon), sizeof *daemon);
    return worker;
}

/* The last two parts of the path of PID's group. */
static void expect_group(pid_t pid, const char *leaf)
{
    char path[64], line[CGROUP_MOUNT_PATH_MAX], expected[256];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    snprintf(expected, sizeof expected, "/%s/%s\n", cgroup.name, leaf);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (!found && fgets(line, sizeof line, file))
        found = strncmp(line, "0::", 3) == 0 && strlen(line) > strlen(expected) &&
                strcmp(line + strlen(line) - strlen(expected), expected) == 0;
    fclose(file);
    assert_true(found);
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* It becomes our child when its parent ends, and is reaped here. */
static void expect_killed(pid_t pid)
{
    int status = 0;
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) < 0 && errno == ECHILD && kill(pid, 0) == 0)
        poll(NULL, 0, 1);
    assert_int_equal(got, pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static bool group_exists(const char *leaf)
{
    return faccessat(cgroup.folder, leaf, F_OK, 0) == 0;
}

static void is_fork_where_nothing_is_delegated(void **state)
{
    (void)state;
    struct cgroup none = CGROUP_NONE;
    pid_t pid = cgroup_fork(&none, 0);
    if (pid == 0)
        _exit(7);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 7);
    cgroup_kill(&none, 0);
    cgroup_ended(&none, 0, 0);
    assert_false(cgroup_populated(&none, 0));
    assert_int_equal(cgroup_move(&none, 0, getpid()), 0);
    assert_true(cgroup_check(&none, 1) == CLOCK_NEVER);
    cgroup_release(&none);
}

static void worker_is_born_into_its_group(void **state)
{
    pid_t daemon;
    (void)state;
    need_groups();
    assert_false(cgroup_populated(&cgroup, 1));
    pid_t worker = start_with_daemon(1, &daemon);
    expect_group(worker, "1.1");
    expect_group(daemon, "1.1");
    assert_true(cgroup_populated(&cgroup, 1));
    assert_false(cgroup_populated(&cgroup, 0));
}

static void kill_ends_all_in_it_and_nobody_else(void **state)
{
    pid_t daemon, other_daemon;
    (void)state;
    need_groups();
    pid_t worker = start_with_daemon(0, &daemon), other = start_with_daemon(1, &other_daemon);
    cgroup_kill(&cgroup, 0);
    expect_killed(worker);
    expect_killed(daemon);
    assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
    assert_int_equal(kill(other_daemon, 0), 0);
}

static void next_worker_in_the_slot_is_spared(void **state)
{
    pid_t daemon, next_daemon;
    (void)state;
    need_groups();
    end(start_with_daemon(0, &daemon));
    cgroup_ended(&cgroup, 0, 5000);
    pid_t next = start_with_daemon(0, &next_daemon);
    expect_group(next, "0.2");
    assert_true(cgroup_check(&cgroup, 4999) == 5000);
    assert_int_equal(kill(daemon, 0), 0);
    cgroup_check(&cgroup, 5000);
    expect_killed(daemon);
    assert_int_equal(waitpid(next, NULL, WNOHANG), 0);
    assert_int_equal(kill(next_daemon, 0), 0);
    while (cgroup_check(&cgroup, 6000) != CLOCK_NEVER)
        poll(NULL, 0, 1);
    assert_false(group_exists("0.1"));
    assert_true(group_exists("0.2"));
}

static void empty_group_is_used_again(void **state)
{
    (void)state;
    need_groups();
    for (int i = 0; i < 3; i++) {
        pid_t pid = cgroup_fork(&cgroup, 2);
        if (pid == 0)
            _exit(0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        cgroup_ended(&cgroup, 2, 0);
    }
    assert_int_equal(cgroup.retired_count, 0);
    assert_true(group_exists("2.1"));
    assert_false(group_exists("2.2"));
}

static void copies_are_moved(void **state)
{
    (void)state;
    need_groups();
    pid_t pid = fork();
    if (pid == 0)
        stay();
    assert_int_equal(cgroup_move(&cgroup, 1, pid), 0);
    expect_group(pid, "1.1");
}

/* A group that is killed while it forks leaves nobody: here one process, for ever in another
 * session and with another pid. */
static void nobody_escapes_by_forking(void **state)
{
    struct pollfd escaped = {.fd = pipes[0], .events = POLLIN};
    (void)state;
    need_groups();
    pid_t worker = cgroup_fork(&cgroup, 0);
    if (worker == 0) {
        for (int i = 0; i < ESCAPES; i++) {
            setsid();
            if (fork() > 0)
                _exit(0);
        }
        _exit(write(pipes[1], "x", 1) != 1);
    }
    poll(NULL, 0, 30);
    cgroup_kill(&cgroup, 0);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    assert_int_equal(poll(&escaped, 1, 0), 0);
    assert_false(cgroup_populated(&cgroup, 0));
}

static void nothing_is_left_in_the_file_system(void **state)
{
    char folder[CGROUP_MOUNT_PATH_MAX + 256];
    (void)state;
    need_groups();
    pid_t daemon;
    end(start_with_daemon(0, &daemon));
    cgroup_kill(&cgroup, 0);
    expect_killed(daemon);
    snprintf(folder, sizeof folder, "%s/%s", delegated, cgroup.name);
    assert_int_equal(access(folder, F_OK), 0);
    cgroup_release(&cgroup);
    assert_int_equal(access(folder, F_OK), -1);
}

static void killed_pools_are_swept_and_living_ones_are_not(void **state)
{
    char dead[CGROUP_MOUNT_PATH_MAX + 256], alive[CGROUP_MOUNT_PATH_MAX + 256];
    (void)state;
    need_groups();
    snprintf(dead, sizeof dead, "%s/preforkd-other-1", delegated);
    snprintf(alive, sizeof alive, "%s/%s", delegated, cgroup.name);
    assert_int_equal(mkdir(dead, 0755), 0);
    snprintf(dead, sizeof dead, "%s/preforkd-other-1/0.1", delegated);
    assert_int_equal(mkdir(dead, 0755), 0);
    pid_t pool = fork();
    if (pool == 0) {
        struct cgroup second;
        cgroup_init(&second, "second", SLOTS);
        bool active = cgroup_active(&second);
        cgroup_release(&second);
        _exit(!active);
    }
    int status;
    assert_int_equal(waitpid(pool, &status, 0), pool);
    assert_int_equal(status, 0);
    assert_int_equal(access(dead, F_OK), -1);
    assert_int_equal(access(alive, F_OK), 0);
    pid_t worker = cgroup_fork(&cgroup, 0);
    if (worker == 0)
        stay();
    expect_group(worker, "0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_fork_where_nothing_is_delegated),
        cmocka_unit_test_setup_teardown(worker_is_born_into_its_group, fresh, release),
        cmocka_unit_test_setup_teardown(kill_ends_all_in_it_and_nobody_else, fresh, release),
        cmocka_unit_test_setup_teardown(next_worker_in_the_slot_is_spared, fresh, release),
        cmocka_unit_test_setup_teardown(empty_group_is_used_again, fresh, release),
        cmocka_unit_test_setup_teardown(copies_are_moved, fresh, release),
        cmocka_unit_test_setup_teardown(nobody_escapes_by_forking, fresh, release),
        cmocka_unit_test_setup_teardown(nothing_is_left_in_the_file_system, fresh, release),
        cmocka_unit_test_setup_teardown(killed_pools_are_swept_and_living_ones_are_not, fresh,
                                        release),
    };
    return cmocka_run_group_tests_name("cgroup", tests, delegate, undelegate);
}
