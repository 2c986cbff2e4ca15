/* SPDX-License-Identifier: MIT
 *
 * worker_memory_test - what the kernel says of a process is understood, and what it does not say.
 */
#include "supervisor/pool/worker_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIG ((size_t)24 << 20)

static void reads_the_line(void **state)
{
    (void)state;
    assert_int_equal(worker_memory_parse("5555-7777 ---p 00000000 00:00 0   [rollup]\n"
                                         "Rss:                 900 kB\n"
                                         "Pss:                 123 kB\n"
                                         "Pss_Anon:             77 kB\n"),
                     123 * 1024);
    assert_int_equal(worker_memory_parse(""), 0);
    assert_int_equal(worker_memory_parse("x\nPss_Anon: 5 kB\n"), 0);
    assert_int_equal(worker_memory_parse("x\nPss: -5 kB\n"), 0);
    assert_int_equal(worker_memory_parse("x\nPss:"), 0);
    assert_int_equal(worker_memory_parse("x\nPss: 9223372036854775807 kB\n"), 0);
}

/* What a child has for itself counts, what it shares with us does not count whole. */
static void measures_a_child(void **state)
{
    int ready[2];
    char byte;
    (void)state;
    char *shared = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    memset(shared, 1, BIG);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *own = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(own, 1, BIG);
        _exit(write(ready[1], "", 1) == 1 && pause());
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    int64_t memory = worker_memory_measure(pid);
    assert_true(memory > (int64_t)(BIG + BIG / 4));
    assert_true(memory < (int64_t)(2 * BIG));
    kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(worker_memory_measure(pid), 0); /* ended, and not reaped */
    waitpid(pid, NULL, 0);
    munmap(shared, BIG);
    close(ready[0]);
    close(ready[1]);
}

static void who_is_not_there_cannot_be_measured(void **state)
{
    (void)state;
    assert_int_equal(worker_memory_measure(INT32_MAX), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_line),
        cmocka_unit_test(measures_a_child),
        cmocka_unit_test(who_is_not_there_cannot_be_measured),
    };
    return cmocka_run_group_tests_name("worker_memory", tests, NULL, NULL);
}
