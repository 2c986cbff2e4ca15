/* SPDX-License-Identifier: MIT
 *
 * option_test - what a configuration says of a handler's options, held against the handler's table.
 */
#include "server/option.h"

#include "lib/error.h"
#include "lib/log_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

static const struct preforkd_option TABLE[] = {
    {"word", PREFORKD_TEXT, "as it is", 0, 0, "a word"},
    {"number", PREFORKD_INTEGER, "7", -5, 10, "a number"},
    {"any", PREFORKD_INTEGER, "0", 0, 0, "any number"},
    {"flag", PREFORKD_BOOLEAN, "true", 0, 0, "yes or no"},
    {"time", PREFORKD_DURATION, "250ms", 100, 60000, "how long"},
    {"room", PREFORKD_SIZE, "64K", 1, 1 << 20, "how much"},
    {0},
};

static struct preforkd_options options;
static struct error error;

static int release(void **state)
{
    (void)state;
    option_release(&options);
    option_release(&options); /* once more does no harm */
    return 0;
}

/* Read COUNT options that the configuration has given, in lines 10, 11 and so on. */
static int read_handler(const struct preforkd_handler *handler, struct config_option *given,
                        size_t count)
{
    static char places[8][8], handler_place[] = "f:9";
    const struct config_service service = {
        .handler_place = handler_place, .options = given, .option_count = count};
    for (size_t i = 0; i < count; i++) {
        snprintf(places[i], sizeof places[i], "f:%zu", 10 + i);
        given[i].place = places[i];
    }
    release(NULL);
    memset(&error, 0, sizeof error);
    return option_read(&options, handler, &service, &error);
}

static int read_given(const struct preforkd_option *table, struct config_option *given,
                      size_t count)
{
    const struct preforkd_handler handler = {PREFORKD_HANDLER("x"), .options = table};
    return read_handler(&handler, given, count);
}

static int read_one(const char *name, const char *value, enum config_option_kind kind)
{
    struct config_option one = {(char *)(uintptr_t)name, (char *)(uintptr_t)value, kind, NULL};
    return read_given(TABLE, &one, 1);
}

static void fallbacks_hold_where_nothing_is_said(void **state)
{
    (void)state;
    assert_int_equal(read_given(TABLE, NULL, 0), 0);
    assert_string_equal(option_text(&options, "word"), "as it is");
    assert_int_equal(option_number(&options, "number"), 7);
    assert_int_equal(option_number(&options, "any"), 0);
    assert_int_equal(option_number(&options, "flag"), 1);
    assert_int_equal(option_number(&options, "time"), 250);
    assert_int_equal(option_number(&options, "room"), 65536);
}

static void nobody_asks_for_what_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(read_given(TABLE, NULL, 0), 0);
    assert_null(option_text(&options, "nothing"));
    assert_int_equal(option_number(&options, "nothing"), 0);
    assert_int_equal(read_given(NULL, NULL, 0), 0); /* a handler without a table */
    assert_null(option_text(&options, "word"));
}

static void every_type_is_read(void **state)
{
    static const struct {
        const char *name, *value;
        enum config_option_kind kind;
        int64_t number;
    } rows[] = {
        {"number", "-5", CONFIG_OPTION_INTEGER, -5},
        {"number", "10", CONFIG_OPTION_INTEGER, 10},
        {"any", "9223372036854775807", CONFIG_OPTION_INTEGER, INT64_MAX},
        {"any", "-9223372036854775808", CONFIG_OPTION_INTEGER, INT64_MIN},
        {"flag", "true", CONFIG_OPTION_BOOLEAN, 1},
        {"flag", "false", CONFIG_OPTION_BOOLEAN, 0},
        {"time", "2", CONFIG_OPTION_INTEGER, 2000},
        {"time", "0.5", CONFIG_OPTION_FLOAT, 500},
        {"time", "1m", CONFIG_OPTION_STRING, 60000},
        {"time", "100ms", CONFIG_OPTION_STRING, 100},
        {"room", "1", CONFIG_OPTION_INTEGER, 1},
        {"room", "1M", CONFIG_OPTION_STRING, 1 << 20},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (read_one(rows[i].name, rows[i].value, rows[i].kind) != 0)
            fail_msg("%s", error.text);
        assert_int_equal(option_number(&options, rows[i].name), rows[i].number);
        assert_string_equal(option_text(&options, rows[i].name), rows[i].value);
    }
    assert_int_equal(read_one("word", "", CONFIG_OPTION_STRING), 0);
    assert_string_equal(option_text(&options, "word"), "");
}

static void expect_complaint(const char *name, const char *value, enum config_option_kind kind,
                             const char *text)
{
    assert_int_equal(read_one(name, value, kind), -1);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    assert_string_equal(error.text, text);
}

