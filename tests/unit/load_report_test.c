/* SPDX-License-Identifier: MIT
 *
 * load_report_test - every attempt is in one class, and the JSON says what was counted.
 */
#include "client/load_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>

static struct load_report report;

static int empty(void **state)
{
    (void)state;
    report = (struct load_report){.started_us = 1000000, .stopped_us = 3000000};
    return 0;
}

/* Runs PRINT and returns what it wrote, to be freed. */
static char *printed(void (*print)(const struct load_report *, const struct load_report_title *,
                                   FILE *),
                     const char *address)
{
    const struct load_report_title title = {
        .mode = "connect", .address = address, .concurrency = 8, .size_bytes = 64};
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print(&report, &title, out);
    fclose(out);
    return text;
}

static void attempts_are_pending_until_counted(void **state)
{
    (void)state;
    report.attempted = OUTCOME_COUNT + 2;
    for (int i = 0; i < OUTCOME_COUNT; i++)
        load_report_count(&report, (enum outcome)i, 2000000);
    assert_int_equal(load_report_pending(&report), 2);
    assert_int_equal(load_report_failures(&report), OUTCOME_COUNT - 1);
}

static void late_failures_do_not_lengthen_the_run(void **state)
{
    (void)state;
    load_report_count(&report, OUTCOME_SERVED, 2000000);
    load_report_count(&report, OUTCOME_TIMEOUT, 9000000);
    assert_true(load_report_elapsed_s(&report) == 2.0);
    load_report_count(&report, OUTCOME_SERVED, 3500000);
    assert_true(load_report_elapsed_s(&report) == 2.5);
}

static void nothing_counted_divides_by_nothing(void **state)
{
    (void)state;
    report = (struct load_report){0};
    assert_true(load_report_elapsed_s(&report) > 0);
    free(printed(load_report_print, "tcp://127.0.0.1:1"));
}

static void json_holds_every_class(void **state)
{
    (void)state;
    report.attempted = 3;
    report.local_errno = EMFILE;
    load_report_count(&report, OUTCOME_SERVED, 2000000);
    load_report_count(&report, OUTCOME_MISMATCH, 2000000);
    load_report_count(&report, OUTCOME_LOCAL, 2000000);
    char *text = printed(load_report_print_json, "unix:///a\"b\\c\n");
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "address")), "unix:///a\"b\\c\n");
    assert_int_equal(json_integer_value(json_object_get(json, "attempted")), 3);
    assert_int_equal(json_integer_value(json_object_get(json, "served")), 1);
    assert_int_equal(json_integer_value(json_object_get(json, "failed")), 2);
    json_t *failures = json_object_get(json, "failures");
    assert_int_equal(json_object_size(failures), OUTCOME_COUNT - 1);
    assert_int_equal(json_integer_value(json_object_get(failures, "mismatch")), 1);
    assert_int_equal(json_integer_value(json_object_get(failures, "local")), 1);
    assert_int_equal(json_integer_value(json_object_get(failures, "reset")), 0);
    json_decref(json);
    free(text);
}

static void text_names_the_local_reason(void **state)
{
    (void)state;
    report.attempted = 1;
    report.local_errno = EMFILE;
    load_report_count(&report, OUTCOME_LOCAL, 2000000);
    char *text = printed(load_report_print, "tcp://127.0.0.1:1");
    assert_non_null(strstr(text, "local 1"));
    assert_non_null(strstr(text, strerror(EMFILE)));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(attempts_are_pending_until_counted, empty),
        cmocka_unit_test_setup(late_failures_do_not_lengthen_the_run, empty),
        cmocka_unit_test_setup(nothing_counted_divides_by_nothing, empty),
        cmocka_unit_test_setup(json_holds_every_class, empty),
        cmocka_unit_test_setup(text_names_the_local_reason, empty),
    };
    return cmocka_run_group_tests_name("load_report", tests, NULL, NULL);
}
