/* SPDX-License-Identifier: MIT
 *
 * log_test - each event is one whole line, whatever the values: as logfmt, and as JSON that parses.
 *
 * The lines are caught from descriptor 2 with a pipe.
 */
#include "lib/log.h"

#include "lib/log_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

static struct log_line line;
static char text[3 * LOG_LINE_MAX];

static int as_logfmt(void **state)
{
    (void)state;
    log_identify("tester", "greet");
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    return 0;
}

static int as_json(void **state)
{
    as_logfmt(state);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    return 0;
}

/* What BODY(ARGUMENT) writes to descriptor 2, in `text`. Nothing may fail within: cmocka's own
 * messages would be caught, too. */
static size_t capture(void (*body)(const void *), const void *argument)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    log_sink_adopt();
    body(argument);
    dup2(saved, STDERR_FILENO);
    log_sink_adopt();
    close(saved);
    close(ends[1]);
    ssize_t got = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(got >= 0);
    text[got] = '\0';
    return (size_t)got;
}

static void end_line(const void *ignored)
{
    (void)ignored;
    log_end(&line);
}

/* Finish the line and check what holds for every one. */
static const char *written(void)
{
    size_t length = capture(end_line, NULL);
    assert_in_range(length, 1, LOG_LINE_MAX);
    assert_int_equal(strlen(text), length);
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    return text;
}

static json_t *written_json(void)
{
    json_error_t problem;
    json_t *json = json_loads(written(), JSON_REJECT_DUPLICATES, &problem);
    if (!json)
        fail_msg("%s at %d: %s", problem.text, problem.position, text);
    assert_true(json_is_object(json));
    return json;
}

static const char *member(json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));
    assert_non_null(value);
    return value;
}

/* The same for logfmt: KEY=VALUE, single blanks between, a value bare or in quotes. Returns how
 * many fields there are. */
static int count_logfmt(const char *at)
{
    int fields = 0;
    for (;; fields++) {
        size_t key = strcspn(at, " =\"\n");
        assert_true(key > 0);
        assert_int_equal(at[key], '=');
        at += key + 1;
        if (*at == '"') {
            for (at++; *at != '"'; at++) {
                assert_true((unsigned char)*at >= ' ');
                at += *at == '\\';
            }
            at++;
        } else {
            size_t bare = strcspn(at, " =\"\\\n");
            assert_true(bare > 0);
            at += bare;
        }
        if (*at == '\n')
            return fields + 1;
        assert_int_equal(*at++, ' ');
    }
}

static void line_says_when_who_and_what(void **state)
{
    char rest[128];
    (void)state;
    log_begin(&line, LOG_LEVEL_WARNING, "worker died");
    log_int(&line, "slot", 3);
    log_text(&line, "signal", "SIGKILL");
    log_seconds(&line, "age_s", 1250000);
    snprintf(rest, sizeof rest,
             " level=warning role=tester pid=%d service=greet msg=\"worker died\" slot=3 "
             "signal=SIGKILL age_s=1.250000\n",
             (int)getpid());
    assert_string_equal(strchr(written(), ' '), rest);
    assert_int_equal(strspn(text, "time=0123456789-T:.Z"), strcspn(text, " "));
    assert_int_equal(strcspn(text, " "), strlen("time=2026-01-02T03:04:05.678Z"));
}

static void json_says_the_same(void **state)
{
    (void)state;
    log_begin(&line, LOG_LEVEL_ERROR, "worker died");
    log_int(&line, "slot", -3);
    log_seconds(&line, "age_s", 2500000);
    json_t *json = written_json();
    assert_int_equal(strlen(member(json, "time")), strlen("2026-01-02T03:04:05.678Z"));
    assert_string_equal(member(json, "level"), "error");
    assert_string_equal(member(json, "role"), "tester");
    assert_string_equal(member(json, "service"), "greet");
    assert_string_equal(member(json, "msg"), "worker died");
    assert_int_equal(json_integer_value(json_object_get(json, "pid")), getpid());
    assert_int_equal(json_integer_value(json_object_get(json, "slot")), -3);
    assert_true(json_real_value(json_object_get(json, "age_s")) == 2.5);
    assert_int_equal(json_object_size(json), 8);
    json_decref(json);
}

static void no_service_no_field(void **state)
{
    (void)state;
    log_identify("supervisor", NULL);
    log_begin(&line, LOG_LEVEL_INFO, "ready");
    assert_null(strstr(written(), "service="));
    assert_int_equal(count_logfmt(text), 5);
}

