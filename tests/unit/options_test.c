/* SPDX-License-Identifier: MIT
 *
 * options_test - what the command line of preforkd means, and what is said about a wrong one.
 */
#include "supervisor/options.h"

#include "lib/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <getopt.h>

#define ARGUMENTS_MAX 16

static struct options options;
static struct error error;

/* Parse these words, NULL behind the last one. */
static int parse(const char *const *words)
{
    static char *arguments[ARGUMENTS_MAX];
    int count = 0;
    for (; words[count]; count++) {
        assert_true(count < ARGUMENTS_MAX - 1);
        arguments[count] = (char *)(uintptr_t)words[count];
    }
    arguments[count] = NULL;
    memset(&options, 0xAA, sizeof options);
    memset(&error, 0, sizeof error);
    optind = 0; /* a second command line within one process: begin anew */
    return options_parse(&options, count, arguments, &error);
}

static void take(const char *const *words)
{
    if (parse(words) != 0)
        fail_msg("%s", error.text);
}

/* SAYING is in what is said about these words. */
static void refuse(const char *saying, const char *const *words)
{
    assert_int_equal(parse(words), -1);
    assert_int_equal(error.code, EXIT_CODE_USAGE);
    if (!strstr(error.text, saying))
        fail_msg("no \"%s\" in: %s", saying, error.text);
}

#define expect_taken(...)           take((const char *const[]){__VA_ARGS__, NULL})
#define expect_refused(saying, ...) refuse(saying, (const char *const[]){__VA_ARGS__, NULL})

static void nothing_serves_the_default_file(void **state)
{
    (void)state;
    expect_taken("preforkd");
    assert_int_equal(options.mode, OPTIONS_SERVE);
    assert_string_equal(options.config_file, PREFORKD_SYSCONFDIR "/preforkd/preforkd.conf");
    assert_false(options.daemonise);
    assert_null(options.listen);
    assert_null(options.handler);
    assert_null(options.control);
    assert_int_equal(options.workers, 0);
}

static void file_is_named(void **state)
{
    (void)state;
    expect_taken("preforkd", "-c", "a.conf");
    assert_string_equal(options.config_file, "a.conf");
    expect_taken("preforkd", "-ca.conf");
    assert_string_equal(options.config_file, "a.conf");
    expect_taken("preforkd", "--config", "a.conf");
    assert_string_equal(options.config_file, "a.conf");
    expect_taken("preforkd", "--config=a.conf");
    assert_string_equal(options.config_file, "a.conf");
}

static void modes(void **state)
{
    (void)state;
    expect_taken("preforkd", "-t");
    assert_int_equal(options.mode, OPTIONS_CHECK);
    expect_taken("preforkd", "--test", "-c", "a.conf");
    assert_int_equal(options.mode, OPTIONS_CHECK);
    assert_string_equal(options.config_file, "a.conf");
    expect_taken("preforkd", "--print-config");
    assert_int_equal(options.mode, OPTIONS_PRINT_CONFIG);
    expect_taken("preforkd", "-h");
    assert_int_equal(options.mode, OPTIONS_HELP);
    expect_taken("preforkd", "--help");
    assert_int_equal(options.mode, OPTIONS_HELP);
    expect_taken("preforkd", "--help-config");
    assert_int_equal(options.mode, OPTIONS_HELP_CONFIG);
    expect_taken("preforkd", "--version");
    assert_int_equal(options.mode, OPTIONS_VERSION);
}

static void into_the_background(void **state)
{
    (void)state;
    expect_taken("preforkd", "-d");
    assert_true(options.daemonise);
    assert_int_equal(options.mode, OPTIONS_SERVE);
    expect_taken("preforkd", "--daemon", "-c", "a.conf");
    assert_true(options.daemonise);
    expect_taken("preforkd", "-dc", "a.conf");
    assert_true(options.daemonise);
    assert_string_equal(options.config_file, "a.conf");
}

