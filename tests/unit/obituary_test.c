/* SPDX-License-Identifier: MIT
 *
 * obituary_test - one line tells who died of what, after how long, and what comes next.
 */
#include "supervisor/pool/obituary.h"

#include "lib/log.h"
#include "lib/log_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <unistd.h>

static struct obituary obituary;

static int make(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    obituary = (struct obituary){.slot = 3,
                                 .pid = 4711,
                                 .age_ms = 61250,
                                 .connections = 7,
                                 .peer = "192.0.2.1:80",
                                 .end = {.signalled = true, .number = SIGSEGV, .core = true},
                                 .next = "replaced at once"};
    return 0;
}

static json_t *written(void)
{
    static char text[LOG_LINE_MAX + 1];
    int ends[2], messages = dup(STDERR_FILENO);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    log_sink_adopt();
    obituary_write(&obituary);
    dup2(messages, STDERR_FILENO);
    log_sink_adopt();
    ssize_t got = read(ends[0], text, sizeof text - 1);
    close(messages);
    close(ends[0]);
    close(ends[1]);
    assert_true(got > 0);
    text[got] = '\0';
    assert_ptr_equal(strchr(text, '\n'), text + got - 1);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static void expect_text(json_t *json, const char *key, const char *value)
{
    const char *found = json_string_value(json_object_get(json, key));
    assert_non_null(found);
    assert_string_equal(found, value);
}

static void expect_number(json_t *json, const char *key, int64_t value)
{
    assert_true(json_is_integer(json_object_get(json, key)));
    assert_int_equal(json_integer_value(json_object_get(json, key)), value);
}

static void death_by_signal(void **state)
{
    json_t *json = written();
    (void)state;
    expect_text(json, "level", "warning");
    expect_text(json, "msg", "worker died");
    expect_number(json, "slot", 3);
    expect_number(json, "worker_pid", 4711);
    expect_number(json, "connections", 7);
    assert_true(json_real_value(json_object_get(json, "age_s")) == 61.25);
    expect_text(json, "peer", "192.0.2.1:80");
    expect_text(json, "signal", "SIGSEGV");
    expect_text(json, "core", "yes");
    expect_text(json, "next", "replaced at once");
    assert_null(json_object_get(json, "status"));
    json_decref(json);
}

static void death_by_exit(void **state)
{
    (void)state;
    obituary.end = (struct child_end){.number = 3};
    obituary.peer = "";
    json_t *json = written();
    expect_number(json, "status", 3);
    expect_text(json, "core", "no");
    expect_text(json, "peer", "");
    assert_null(json_object_get(json, "signal"));
    json_decref(json);
}

static void expected_end_is_for_debugging(void **state)
{
    (void)state;
    obituary.expected = true;
    json_t *json = written();
    expect_text(json, "level", "debug");
    expect_text(json, "msg", "worker left");
    json_decref(json);
}

static void cause_in_words(void **state)
{
    static const struct {
        struct child_end end;
        const char *text;
    } rows[] = {
        {.end = {.signalled = false, .number = 0, .core = false}, .text = "status 0"},
        {.end = {.signalled = false, .number = 101, .core = false}, .text = "status 101"},
        {.end = {.signalled = true, .number = SIGKILL, .core = false}, .text = "signal SIGKILL"},
        {.end = {.signalled = true, .number = SIGSEGV, .core = true},
         .text = "signal SIGSEGV (core dumped)"},
    };
    char text[OBITUARY_CAUSE_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(obituary_cause(&rows[i].end, text), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(death_by_signal, make),
        cmocka_unit_test_setup(death_by_exit, make),
        cmocka_unit_test_setup(expected_end_is_for_debugging, make),
        cmocka_unit_test_setup(cause_in_words, make),
    };
    return cmocka_run_group_tests_name("obituary", tests, NULL, NULL);
}