static void values_are_bare_or_quoted(void **state)
{
    (void)state;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_text(&line, "a", "127.0.0.1:80");
    log_text(&line, "b", "two words");
    log_text(&line, "c", "");
    log_text(&line, "d", "x=y");
    log_text(&line, "e", "say \"hi\"\\\n");
    log_bytes(&line, "f", "\0\x7F\xFF", 3);
    log_text(&line, "g", "\xC3\xA4");
    const char *fields = strstr(written(), " a=");
    assert_non_null(fields);
    assert_string_equal(fields, " a=127.0.0.1:80 b=\"two words\" c=\"\" d=\"x=y\" "
                                "e=\"say \\\"hi\\\"\\\\\\n\" f=\"\\u0000\\u007f\xEF\xBF\xBD\" "
                                "g=\"\xC3\xA4\"\n");
    assert_int_equal(count_logfmt(text), 6 + 7);
}

static void no_value_forges_a_line_or_field(void **state)
{
    (void)state;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_text(&line, "line", "a\nlevel=error msg=\"all is lost\"\r\n");
    assert_int_equal(count_logfmt(written()), 6 + 1);
}

static void json_values_come_back(void **state)
{
    static const char *const values[] = {
        "", "plain", "two words", "say \"hi\"\\", "\n\r\t\x01\x7F", "\xE2\x80\xAE evil", "{}[]:,"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        log_begin(&line, LOG_LEVEL_INFO, values[i]);
        log_text(&line, "value", values[i]);
        json_t *json = written_json();
        assert_string_equal(member(json, "value"), values[i]);
        assert_string_equal(member(json, "msg"), values[i]);
        json_decref(json);
    }
}

static void seconds_have_six_digits(void **state)
{
    (void)state;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_seconds(&line, "a", 0);
    log_seconds(&line, "b", 1);
    log_seconds(&line, "c", 999999);
    log_seconds(&line, "d", 3600000001);
    log_seconds(&line, "e", -5);
    assert_non_null(
        strstr(written(), " a=0.000000 b=0.000001 c=0.999999 d=3600.000001 e=0.000000"));
}

static void extreme_numbers_fit(void **state)
{
    (void)state;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_int(&line, "least", INT64_MIN);
    log_int(&line, "most", INT64_MAX);
    log_seconds(&line, "long", INT64_MAX);
    assert_non_null(strstr(written(), " least=-9223372036854775808 most=9223372036854775807 "
                                      "long=9223372036854.775807\n"));
}

/* A value that is too long: at every offset within a piece, so that the cut meets each of its
 * bytes. */
static void expect_cut(const char *piece, bool json)
{
    static char value[LOG_LINE_MAX * 2];
    for (size_t offset = 0; offset < 12; offset++) {
        memset(value, 'x', sizeof value);
        for (size_t at = offset; at + strlen(piece) <= sizeof value; at += strlen(piece))
            memcpy(value + at, piece, strlen(piece));
        log_begin(&line, LOG_LEVEL_INFO, "m");
        log_bytes(&line, "value", value, sizeof value);
        assert_true(line.cut);
        if (json) {
            json_t *parsed = written_json();
            const char *seen = member(parsed, "value");
            assert_string_equal(seen + strlen(seen) - 3, "...");
            json_decref(parsed);
        } else {
            assert_int_equal(count_logfmt(written()), 6 + 1);
        }
        assert_true(strlen(text) > LOG_LINE_MAX - 40); /* no more was lost than had to be */
    }
}

static void long_values_are_cut_to_the_line(void **state)
{
    static const char *const pieces[] = {
        "y", "\n", "\x01", "\xC3\xA4", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80", "\xFF", "\""};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        as_logfmt(state);
        expect_cut(pieces[i], false);
        as_json(state);
        expect_cut(pieces[i], true);
    }
}

/* Whatever is added behind a value that filled the line is left out, and writes nowhere. */
static void fields_behind_a_cut_value_are_left_out(void **state)
{
    static char value[LOG_LINE_MAX * 2];
    static struct {
        struct log_line line;
        char behind[LOG_LINE_MAX * 3];
    } guarded;
    memset(value, 'y', sizeof value);
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            as_logfmt(state);
        else
            as_json(state);
        memset(guarded.behind, '#', sizeof guarded.behind);
        log_begin(&guarded.line, LOG_LEVEL_INFO, "m");
        log_bytes(&guarded.line, "value", value, sizeof value);
        log_bytes(&guarded.line, "next", value, sizeof value);
        log_int(&guarded.line, "number", 1);
        for (size_t i = 0; i < sizeof guarded.behind; i++)
            assert_int_equal(guarded.behind[i], '#');
        line = guarded.line;
        written();
        assert_null(strstr(text, "next"));
        assert_null(strstr(text, "number"));
    }
}

static void bare_value_that_is_cut_stays_bare(void **state)
{
    char value[LOG_LINE_MAX + 1];
    (void)state;
    memset(value, 'y', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_text(&line, "value", value);
    assert_int_equal(count_logfmt(written()), 6 + 1);
    assert_string_equal(text + strlen(text) - 5, "y...\n");
}

/* Numbers and short values until nothing fits: what does not fit is left out whole. */
static void full_line_stays_whole(bool json)
{
    char key[24];
    for (int width = 1; width < 20; width++) {
        log_begin(&line, LOG_LEVEL_INFO, "m");
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "k%0*d", width, i);
            if (i % 2 == 0)
                log_int(&line, key, i);
            else
                log_text(&line, key, "v");
        }
        if (json)
            json_decref(written_json());
        else
            count_logfmt(written());
        assert_true(strlen(text) > LOG_LINE_MAX - 80);
    }
}