static void serving_without_a_file(void **state)
{
    (void)state;
    expect_taken("preforkd", "--listen", "tcp://127.0.0.1:7000", "--handler=echo", "--workers", "4",
                 "--control", "/tmp/c.sock");
    assert_int_equal(options.mode, OPTIONS_SERVE);
    assert_string_equal(options.listen, "tcp://127.0.0.1:7000");
    assert_string_equal(options.handler, "echo");
    assert_int_equal(options.workers, 4);
    assert_string_equal(options.control, "/tmp/c.sock");
    expect_taken("preforkd", "--handler", "echo", "--listen", "unix:@x", "-t");
    assert_int_equal(options.workers, 0);
    assert_int_equal(options.mode, OPTIONS_CHECK);
}

static void what_belongs_together(void **state)
{
    (void)state;
    const char *together = "--listen ADDRESS belongs together with --handler NAME or -- PROGRAM";
    expect_refused(together, "preforkd", "--listen", "unix:@x");
    expect_refused(together, "preforkd", "--handler", "echo");
    expect_refused(together, "preforkd", "--", "/bin/cat");
    expect_refused(together, "preforkd", "-c", "a.conf", "--", "/bin/cat");
    expect_refused("give --listen once", "preforkd", "--listen", "unix:@x", "--listen", "unix:@y",
                   "--handler", "echo");
    expect_refused("either --handler NAME or -- PROGRAM", "preforkd", "--listen", "unix:@x",
                   "--handler", "echo", "--", "/bin/cat");
    expect_refused("go with --listen", "preforkd", "--workers", "4");
    expect_refused("go with --listen", "preforkd", "--control", "/x", "-c", "a.conf");
    expect_refused("not both", "preforkd", "-c", "a.conf", "--listen", "unix:@x", "--handler",
                   "echo");
    expect_refused("not both", "preforkd", "-c", "a.conf", "--listen", "unix:@x", "--", "cat");
}

static void workers_are_a_number(void **state)
{
    static const char *const wrong[] = {"0", "-1", "65537", "x", "", "4x", "99999999999999999999"};
    char saying[96];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(saying, sizeof saying, "--workers %s: write a number from 1 to 65536, or auto",
                 wrong[i]);
        expect_refused(saying, "preforkd", "--listen", "unix:@x", "--handler", "echo", "--workers",
                       wrong[i]);
    }
    expect_taken("preforkd", "--listen", "unix:@x", "--handler", "echo", "--workers", "65536");
    assert_int_equal(options.workers, 65536);
    expect_taken("preforkd", "--listen", "unix:@x", "--handler", "echo", "--workers", "auto");
    assert_int_equal(options.workers, CONFIG_AUTO);
}

static void values_must_be_there(void **state)
{
    (void)state;
    expect_refused("option -c needs a value", "preforkd", "-c");
    expect_refused("option --config needs a value", "preforkd", "--config");
    expect_refused("option --listen needs a value", "preforkd", "-d", "--listen");
}

static void unknown_options_are_told_with_what_was_meant(void **state)
{
    (void)state;
    expect_refused("unknown option -x; see preforkd --help", "preforkd", "-x");
    expect_refused("unknown option -x;", "preforkd", "-d", "-x", "-t");
    expect_refused("unknown option --lisen (did you mean --listen?)", "preforkd", "--lisen", "x");
    expect_refused("unknown option --dameon (did you mean --daemon?)", "preforkd", "--dameon");
    expect_refused("unknown option --colour;", "preforkd", "--colour");
    expect_refused("unknown option -x;", "preforkd", "-xt");
    expect_refused("unknown option -x;", "preforkd", "-tx");
}

static void abbreviations_of_long_options(void **state)
{
    (void)state;
    expect_taken("preforkd", "--print");
    assert_int_equal(options.mode, OPTIONS_PRINT_CONFIG);
    expect_refused("unknown option --con", "preforkd", "--con", "x"); /* --config or --control */
}

static void other_words_are_refused(void **state)
{
    (void)state;
    expect_refused("\"a.conf\" is no option", "preforkd", "a.conf");
    expect_refused("\"start\" is no option", "preforkd", "start", "-d");
    expect_refused("\"more\" is no option", "preforkd", "-c", "a.conf", "more");
}

