/* SPDX-License-Identifier: MIT
 *
 * reading_test - whatever happens to the process that reads a file, the supervisor gets a
 * configuration or a reason, goes on meanwhile, and keeps nothing of it.
 */
#include "supervisor/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "lib/clock.h"
#include "lib/memory.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOOD "services = { a = { listen = \"tcp://127.0.0.1:7000\"; handler = \"echo\"; }; };\n"

static char folder[] = "/tmp/preforkd-reading-XXXXXX";
static char file[64];
static struct loop loop;
static struct reading reading;
static struct error error;

static struct config *got;
static char reason[4096];
static int calls;

/* The parser's entry, which has faults at the flick of a switch; what the process is like where it
 * is called is checked here, too. */
static enum { SOUND, CRASH, HANG, SPIN, HOG, LEAVE, LOOK } fault;

static int look_around(void)
{
    struct rlimit core;
    struct stat about[4];
    int open_files = 0;
    for (int fd = 0; fd < 100; fd++)
        open_files += fcntl(fd, F_GETFD) >= 0;
    for (int fd = 0; fd < 4; fd++)
        if (fstat(fd, &about[fd]) < 0)
            return 1;
    getrlimit(RLIMIT_CORE, &core);
    if (open_files != 5) /* these four, and the file */
        return 2;
    if (!S_ISCHR(about[0].st_mode) || !S_ISCHR(about[2].st_mode) || !S_ISREG(about[3].st_mode))
        return 3;
    if (core.rlim_max != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || getpgrp() != getpid())
        return 4;
    if (chown(file, 4711, 4711) == 0) /* even as root: it has the rights to read alone */
        return 5;
    return 0;
}

int config_read(config_t *config, FILE *stream)
{
    static int (*real)(config_t *, FILE *);
    int status;
    switch (fault) {
    case CRASH:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case HANG:
        pause();
        break;
    case SPIN:
        for (volatile int i = 0;; i = !i)
            ;
    case HOG:
        for (;;)
            memset(memory_zeroed(1, 1 << 20), 1, 1 << 20);
    case LEAVE:
        exit(2); /* as libconfig does where it has no memory */
    case LOOK:
        status = look_around();
        if (status != 0)
            _exit(100 + status);
        break;
    default:
        break;
    }
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "config_read");
    return real(config, stream);
}

static void done(void *owner, struct config *config, const char *problem)
{
    assert_ptr_equal(owner, &loop);
    assert_int_equal(problem == NULL, config != NULL);
    config_release(got);
    got = config;
    snprintf(reason, sizeof reason, "%s", problem ? problem : "");
    calls++;
}

static void write_file(const char *text)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int make(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/main.conf", folder);
    write_file(GOOD);
    assert_int_equal(loop_init(&loop), 0);
    reading_init(&reading, &loop, done, &loop);
    calls = 0;
    fault = SOUND;
    return 0;
}

static int release(void **state)
{
    (void)state;
    reading_release(&reading);
    config_release(got);
    got = NULL;
    loop_release(&loop);
    unlink(file);
    rmdir(folder);
    return 0;
}

static void begin(void)
{
    if (reading_begin(&reading, file, clock_now_ms(), &error) < 0)
        fail_msg("%s", error.text);
}

/* Until the outcome is there. No time passes for the reading. */
static void await(void)
{
    int before = calls;
    int64_t deadline = clock_now_ms() + 60000;
    while (calls == before && clock_now_ms() < deadline)
        loop_wait(&loop, deadline);
    assert_int_equal(calls, before + 1);
    assert_int_equal(reading.child.pidfd, -1);
    assert_int_equal(reading_check(&reading, clock_now_ms() + 1000000), CLOCK_NEVER);
}

static void await_end(void)
{
    while (reading.child.pidfd >= 0)
        loop_wait(&loop, CLOCK_NEVER);
}

static void read_file(void)
{
    begin();
    await();
}

static void expect_refused(const char *words)
{
    read_file();
    assert_null(got);
    if (!strstr(reason, words) || !strstr(reason, file))
        fail_msg("no \"%s\" in: %s", words, reason);
}