static void line_of_many_fields_stays_whole(void **state)
{
    as_logfmt(state);
    full_line_stays_whole(false);
    as_json(state);
    full_line_stays_whole(true);
}

static void less_severe_lines_are_not_written(void **state)
{
    (void)state;
    assert_true(log_enabled(LOG_LEVEL_INFO));
    assert_false(log_enabled(LOG_LEVEL_DEBUG));
    log_begin(&line, LOG_LEVEL_DEBUG, "m");
    log_text(&line, "k", "v");
    log_int(&line, "n", 1);
    assert_int_equal(capture(end_line, NULL), 0);
    log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    log_begin(&line, LOG_LEVEL_DEBUG, "m");
    assert_non_null(strstr(written(), "level=debug"));
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    log_begin(&line, LOG_LEVEL_WARNING, "m");
    assert_int_equal(capture(end_line, NULL), 0);
}

static void write_message(const void *argument)
{
    log_warning("cannot open %s: %d", (const char *)argument, 42);
}

static void message_is_formatted(void **state)
{
    (void)state;
    capture(write_message, "the \"file\"");
    assert_non_null(strstr(text, " level=warning "));
    assert_non_null(strstr(text, " msg=\"cannot open the \\\"file\\\": 42\"\n"));
}

static void write_long_message(const void *argument)
{
    log_info("%.*s", 5000, (const char *)argument);
}

static void long_message_is_one_line(void **state)
{
    static char message[5001];
    (void)state;
    memset(message, '\x02', sizeof message - 1);
    size_t length = capture(write_long_message, message);
    assert_in_range(length, 1000, LOG_LINE_MAX);
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    json_decref(json);
}

static int errno_afterwards;

static void write_with_errno(const void *argument)
{
    errno = *(const int *)argument;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_text(&line, "k", "v");
    log_end(&line);
    errno_afterwards = errno;
}

static void write_into_nothing(const void *argument)
{
    close(STDERR_FILENO);
    write_with_errno(argument);
}

static void errno_is_preserved(void **state)
{
    const int wanted = EXDEV;
    (void)state;
    assert_true(capture(write_with_errno, &wanted) > 0);
    assert_int_equal(errno_afterwards, EXDEV);
    assert_int_equal(capture(write_into_nothing, &wanted), 0);
    assert_int_equal(errno_afterwards, EXDEV);
    log_sink_take_dropped();
}

static void names_of_levels_and_formats(void **state)
{
    (void)state;
    assert_string_equal(log_level_names[LOG_LEVEL_ERROR], "error");
    assert_string_equal(log_level_names[LOG_LEVEL_WARNING], "warning");
    assert_string_equal(log_level_names[LOG_LEVEL_INFO], "info");
    assert_string_equal(log_level_names[LOG_LEVEL_DEBUG], "debug");
    assert_null(log_level_names[LOG_LEVEL_DEBUG + 1]);
    assert_string_equal(log_format_names[LOG_FORMAT_LOGFMT], "logfmt");
    assert_string_equal(log_format_names[LOG_FORMAT_JSON], "json");
    assert_null(log_format_names[LOG_FORMAT_JSON + 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(line_says_when_who_and_what, as_logfmt),
        cmocka_unit_test_setup(json_says_the_same, as_json),
        cmocka_unit_test_setup(no_service_no_field, as_logfmt),
        cmocka_unit_test_setup(values_are_bare_or_quoted, as_logfmt),
        cmocka_unit_test_setup(no_value_forges_a_line_or_field, as_logfmt),
        cmocka_unit_test_setup(json_values_come_back, as_json),
        cmocka_unit_test_setup(seconds_have_six_digits, as_logfmt),
        cmocka_unit_test_setup(extreme_numbers_fit, as_logfmt),
        cmocka_unit_test_setup(long_values_are_cut_to_the_line, as_logfmt),
        cmocka_unit_test_setup(fields_behind_a_cut_value_are_left_out, as_logfmt),
        cmocka_unit_test_setup(bare_value_that_is_cut_stays_bare, as_logfmt),
        cmocka_unit_test_setup(line_of_many_fields_stays_whole, as_logfmt),
        cmocka_unit_test_setup(less_severe_lines_are_not_written, as_logfmt),
        cmocka_unit_test_setup(message_is_formatted, as_logfmt),
        cmocka_unit_test_setup(long_message_is_one_line, as_json),
        cmocka_unit_test_setup(errno_is_preserved, as_logfmt),
        cmocka_unit_test_setup(names_of_levels_and_formats, as_logfmt),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
