/* SPDX-License-Identifier: MIT
 *
 * child_test - a child is held, signalled and reaped through its pidfd, and its end is told right.
 */
#include "lib/child.h"

#include "lib/sys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000 /* a machine may be slow; only a failure takes that long */

#define CORE_BYTES (1 << 20)

static char folder[] = "/tmp/preforkd-child-XXXXXX";
static struct child child;
static struct child_end end;
static int pipes[2]; /* from child to parent */
static bool no_room; /* for the next clone3, see syscall() */

/* As the kernel where a control group has as many processes as it may have: it finds that out when
 * it has told the number of the descriptor, which it then gives back. */
static int refuse_late(const struct clone_args *args)
{
    const int number = 1000;
    no_room = false;
    memcpy((void *)(uintptr_t)args->pidfd, &number, sizeof number);
    errno = EAGAIN;
    return -1;
}

/* As many arguments as there can be: who gave fewer does not ask for the others, which are
 * something else's then. */
__attribute__((no_sanitize_address)) long syscall(long number, ...)
{
    long a[6], (*real)(long, ...);
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_clone3 && no_room)
        return refuse_late((const struct clone_args *)a[0]);
    *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int fresh(void **state)
{
    (void)state;
    child = CHILD_NONE;
    memset(&end, 0xAA, sizeof end);
    return pipe2(pipes, O_CLOEXEC);
}

static int release(void **state)
{
    (void)state;
    if (child.pidfd >= 0)
        child_discard(&child);
    close(pipes[0]);
    close(pipes[1]);
    return 0;
}

/* Fork a child that calls BODY and exits with what it returns. */
static void start(int (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60); /* it does not outlive a test that crashes */
        _exit(body());
    }
    assert_true(pid > 0);
    assert_int_equal(child_adopt(&child, pid), 0);
    assert_int_equal(child.pid, pid);
    assert_true(child.pidfd >= 0);
}

/* The same by child_fork() or child_clone(). */
static void make(pid_t (*maker)(struct child *), int (*body)(void))
{
    pid_t pid = maker(&child);
    if (pid == 0) {
        alarm(60);
        _exit(body());
    }
    assert_true(pid > 0);
    assert_int_equal(child.pid, pid);
    assert_int_equal(fcntl(child.pidfd, F_GETFD), FD_CLOEXEC);
}

static void reap(void)
{
    struct pollfd p = {.fd = child.pidfd, .events = POLLIN};
    int pidfd = child.pidfd;
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(child_reap(&child, &end), 1);
    assert_int_equal(child.pidfd, -1);
    assert_int_equal(fcntl(pidfd, F_GETFD), -1);
    assert_int_equal(waitpid(child.pid, NULL, WNOHANG), -1); /* no zombie is left */
    assert_int_equal(errno, ECHILD);
}

/* What the child wrote. */
static int heard(void)
{
    struct pollfd p = {.fd = pipes[0], .events = POLLIN};
    int number = -1;
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(read(pipes[0], &number, sizeof number), sizeof number);
    return number;
}

static void say(int number)
{
    if (write(pipes[1], &number, sizeof number) != sizeof number)
        _exit(99);
}

static int exit_0(void)
{
    return 0;
}

static int exit_71(void)
{
    return 71;
}

static int sleep_for_ever(void)
{
    while (pause() < 0)
        ;
    return 0;
}

static int say_the_value_of_usr1(void)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    say(1);
    if (sigwaitinfo(&set, &info) != SIGUSR1 || info.si_code != SI_QUEUE || info.si_pid != getppid())
        return 1;
    say(info.si_value.sival_int);
    return 0;
}

static int abort_without_core(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    abort();
}

/* With a core dump, where the machine makes any. */
static int abort_with_core(void)
{
    struct rlimit limit;
    if (chdir(folder) == 0 && getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max < CORE_BYTES ? limit.rlim_max : CORE_BYTES;
        setrlimit(RLIMIT_CORE, &limit);
    }
    abort();
}