static void a_good_file_is_a_configuration(void **state)
{
    (void)state;
    read_file();
    if (!got)
        fail_msg("%s", reason);
    assert_string_equal(got->file, file);
    assert_int_equal(got->service_count, 1);
    assert_int_equal(got->services[0].listens[0].count, 1);
    assert_int_equal(got->services[0].listens[0].line, 1);
    assert_int_equal(got->services[0].listens[0].found[0].socket.in.sin_port, htons(7000));
    assert_int_equal(got->credentials != NULL, geteuid() == 0);
}

static void every_error_of_a_bad_file_is_told(void **state)
{
    char expected[512];
    (void)state;
    write_file("odd = 1;\nservices = { a = { listen = \"tcp://1.2.3.4:1x\";\n"
               "handler = \"ecco\"; }; };\n");
    read_file();
    assert_null(got);
    snprintf(expected, sizeof expected, "%s:1: unknown key \"odd\"", file);
    assert_memory_equal(reason, expected, strlen(expected));
    assert_non_null(strstr(reason, ":2: the port"));
    assert_non_null(strstr(reason, ":3: unknown handler"));
    assert_int_not_equal(reason[strlen(reason) - 1], '\n');
}

static void no_file(void **state)
{
    (void)state;
    unlink(file);
    expect_refused("No such file or directory");
}

static void a_parser_that_fails_is_a_refusal(void **state)
{
    (void)state;
    fault = CRASH;
    expect_refused("was ended by SIGSEGV");
    fault = LEAVE;
    expect_refused("was ended by status 2");
    fault = SOUND;
    read_file();
    assert_non_null(got);
}

static void limits_hold(void **state)
{
    (void)state;
    fault = SPIN;
    expect_refused("took more than 5 s of processor time");
#if !defined __SANITIZE_ADDRESS__
    fault = HOG;
    expect_refused("took more than 256 MiB of memory");
#endif
}

/* The clock is an argument: ten seconds pass at once. */
static void what_hangs_is_killed(void **state)
{
    int64_t now = clock_now_ms();
    (void)state;
    fault = HANG;
    begin();
    assert_int_equal(reading_check(&reading, now), reading.due_ms);
    assert_true(reading_holds(&reading, reading.child.pid));
    assert_false(reading_holds(&reading, getpid()));
    assert_true(reading.due_ms >= now + READING_LIMIT_MS);
    reading_check(&reading, reading.due_ms);
    assert_int_equal(calls, 0);
    await();
    assert_null(got);
    assert_non_null(strstr(reason, "took longer than 10 s"));
}

/* A process in uninterruptible sleep is not waited for, and no second one joins it. */
static void what_cannot_be_killed_is_given_up(void **state)
{
    (void)state;
    fault = HANG;
    begin();
    reading_check(&reading, reading.due_ms);
    reading_check(&reading, reading.due_ms);
    assert_int_equal(calls, 1);
    assert_non_null(strstr(reason, "does not end, either"));
    assert_int_equal(reading_begin(&reading, file, 0, &error), -1);
    assert_non_null(strstr(error.text, "does not end"));
    await_end();
    assert_int_equal(calls, 1);
    fault = SOUND;
    read_file();
    assert_non_null(got);
}

static void what_is_cancelled_is_not_told(void **state)
{
    (void)state;
    fault = HANG;
    begin();
    reading_cancel(&reading);
    await_end();
    assert_int_equal(calls, 0);
    assert_int_equal(reading_check(&reading, clock_now_ms() + 1000000), CLOCK_NEVER);
    reading_cancel(&reading); /* none */
}

static void the_child_has_nothing_but_its_task(void **state)
{
    (void)state;
    fault = LOOK;
    read_file();
    if (!got)
        fail_msg("%s", reason);
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *list = opendir("/proc/self/fd");
    assert_non_null(list);
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    int before = count_descriptors();
    for (int i = 0; i < 20; i++) {
        fault = i % 3 == 0 ? CRASH : SOUND;
        read_file();
    }
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)
    const struct CMUnitTest tests[] = {
        TEST(a_good_file_is_a_configuration),
        TEST(every_error_of_a_bad_file_is_told),
        TEST(no_file),
        TEST(a_parser_that_fails_is_a_refusal),
        TEST(limits_hold),
        TEST(what_hangs_is_killed),
        TEST(what_cannot_be_killed_is_given_up),
        TEST(what_is_cancelled_is_not_told),
        TEST(the_child_has_nothing_but_its_task),
        TEST(nothing_is_left_behind),
    };
    return cmocka_run_group_tests_name("reading", tests, NULL, NULL);
}
