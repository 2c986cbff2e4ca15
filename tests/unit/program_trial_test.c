/* SPDX-License-Identifier: MIT
 *
 * program_trial_test - whether a program can be executed is found out by the kernel's own word, and
 * without an instruction of it being run.
 */
#include "server/program_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static char path[128];
static struct error error;

static int make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/preforkd-trial-XXXXXX");
    error = (struct error){0};
    return mkdtemp(folder) ? 0 : -1;
}

static int drop(const char *name, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(name);
}

static int release(void **state)
{
    (void)state;
    return nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS);
}

/* A process that is traced, or may not be, cannot find out anything: then all is well. */
static bool can_try(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static int execute(struct error *problem)
{
    char *const words[] = {path, NULL};
    execve(path, words, (char *[]){NULL});
    return error_set(problem, EXIT_CODE_CONFIG, "errno %d", errno);
}

static void put(const char *name, const char *text, mode_t mode)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int open_files(void)
{
    int count = 0;
    DIR *entries = opendir("/proc/self/fd");
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

static int try(void)
{
    int before = open_files(), status = program_trial(execute, &error);
    assert_int_equal(open_files(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    assert_int_equal(errno, ECHILD);
    return status;
}

static void expect_refused(int number)
{
    char text[24];
    if (!can_try())
        skip();
    snprintf(text, sizeof text, "errno %d", number);
    assert_int_equal(try(), -1);
    assert_string_equal(error.text, text);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
}

static void program_that_can_be_executed(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/bin/true");
    assert_int_equal(try(), 0);
    snprintf(path, sizeof path, "/bin/false");
    assert_int_equal(try(), 0); /* what it would exit with is not known */
}

static void program_is_not_run(void **state)
{
    char script[256], trace[128];
    (void)state;
    snprintf(trace, sizeof trace, "%s/was-here", folder);
    snprintf(script, sizeof script, "#!/bin/sh\necho > %s\n", trace);
    put("script", script, 0755);
    for (int i = 0; i < 20; i++)
        assert_int_equal(try(), 0);
    assert_int_equal(access(trace, F_OK), -1);
}

static void missing_program(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/none", folder);
    expect_refused(ENOENT);
}

static void program_that_may_not_be_executed(void **state)
{
    (void)state;
    put("text", "#!/bin/sh\n", 0644);
    expect_refused(EACCES);
}

static void directory(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s", folder);
    expect_refused(EACCES);
}

static void rubbish(void **state)
{
    (void)state;
    put("rubbish", "rubbish", 0755);
    expect_refused(ENOEXEC);
    put("empty", "", 0755);
    expect_refused(ENOEXEC);
}

static void missing_interpreter(void **state)
{
    (void)state;
    put("script", "#!/nonexistent/sh\n", 0755);
    expect_refused(ENOENT);
}

static void interpreter_without_end(void **state)
{
    char line[160];
    (void)state;
    snprintf(line, sizeof line, "#!%s/script\n", folder);
    put("script", line, 0755);
    expect_refused(ELOOP);
}

static int refuse(struct error *problem)
{
    return error_set(problem, EXIT_CODE_OS, "the directory is gone");
}

static void what_fails_before_is_told_too(void **state)
{
    (void)state;
    if (!can_try())
        skip();
    assert_int_equal(program_trial(refuse, &error), -1);
    assert_string_equal(error.text, "the directory is gone");
    assert_int_equal(error.code, EXIT_CODE_OS);
}

static int die(struct error *problem)
{
    (void)problem;
    raise(SIGKILL);
    return 0;
}

static int leave(struct error *problem)
{
    (void)problem;
    _exit(3);
}

/* As the kernel does to a program that does not fit once execve has gone too far to fail. */
static void end_by_a_signal_is_told(void **state)
{
    (void)state;
    if (!can_try())
        skip();
    assert_int_equal(program_trial(die, &error), -1);
    assert_non_null(strstr(error.text, "signal 9"));
}

static void end_without_a_report_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(program_trial(leave, &error), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* As the pool has it. */
static void blocked_signals_do_not_matter(void **state)
{
    sigset_t all, before;
    (void)state;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    put("rubbish", "rubbish", 0755);
    int status = program_trial(execute, &error);
    snprintf(path, sizeof path, "/bin/true");
    int fine = program_trial(execute, &error);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(status, can_try() ? -1 : 0);
    assert_int_equal(fine, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(program_that_can_be_executed),
        TEST(program_is_not_run),
        TEST(missing_program),
        TEST(program_that_may_not_be_executed),
        TEST(directory),
        TEST(rubbish),
        TEST(missing_interpreter),
        TEST(interpreter_without_end),
        TEST(what_fails_before_is_told_too),
        TEST(end_by_a_signal_is_told),
        TEST(end_without_a_report_says_nothing),
        TEST(blocked_signals_do_not_matter),
    };
    return cmocka_run_group_tests_name("program_trial", tests, NULL, NULL);
}
