/* SPDX-License-Identifier: MIT
 *
 * worker_end_test - what each end of a worker means: the whole table.
 */
#include "supervisor/pool/worker_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <signal.h>

#define LEFT    WORKER_END_KIND_LEFT
#define SERVED  WORKER_END_KIND_SERVED
#define CRASHED WORKER_END_KIND_CRASHED
#define FAILED  WORKER_END_KIND_FAILED

#define STATUS(value)                                                                              \
    {                                                                                              \
        .number = (value)                                                                          \
    }
#define SIGNALLED(value)                                                                           \
    {                                                                                              \
        .signalled = true, .number = (value)                                                       \
    }

#define STARTING SCOREBOARD_STARTING
#define READY    SCOREBOARD_READY
#define DRAINING SCOREBOARD_DRAINING

struct row {
    struct worker_end_facts facts;
    enum worker_end_kind kind;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (worker_end_judge(&rows[i].facts) != rows[i].kind)
            fail_msg("row %zu is %d", i, (int)worker_end_judge(&rows[i].facts));
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof *(rows))

#define ROW(result, a, b, c, ...)                                                                  \
    {                                                                                              \
        {.kind = CONFIG_##a, .state = b, .phase = SCOREBOARD_##c, __VA_ARGS__}, result             \
    }

static void workers_of_ours(void **state)
{
    static const struct row rows[] = {
        /* As told, or after max_connections_per_worker. */
        ROW(LEFT, BUILT_IN, DRAINING, LEAVING, .end = STATUS(0)),
        ROW(LEFT, BUILT_IN, READY, LEAVING, .end = STATUS(0)),
        ROW(LEFT, BUILT_IN, STARTING, LEAVING, .end = STATUS(0)),
        ROW(LEFT, BUILT_IN, DRAINING, LEAVING, .stopping = true, .end = STATUS(0)),
        /* Status 0 from code that is not ours, or no status of ours. */
        ROW(CRASHED, BUILT_IN, READY, BUSY, .end = STATUS(0)),
        ROW(CRASHED, BUILT_IN, READY, IDLE, .end = STATUS(0)),
        ROW(CRASHED, BUILT_IN, READY, LEAVING, .end = STATUS(1)),
        ROW(CRASHED, BUILT_IN, READY, LEAVING, .end = SIGNALLED(SIGSEGV)),
        ROW(CRASHED, BUILT_IN, READY, BUSY, .end = SIGNALLED(SIGPIPE)),
        ROW(CRASHED, BUILT_IN, READY, BUSY, .end = STATUS(WORKER_EXIT_EXEC)),
        ROW(CRASHED, BUILT_IN, DRAINING, BUSY, .end = SIGNALLED(SIGSEGV)),
        ROW(CRASHED, BUILT_IN, DRAINING, BUSY, .stopping = true, .end = STATUS(1)),
        /* Killed by us: no crash where it had to go anyway. */
        ROW(CRASHED, BUILT_IN, READY, BUSY, .told = true, .end = SIGNALLED(SIGKILL)),
        ROW(LEFT, BUILT_IN, DRAINING, BUSY, .told = true, .end = SIGNALLED(SIGKILL)),
        ROW(LEFT, BUILT_IN, READY, BUSY, .told = true, .stopping = true, .end = SIGNALLED(SIGKILL)),
        /* It cannot serve. */
        ROW(FAILED, BUILT_IN, STARTING, UNBORN, .end = STATUS(WORKER_EXIT_INIT)),
        ROW(FAILED, BUILT_IN, STARTING, UNBORN, .end = SIGNALLED(SIGSEGV)),
        ROW(FAILED, BUILT_IN, STARTING, UNBORN, .told = true, .end = SIGNALLED(SIGKILL)),
        ROW(FAILED, BUILT_IN, READY, IDLE, .end = STATUS(WORKER_EXIT_SOCKET)),
        ROW(CRASHED, BUILT_IN, DRAINING, IDLE, .end = STATUS(WORKER_EXIT_SOCKET)),
    };
    (void)state;
    CHECK(rows);
}

static void programs_that_have_a_client(void **state)
{
    static const struct row rows[] = {
        /* Whatever the status: that is between the program and its client. */
        ROW(SERVED, EXEC, READY, PROGRAM, .end = STATUS(0)),
        ROW(SERVED, EXEC, READY, PROGRAM, .end = STATUS(1)),
        ROW(SERVED, EXEC, READY, PROGRAM, .end = STATUS(WORKER_EXIT_SOCKET)),
        ROW(SERVED, EXEC, READY, PROGRAM, .end = STATUS(WORKER_EXIT_EXEC)),
        ROW(SERVED, EXEC, DRAINING, PROGRAM, .end = STATUS(1)),
        ROW(SERVED, EXEC, DRAINING, PROGRAM, .stopping = true, .end = STATUS(1)),
        /* READY was not noticed yet. */
        ROW(SERVED, EXEC, STARTING, PROGRAM, .end = STATUS(1)),
        /* Signals. */
        ROW(CRASHED, EXEC, READY, PROGRAM, .end = SIGNALLED(SIGSEGV)),
        ROW(CRASHED, EXEC, READY, PROGRAM, .end = SIGNALLED(SIGKILL)),
        ROW(CRASHED, EXEC, DRAINING, PROGRAM, .end = SIGNALLED(SIGSEGV)),
        ROW(SERVED, EXEC, READY, PROGRAM, .end = SIGNALLED(SIGPIPE)), /* the client left */
        ROW(SERVED, EXEC, READY, PROGRAM, .told = true, .end = SIGNALLED(SIGTERM)),
        ROW(SERVED, EXEC, READY, PROGRAM, .told = true, .end = SIGNALLED(SIGKILL)),
        ROW(SERVED, EXEC, DRAINING, PROGRAM, .told = true, .stopping = true,
            .end = SIGNALLED(SIGKILL)),
    };
    (void)state;
    CHECK(rows);
}

static void programs_that_have_none_yet(void **state)
{
    static const struct row rows[] = {
        ROW(LEFT, EXEC, DRAINING, LEAVING, .end = STATUS(0)),
        ROW(LEFT, EXEC, DRAINING, UNBORN, .told = true, .end = SIGNALLED(SIGKILL)),
        ROW(FAILED, EXEC, STARTING, UNBORN, .end = STATUS(0)), /* warm: it ended by itself */
        ROW(FAILED, EXEC, STARTING, UNBORN, .end = STATUS(WORKER_EXIT_INIT)),
        ROW(FAILED, EXEC, READY, BUSY, .end = STATUS(WORKER_EXIT_EXEC)),
        ROW(FAILED, EXEC, READY, IDLE, .end = STATUS(WORKER_EXIT_SOCKET)),
        ROW(CRASHED, EXEC, READY, IDLE, .end = SIGNALLED(SIGSEGV)),
        ROW(CRASHED, EXEC, READY, IDLE, .end = STATUS(0)),
    };
    (void)state;
    CHECK(rows);
}

static void programs_that_accept_by_themselves(void **state)
{
    static const struct row rows[] = {
        /* How it ends is its own affair, once it was told to. */
        ROW(LEFT, LISTEN, DRAINING, IDLE, .end = STATUS(0)),
        ROW(LEFT, LISTEN, DRAINING, IDLE, .end = STATUS(3)),
        ROW(LEFT, LISTEN, DRAINING, IDLE, .end = SIGNALLED(SIGTERM)),
        ROW(LEFT, LISTEN, DRAINING, UNBORN, .told = true, .end = SIGNALLED(SIGKILL)),
        /* Before it was ready, or soon afterwards. */
        ROW(FAILED, LISTEN, STARTING, UNBORN, .end = STATUS(0)),
        ROW(FAILED, LISTEN, STARTING, UNBORN, .end = SIGNALLED(SIGSEGV)),
        ROW(FAILED, LISTEN, READY, IDLE, .ready_ms = 0, .end = STATUS(0)),
        ROW(FAILED, LISTEN, READY, IDLE, .ready_ms = LISTEN_PROVED_MS - 1,
            .end = SIGNALLED(SIGSEGV)),
        /* Later. */
        ROW(CRASHED, LISTEN, READY, IDLE, .ready_ms = LISTEN_PROVED_MS, .end = STATUS(0)),
        ROW(CRASHED, LISTEN, READY, IDLE, .ready_ms = LISTEN_PROVED_MS, .end = SIGNALLED(SIGSEGV)),
        ROW(CRASHED, LISTEN, READY, IDLE, .ready_ms = LISTEN_PROVED_MS, .told = true,
            .end = SIGNALLED(SIGKILL)),
        /* Numbers that mean something only where our code exits with them. */
        ROW(CRASHED, LISTEN, READY, IDLE, .ready_ms = LISTEN_PROVED_MS,
            .end = STATUS(WORKER_EXIT_SOCKET)),
        ROW(CRASHED, LISTEN, READY, IDLE, .ready_ms = LISTEN_PROVED_MS,
            .end = STATUS(WORKER_EXIT_EXEC)),
    };
    (void)state;
    CHECK(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_of_ours),
        cmocka_unit_test(programs_that_have_a_client),
        cmocka_unit_test(programs_that_have_none_yet),
        cmocka_unit_test(programs_that_accept_by_themselves),
    };
    return cmocka_run_group_tests_name("worker_end", tests, NULL, NULL);
}