static void wrong_types_are_told(void **state)
{
    (void)state;
    expect_complaint("word", "7", CONFIG_OPTION_INTEGER,
                     "f:10: word must be a string, not an integer");
    expect_complaint("number", "7", CONFIG_OPTION_STRING,
                     "f:10: number must be an integer, not a string such as 7");
    expect_complaint("number", "7.5", CONFIG_OPTION_FLOAT,
                     "f:10: number must be an integer, not a floating-point number");
    expect_complaint("flag", "1", CONFIG_OPTION_INTEGER,
                     "f:10: flag must be true or false, not an integer");
    expect_complaint("time", "true", CONFIG_OPTION_BOOLEAN,
                     "f:10: time must be a duration (seconds, or \"250ms\", \"60s\"), not a "
                     "boolean");
    expect_complaint("time", "soon", CONFIG_OPTION_STRING,
                     "f:10: time must be a duration (seconds, or \"250ms\", \"60s\"), not a string "
                     "such as soon");
    expect_complaint("room", "-1", CONFIG_OPTION_INTEGER,
                     "f:10: room must be a size (bytes, or \"64K\", \"1M\"), not an integer");
}

static void ranges_are_kept(void **state)
{
    (void)state;
    expect_complaint("number", "-6", CONFIG_OPTION_INTEGER,
                     "f:10: number = -6 is out of range (-5 to 10)");
    expect_complaint("number", "11", CONFIG_OPTION_INTEGER,
                     "f:10: number = 11 is out of range (-5 to 10)");
    expect_complaint("time", "99ms", CONFIG_OPTION_STRING,
                     "f:10: time = 99ms is out of range (100 to 60000 ms)");
    expect_complaint("room", "0", CONFIG_OPTION_INTEGER,
                     "f:10: room = 0 is out of range (1 to 1048576)");
}

static void unknown_ones_are_told_with_what_was_meant(void **state)
{
    (void)state;
    expect_complaint("nubmer", "7", CONFIG_OPTION_INTEGER,
                     "f:10: unknown option \"nubmer\" (did you mean \"number\"?)");
    expect_complaint("xyzzy", "7", CONFIG_OPTION_INTEGER, "f:10: unknown option \"xyzzy\"");
    struct config_option one = {(char *)(uintptr_t) "word", (char *)(uintptr_t) "x",
                                CONFIG_OPTION_STRING, NULL};
    assert_int_equal(read_given(NULL, &one, 1), -1); /* a handler without a table */
    assert_string_equal(error.text, "f:10: unknown option \"word\"");
}

static void all_that_is_wrong_is_told_at_once(void **state)
{
    struct config_option given[] = {
        {(char *)(uintptr_t) "wrod", (char *)(uintptr_t) "x", CONFIG_OPTION_STRING, NULL},
        {(char *)(uintptr_t) "flag", (char *)(uintptr_t) "x", CONFIG_OPTION_STRING, NULL},
        {(char *)(uintptr_t) "number", (char *)(uintptr_t) "99", CONFIG_OPTION_INTEGER, NULL},
    };
    (void)state;
    assert_int_equal(read_given(TABLE, given, 3), -1);
    assert_non_null(strstr(error.text, "f:10: unknown option \"wrod\""));
    assert_non_null(strstr(error.text, "f:11: flag must be"));
    assert_non_null(strstr(error.text, "f:12: number = 99"));
    assert_true(error.text[strlen(error.text) - 1] != '\n');
}

static void required_one_is_missed(void **state)
{
    static const struct preforkd_option required[] = {
        {"word", PREFORKD_TEXT, NULL, 0, 0, "what to say"},
        {"mute", PREFORKD_TEXT, NULL, 0, 0, NULL},
        {0},
    };
    struct config_option one = {(char *)(uintptr_t) "word", (char *)(uintptr_t) "x",
                                CONFIG_OPTION_STRING, NULL};
    (void)state;
    assert_int_equal(read_given(required, &one, 1), -1);
    assert_string_equal(error.text, "f:9: option \"mute\" is missing");
    assert_int_equal(read_given(required, NULL, 0), -1);
    assert_string_equal(error.text, "f:9: option \"word\" is missing: what to say\n"
                                    "f:9: option \"mute\" is missing");
}

/* A mistake of the handler, which would otherwise be a 0 that nobody wrote. */
static void table_is_checked_too(void **state)
{
    static const struct preforkd_option wrong[] = {
        {"a", PREFORKD_INTEGER, "11", 1, 10, NULL},
        {"b", PREFORKD_DURATION, "soon", 0, 0, NULL},
        {"c", 9, "x", 0, 0, NULL},
        {"d", PREFORKD_BOOLEAN, "yes", 0, 0, NULL},
        {"e", PREFORKD_INTEGER, "seven", 0, 0, NULL},
        {"f", PREFORKD_INTEGER, "9223372036854775808", 0, 0, NULL},
        {"g", PREFORKD_INTEGER, "-9223372036854775809", 0, 0, NULL},
        {0},
    };
    (void)state;
    assert_int_equal(read_given(wrong, NULL, 0), -1);
    for (const char *name = "abcdefg"; *name; name++) {
        char text[64];
        snprintf(text, sizeof text, "f:9: the handler's table: %s",
                 *name == 'c' ? "type" : "default");
        assert_non_null(strstr(error.text, text));
        snprintf(text, sizeof text, "of option \"%c\"", *name);
        if (!strstr(error.text, text))
            fail_msg("no %s in: %s", text, error.text);
    }
}

