/* SPDX-License-Identifier: MIT
 *
 * core_drive - for tests of the core: one that is driven event by event, and what it wants done as
 * text. An action is its name, then, as far as it has them, sSERVICE pPOOL, "next", "upgrade",
 * what follows the end of a pool, milliseconds, "why"; actions are separated by "; ".
 */
#ifndef TESTS_UNIT_CORE_DRIVE_H
#define TESTS_UNIT_CORE_DRIVE_H

#include "lib/clock.h"
#include "supervisor/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define NO_SPREAD 25u /* dice that leave a delay as it is */

static const struct core_settings SETTINGS = {.start_timeout = 10000,
                                              .graceful_timeout = 30000,
                                              .kill_timeout = 5000,
                                              .restart_delay = 100,
                                              .restart_delay_max = 800,
                                              .fresh_after_crash = true,
                                              .drain_backlog = true};

static struct core core;
static int64_t now; /* begins at 0 */
static char done[2048];

static inline void describe_action(const struct core_action *action)
{
    static const char *const names[] = {
#define ACTION(id) [CORE_DO_##id] = #id,
        CORE_ACTIONS(ACTION)
#undef ACTION
    };
    static const char *const sequels[] = {
#define SEQUEL(id, text) [CORE_SEQUEL_##id] = #id,
        CORE_SEQUELS(SEQUEL)
#undef SEQUEL
    };
    FILE *text = fmemopen(done, sizeof done, "a");
    assert_non_null(text);
    fprintf(text, "%s%s", done[0] ? "; " : "", names[action->type]);
    if (action->service)
        fprintf(text, " s%u", action->service);
    if (action->pool)
        fprintf(text, " p%u", action->pool);
    fprintf(text, "%s%s", action->next ? " next" : "", action->upgrade ? " upgrade" : "");
    if (action->type == CORE_DO_MOURN)
        fprintf(text, " %s", sequels[action->sequel]);
    if (action->ms && (action->type != CORE_DO_MOURN || action->sequel == CORE_SEQUEL_HOLD_OFF))
        fprintf(text, " %lldms", (long long)action->ms);
    if (action->why)
        fprintf(text, " \"%s\"", action->why);
    fclose(text);
}

static inline void describe_actions(struct core_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++)
        describe_action(&actions->list[i]);
    core_actions_release(actions);
}

static inline void step(struct core_event event)
{
    struct core_actions actions = {0};
    event.now_ms = now;
    event.dice = NO_SPREAD;
    core_step(&core, &event, &actions);
    describe_actions(&actions);
}

/* An event by its name, with the fields it has: on(POOL_ENDED, .pool = 1, .well = true) */
#define on(event, ...) step((struct core_event){.type = CORE_ON_##event, __VA_ARGS__})

static inline void after(int64_t ms)
{
    now += ms;
    on(TICK);
}

/* Exactly this was to be done since the last look. */
#define expect(text)                                                                               \
    do {                                                                                           \
        assert_string_equal(done, text);                                                           \
        done[0] = '\0';                                                                            \
    } while (0)

#define forget() (done[0] = '\0')

static inline const struct core_service *service_of(unsigned id)
{
    const struct core_service *service = core_service_find(&core, id);
    assert_non_null(service);
    return service;
}

static inline enum core_pool_state state_of(unsigned pool)
{
    assert_non_null(core_pool_find(&core, pool));
    return core_pool_find(&core, pool)->state;
}

/* STARTING, with services 1 to COUNT. */
static inline void begin(size_t count, struct core_settings settings)
{
    struct core_row rows[4] = {0};
    for (size_t i = 0; i < count; i++)
        rows[i] = (struct core_row){.service = (unsigned)i + 1, .settings = settings};
    now = 0;
    forget();
    core_init(&core, rows, count, now);
}

/* RUNNING: pool N serves service N. */
static inline void begin_running(size_t count, struct core_settings settings)
{
    begin(count, settings);
    after(0);
    for (unsigned pool = 1; pool <= count; pool++)
        on(POOL_READY, .pool = pool);
    assert_int_equal(core.phase, CORE_RUNNING);
    forget();
}

/* A row of the next configuration. */
static inline struct core_row row_of(unsigned service, bool changed)
{
    return (struct core_row){.service = service, .changed = changed, .settings = SETTINGS};
}

/* The next configuration is that of ROWS. */
static inline void reads(const struct core_row *rows, size_t count)
{
    on(READ, .well = true, .rows = rows, .row_count = count);
}

/* A reload of it up to the start of its pools. */
static inline void reload_starts(const struct core_row *rows, size_t count)
{
    on(RELOAD);
    reads(rows, count);
    forget();
    on(BOUND, .well = true);
}

static inline int one_starts(void **state)
{
    (void)state;
    begin(1, SETTINGS);
    return 0;
}

static inline int two_start(void **state)
{
    (void)state;
    begin(2, SETTINGS);
    return 0;
}

static inline int one_runs(void **state)
{
    (void)state;
    begin_running(1, SETTINGS);
    return 0;
}

static inline int two_run(void **state)
{
    (void)state;
    begin_running(2, SETTINGS);
    return 0;
}

static inline int core_ends(void **state)
{
    (void)state;
    core_release(&core);
    return 0;
}

/* A test, and what it begins with. */
#define core_test(test, setup) cmocka_unit_test_setup_teardown(test, setup, core_ends)

#endif