static void expect_command(const char *const *words)
{
    assert_true(options.dashes);
    assert_non_null(options.command);
    for (size_t i = 0; words[i]; i++) {
        assert_non_null(options.command[i]);
        assert_string_equal(options.command[i], words[i]);
        assert_true(words[i + 1] || !options.command[i + 1]);
    }
}

#define expect_program(...) expect_command((const char *const[]){__VA_ARGS__, NULL})

static void what_follows_the_dashes_is_a_program(void **state)
{
    (void)state;
    expect_taken("preforkd", "--listen", "unix:@x", "--", "/bin/cat", "-u");
    assert_string_equal(options.listen, "unix:@x");
    assert_null(options.handler);
    expect_program("/bin/cat", "-u");
    expect_taken("preforkd", "--listen", "unix:@x", "--workers", "3", "-t", "--", "cat");
    assert_int_equal(options.workers, 3);
    assert_int_equal(options.mode, OPTIONS_CHECK);
    expect_program("cat");
}

static void words_of_a_program_are_its_own(void **state)
{
    (void)state;
    expect_taken("preforkd", "--listen", "unix:@x", "--", "sh", "-c", "x", "--", "--daemon", "-t",
                 "", "--listen");
    expect_program("sh", "-c", "x", "--", "--daemon", "-t", "", "--listen");
    assert_false(options.daemonise);
    assert_int_equal(options.mode, OPTIONS_SERVE);
    expect_taken("preforkd", "--listen", "unix:@x", "--", "--help");
    expect_program("--help");
    expect_taken("preforkd", "--listen", "unix:@x", "--", "--");
    expect_program("--");
    expect_taken("preforkd", "--listen", "unix:@x", "--", ""); /* told by who reads it */
    expect_program("");
}

static void dashes_need_a_program(void **state)
{
    (void)state;
    expect_refused("-- needs a program behind it", "preforkd", "--");
    expect_refused("-- needs a program behind it", "preforkd", "--listen", "unix:@x", "--");
    expect_refused("-- needs a program behind it", "preforkd", "--listen", "unix:@x", "--handler",
                   "echo", "--");
    expect_refused("\"/bin/cat\" is no option", "preforkd", "--listen", "unix:@x", "/bin/cat");
}

static void dashes_may_be_the_value_of_an_option(void **state)
{
    (void)state;
    expect_taken("preforkd", "-c", "--");
    assert_string_equal(options.config_file, "--");
    assert_false(options.dashes);
    expect_taken("preforkd", "--handler", "echo", "--listen", "--");
    assert_string_equal(options.listen, "--");
    assert_null(options.command);
    expect_refused("\"/bin/cat\" is no option", "preforkd", "--listen", "unix:@x", "--control",
                   "--", "/bin/cat");
    expect_taken("preforkd", "--listen", "--", "--", "cat");
    assert_string_equal(options.listen, "--");
    expect_program("cat");
}

static void no_dashes_no_program(void **state)
{
    (void)state;
    expect_refused("\"sh\" is no option", "preforkd", "--listen", "unix:@x", "sh", "-c", "true");
    expect_refused("\"sh\" is no option", "preforkd", "--listen", "unix:@x", "sh", "--", "cat");
    expect_taken("preforkd", "--listen", "unix:@x", "--handler", "echo");
    assert_false(options.dashes);
    assert_null(options.command);
    expect_taken("preforkd");
    assert_false(options.dashes);
    assert_null(options.command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_serves_the_default_file),
        cmocka_unit_test(file_is_named),
        cmocka_unit_test(modes),
        cmocka_unit_test(into_the_background),
        cmocka_unit_test(serving_without_a_file),
        cmocka_unit_test(what_belongs_together),
        cmocka_unit_test(workers_are_a_number),
        cmocka_unit_test(values_must_be_there),
        cmocka_unit_test(unknown_options_are_told_with_what_was_meant),
        cmocka_unit_test(abbreviations_of_long_options),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(what_follows_the_dashes_is_a_program),
        cmocka_unit_test(words_of_a_program_are_its_own),
        cmocka_unit_test(dashes_need_a_program),
        cmocka_unit_test(dashes_may_be_the_value_of_an_option),
        cmocka_unit_test(no_dashes_no_program),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