/* Leads a group with a child of its own in it; both hold the pipe open. */
static int lead_a_group(void)
{
    setpgid(0, 0);
    if (fork() == 0)
        alarm(60);
    say(1);
    return sleep_for_ever();
}

static int use_processor_and_memory(void)
{
    const size_t size = 32 << 20;
    volatile char *memory = malloc(size); /* not to be optimised away */
    struct rusage usage = {0};
    if (!memory)
        return 1;
    while (usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec < 30000) {
        for (size_t i = 0; i < size; i += 512)
            memory[i] = (char)usage.ru_utime.tv_usec;
        getrusage(RUSAGE_SELF, &usage);
    }
    return 0;
}

static int wait_for_a_child_of_its_own(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(use_processor_and_memory());
    return waitpid(pid, &status, 0) == pid ? 0 : 1;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;
    (void)state;
    while (entries && (entry = readdir(entries)) != NULL)
        unlinkat(dirfd(entries), entry->d_name, 0); /* the core, if there is one */
    closedir(entries);
    return rmdir(folder);
}

/* As a worker does. */
static int close_all_but_the_pipe(void)
{
    if (sys_close_range((unsigned)pipes[1] + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0)
        return 1;
    say(fcntl(pipes[1] + 1, F_GETFD) < 0 ? 1 : 0);
    return open("/dev/null", O_RDONLY) == pipes[1] + 1 ? 0 : 2;
}

static void exit_status_is_told(void **state)
{
    (void)state;
    start(exit_71);
    reap();
    assert_false(end.signalled);
    assert_false(end.core);
    assert_int_equal(end.number, 71);
    start(exit_0);
    reap();
    assert_false(end.signalled);
    assert_int_equal(end.number, 0);
}

static void signal_is_told(void **state)
{
    (void)state;
    start(sleep_for_ever);
    child_signal(&child, SIGKILL);
    reap();
    assert_true(end.signalled);
    assert_false(end.core);
    assert_int_equal(end.number, SIGKILL);
}

static void signals_that_may_be_handled_arrive(void **state)
{
    (void)state;
    start(sleep_for_ever);
    child_signal(&child, SIGTERM);
    reap();
    assert_true(end.signalled);
    assert_int_equal(end.number, SIGTERM);
}

static void core_is_told_as_the_kernel_tells_it(void **state)
{
    siginfo_t info = {0};
    (void)state;
    start(abort_with_core);
    assert_int_equal(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
    reap();
    assert_true(end.signalled);
    assert_int_equal(end.number, SIGABRT);
    assert_int_equal(end.core, info.si_code == CLD_DUMPED);
    start(abort_without_core);
    reap();
    assert_true(end.signalled);
    assert_int_equal(end.number, SIGABRT);
    assert_false(end.core);
}

static void running_child_is_not_reaped(void **state)
{
    (void)state;
    start(sleep_for_ever);
    assert_int_equal(child_reap(&child, &end), 0);
    assert_true(child.pidfd >= 0);
    child_signal(&child, SIGKILL);
    reap();
}

static void value_travels_with_a_signal(void **state)
{
    (void)state;
    start(say_the_value_of_usr1);
    assert_int_equal(heard(), 1); /* it waits for the signal */
    child_signal_value(&child, SIGUSR1, 0x03ABCDEF);
    assert_int_equal(heard(), 0x03ABCDEF);
    reap();
    assert_false(end.signalled);
    assert_int_equal(end.number, 0);
}

static void ended_child_may_be_signalled(void **state)
{
    struct pollfd p;
    (void)state;
    start(exit_71);
    p = (struct pollfd){.fd = child.pidfd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    child_signal(&child, SIGKILL);
    child_signal_value(&child, SIGUSR1, 1);
    reap();
    assert_false(end.signalled);
    assert_int_equal(end.number, 71);
}

static void what_it_used_is_told(void **state)
{
    (void)state;
    start(use_processor_and_memory);
    reap();
    assert_in_range(end.user_us, 30000, INT64_C(60) * 1000000);
    assert_in_range(end.system_us, 0, INT64_C(60) * 1000000);
    assert_in_range(end.max_rss_kib, 32 << 10, 1 << 30);
}

static void what_its_children_used_is_told(void **state)
{
    (void)state;
    start(wait_for_a_child_of_its_own);
    reap();
    assert_in_range(end.user_us, 30000, INT64_C(60) * 1000000);
    assert_in_range(end.max_rss_kib, 32 << 10, 1 << 30);
}

static void what_others_used_is_not_its(void **state)
{
    (void)state;
    start(use_processor_and_memory);
    reap();
    start(exit_0);
    reap();
    assert_in_range(end.user_us + end.system_us, 0, 29999);
}

static void child_is_ours_until_it_is_reaped(void **state)
{
    struct pollfd p;
    (void)state;
    start(exit_71);
    assert_true(child_is_ours(child.pid));
    p = (struct pollfd){.fd = child.pidfd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_true(child_is_ours(child.pid)); /* looking does not reap it */
    reap();
    assert_int_equal(end.number, 71);
    assert_false(child_is_ours(child.pid));
}

static int has_no_say_over_its_sibling(void)
{
    return child_is_ours(child.pid) || child_is_ours(getppid()) || child_is_ours(getpid());
}

static void others_are_not_ours(void **state)
{
    int status;
    (void)state;
    assert_false(child_is_ours(0));
    assert_false(child_is_ours(-1));
    assert_false(child_is_ours(-EAGAIN));
    assert_false(child_is_ours(1));
    assert_false(child_is_ours(getpid()));
    assert_false(child_is_ours(INT_MAX));
    start(sleep_for_ever);
    pid_t sibling = fork();
    if (sibling == 0)
        _exit(has_no_say_over_its_sibling());
    assert_int_equal(waitpid(sibling, &status, 0), sibling);
    assert_int_equal(status, 0);
}

static void no_child_is_left_alone(void **state)
{
    (void)state;
    child_signal(&child, SIGKILL);
    child_signal_value(&child, SIGKILL, 1);
    assert_int_equal(child_reap(&child, &end), 0);
    assert_int_equal(child.pidfd, -1);
}

static void discarded_child_is_gone(void **state)
{
    (void)state;
    start(sleep_for_ever);
    child_discard(&child);
    assert_int_equal(child.pidfd, -1);
    assert_int_equal(waitpid(child.pid, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void group_is_killed_with_its_leader(void **state)
{
    struct pollfd p = {.fd = pipes[0], .events = POLLIN};
    char byte;
    (void)state;
    start(lead_a_group);
    close(pipes[1]);
    pipes[1] = -1;
    assert_int_equal(heard(), 1); /* leader and member, in either order */
    assert_int_equal(heard(), 1);
    child_kill_group(&child);
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(read(pipes[0], &byte, 1), 0); /* nobody holds it any more */
    reap();
    assert_int_equal(end.number, SIGKILL);
}

static void pidfd_is_not_inherited(void **state)
{
    (void)state;
    start(sleep_for_ever);
    assert_true(fcntl(child.pidfd, F_GETFD) & FD_CLOEXEC);
}

static void made_child_is_held(void **state)
{
    pid_t (*const makers[])(struct child *) = {child_fork, child_clone};
    (void)state;
    for (int i = 0; i < 2; i++) {
        make(makers[i], exit_71);
        assert_true(child_is_ours(child.pid));
        reap();
        assert_int_equal(end.number, 71);
    }
}

/* The parent holds many: none of them is closed, and none is copied into the child's table. */
static void what_a_clone_closes_stays_open_here(void **state)
{
    int many[300];
    (void)state;
    for (int i = 0; i < 300; i++)
        assert_true((many[i] = fcntl(pipes[0], F_DUPFD_CLOEXEC, 3)) >= 0);
    make(child_clone, close_all_but_the_pipe);
    assert_int_equal(heard(), 1);
    reap();
    assert_int_equal(end.number, 0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(close(many[i]), 0);
}

static void clone_that_failed_holds_nothing(void **state)
{
    (void)state;
    no_room = true;
    pid_t pid = child_clone(&child);
    if (pid == 0)
        _exit(0);
    if (no_room)
        skip(); /* it is fork() here */
    assert_int_equal(pid, -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(child.pidfd, -1);
}

/* No descriptor is to be had: the child must not be left running, nor as a zombie. */
static void child_that_cannot_be_held_is_ended(void **state)
{
    struct rlimit before, none;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        _exit(sleep_for_ever());
    }
    assert_true(pid > 0);
    setrlimit(RLIMIT_NOFILE, &none);
    int status = child_adopt(&child, pid), reason = errno;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(status, -1);
    assert_int_equal(reason, EMFILE);
    assert_int_equal(child.pidfd, -1);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* As in another image of this process: only the number is known. */
static void lost_descriptor_is_had_again(void **state)
{
    (void)state;
    start(sleep_for_ever);
    pid_t pid = child.pid;
    assert_int_equal(close(child.pidfd), 0);
    child = CHILD_NONE;
    assert_int_equal(child_retake(&child, pid), 0);
    assert_int_equal(child.pid, pid);
    assert_true(fcntl(child.pidfd, F_GETFD) & FD_CLOEXEC);
    child_signal(&child, SIGKILL);
    reap();
    assert_int_equal(end.number, SIGKILL);
}

static void nobody_elses_process_is_had(void **state)
{
    (void)state;
    assert_int_equal(child_retake(&child, getppid()), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(child.pidfd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exit_status_is_told, fresh, release),
        cmocka_unit_test_setup_teardown(what_it_used_is_told, fresh, release),
        cmocka_unit_test_setup_teardown(what_its_children_used_is_told, fresh, release),
        cmocka_unit_test_setup_teardown(what_others_used_is_not_its, fresh, release),
        cmocka_unit_test_setup_teardown(child_is_ours_until_it_is_reaped, fresh, release),
        cmocka_unit_test_setup_teardown(others_are_not_ours, fresh, release),
        cmocka_unit_test_setup_teardown(signal_is_told, fresh, release),
        cmocka_unit_test_setup_teardown(signals_that_may_be_handled_arrive, fresh, release),
        cmocka_unit_test_setup_teardown(core_is_told_as_the_kernel_tells_it, fresh, release),
        cmocka_unit_test_setup_teardown(running_child_is_not_reaped, fresh, release),
        cmocka_unit_test_setup_teardown(value_travels_with_a_signal, fresh, release),
        cmocka_unit_test_setup_teardown(ended_child_may_be_signalled, fresh, release),
        cmocka_unit_test_setup_teardown(no_child_is_left_alone, fresh, release),
        cmocka_unit_test_setup_teardown(discarded_child_is_gone, fresh, release),
        cmocka_unit_test_setup_teardown(group_is_killed_with_its_leader, fresh, release),
        cmocka_unit_test_setup_teardown(pidfd_is_not_inherited, fresh, release),
        cmocka_unit_test_setup_teardown(made_child_is_held, fresh, release),
        cmocka_unit_test_setup_teardown(what_a_clone_closes_stays_open_here, fresh, release),
        cmocka_unit_test_setup_teardown(clone_that_failed_holds_nothing, fresh, release),
        cmocka_unit_test_setup_teardown(lost_descriptor_is_had_again, fresh, release),
        cmocka_unit_test_setup_teardown(nobody_elses_process_is_had, fresh, release),
        cmocka_unit_test_setup_teardown(child_that_cannot_be_held_is_ended, fresh, release),
    };
    return cmocka_run_group_tests_name("child", tests, make_folder, remove_folder);
}