/* The configuration says which plugin it is by them; nobody could ever set such an option. */
static void names_that_are_taken(void **state)
{
    static const struct preforkd_option taken[] = {
        {"type", PREFORKD_TEXT, "", 0, 0, NULL},
        {"path", PREFORKD_TEXT, "", 0, 0, NULL},
        {0},
    };
    (void)state;
    assert_int_equal(read_given(taken, NULL, 0), -1);
    assert_non_null(strstr(error.text, "no option can be called \"type\""));
    assert_non_null(strstr(error.text, "no option can be called \"path\""));
}

/* Rows of a handler that was compiled with a header of later days are longer. */
static void rows_are_as_long_as_the_handler_says(void **state)
{
    static const struct {
        struct preforkd_option known;
        const char *later;
    } longer[] = {
        {{"first", PREFORKD_INTEGER, "7", 1, 9, NULL}, "more"},
        {{"second", PREFORKD_TEXT, "a", 0, 0, "a word"}, "more"},
        {{0}, NULL},
    };
    const struct preforkd_handler handler = {.abi = PREFORKD_ABI,
                                             .size = sizeof handler,
                                             .name = "later",
                                             .option_size = sizeof longer[0],
                                             .options = &longer[0].known};
    struct config_option given[] = {
        {(char *)(uintptr_t) "first", (char *)(uintptr_t) "8", CONFIG_OPTION_INTEGER, NULL},
        {(char *)(uintptr_t) "second", (char *)(uintptr_t) "b", CONFIG_OPTION_STRING, NULL},
    };
    (void)state;
    assert_int_equal(read_handler(&handler, NULL, 0), 0);
    assert_int_equal(option_number(&options, "first"), 7);
    assert_string_equal(option_text(&options, "second"), "a");
    assert_int_equal(read_handler(&handler, given, 2), 0);
    assert_int_equal(option_number(&options, "first"), 8);
    assert_string_equal(option_text(&options, "second"), "b");
    given[0].value = (char *)(uintptr_t) "10";
    given[1].name = (char *)(uintptr_t) "secnd";
    assert_int_equal(read_handler(&handler, given, 2), -1);
    assert_string_equal(error.text, "f:11: unknown option \"secnd\" (did you mean \"second\"?)\n"
                                    "f:10: first = 10 is out of range (1 to 9)");
}

/* What is logged while BODY runs. */
static const char *logged_by(void (*body)(void))
{
    static char text[1024];
    int pipe_fds[2], kept = dup(STDERR_FILENO);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    dup2(pipe_fds[1], STDERR_FILENO);
    close(pipe_fds[1]);
    log_sink_adopt();
    body();
    dup2(kept, STDERR_FILENO);
    close(kept);
    log_sink_adopt();
    ssize_t got = read(pipe_fds[0], text, sizeof text - 1);
    close(pipe_fds[0]);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void ask_for_a_text(void)
{
    assert_null(option_text(&options, "wrod"));
}

static void ask_for_a_number(void)
{
    assert_int_equal(option_number(&options, "nubmer"), 0);
}

static void ask_for_what_is_there(void)
{
    option_text(&options, "word");
    option_number(&options, "number");
}

static void a_name_that_the_table_does_not_have_is_logged(void **state)
{
    (void)state;
    assert_int_equal(read_given(TABLE, NULL, 0), 0);
    assert_non_null(strstr(logged_by(ask_for_a_text), "wrod"));
    assert_non_null(strstr(logged_by(ask_for_a_number), "nubmer"));
    assert_string_equal(logged_by(ask_for_what_is_there), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, release)
    const struct CMUnitTest tests[] = {
        TEST(fallbacks_hold_where_nothing_is_said),
        TEST(nobody_asks_for_what_is_not_there),
        TEST(every_type_is_read),
        TEST(wrong_types_are_told),
        TEST(ranges_are_kept),
        TEST(unknown_ones_are_told_with_what_was_meant),
        TEST(all_that_is_wrong_is_told_at_once),
        TEST(required_one_is_missed),
        TEST(table_is_checked_too),
        TEST(names_that_are_taken),
        TEST(rows_are_as_long_as_the_handler_says),
        TEST(a_name_that_the_table_does_not_have_is_logged),
    };
    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
