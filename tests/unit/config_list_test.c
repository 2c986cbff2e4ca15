/* SPDX-License-Identifier: MIT
 *
 * config_list_test - lists of words and environment variables: what they may hold, that every word
 * arrives as it was meant, and what is said about others.
 */
#include "lib/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static struct buffer errors;
static struct config *config;

static int release(void **state)
{
    (void)state;
    config_release(config);
    config = NULL;
    buffer_release(&errors);
    return 0;
}

/* The program of a service whose lines 2 and following are SETTINGS; NULL where that is refused. */
static const struct config_program *program_with(const char *settings)
{
    struct buffer text = {0};
    release(NULL);
    buffer_printf(&text,
                  "services = { one = { listen = \"unix:@x\"; handler = { type = \"exec\";\n%s\n"
                  "}; }; };\n",
                  settings);
    config = config_load_snapshot(buffer_text(&text), &errors);
    buffer_release(&text);
    return config ? &config->services[0].program : NULL;
}

#define CAT "command = [ \"/bin/cat\" ];\n"

static const struct config_list *taken(const char *settings, size_t offset)
{
    const struct config_program *program = program_with(settings);
    if (!program)
        fail_msg("%s: %s", settings, buffer_text(&errors));
    return (const void *)((const char *)program + offset);
}

static void expect_words(const struct config_list *list, const char *const *words)
{
    size_t count = 0;
    for (; words[count]; count++) {
        assert_true(count < list->count);
        assert_string_equal(list->words[count], words[count]);
    }
    assert_int_equal(list->count, count);
    if (list->words)
        assert_null(list->words[count]);
}

#define expect_command(settings, ...)                                                              \
    expect_words(taken(settings, offsetof(struct config_program, command)),                        \
                 (const char *const[]){__VA_ARGS__, NULL})
#define expect_environment(settings, ...)                                                          \
    expect_words(taken(CAT settings, offsetof(struct config_program, environment)),                \
                 (const char *const[]){__VA_ARGS__, NULL})

/* Exactly these complaints, in that order, each "LINE: text", NULL behind the last. */
static void refuse(const char *settings, const char *const *complaints)
{
    struct buffer expected = {0};
    if (program_with(settings))
        fail_msg("taken: %s", settings);
    for (; *complaints; complaints++)
        buffer_printf(&expected, "snapshot:%s\n", *complaints);
    assert_string_equal(buffer_text(&errors), buffer_text(&expected));
    buffer_release(&expected);
}

#define expect_refused(settings, ...) refuse(settings, (const char *const[]){__VA_ARGS__, NULL})

static void list_is_an_array_or_a_list(void **state)
{
    (void)state;
    expect_command("command = [ \"/bin/cat\" ];", "/bin/cat");
    expect_command("command = [ \"/bin/cat\", \"-u\", \"x\" ];", "/bin/cat", "-u", "x");
    expect_command("command = ( \"/bin/cat\", \"-u\" );", "/bin/cat", "-u");
}

static void words_may_be_anything(void **state)
{
    (void)state;
    expect_command("command = [ \"cat\", \"\", \"\" ];", "cat", "", "");
    expect_command("command = [ \"cat\", \"\\\"quoted\\\" \\\\ 'x'\" ];", "cat",
                   "\"quoted\" \\ 'x'");
    expect_command("command = [ \"cat\", \"a\\n\\t\\r\\f\\x01\\x7f\\x1b[0m\" ];", "cat",
                   "a\n\t\r\f\x01\x7f\x1b[0m");
    expect_command("command = [ \"cat\", \"one\ntwo\" ];", "cat", "one\ntwo");
    expect_command("command = [ \"cat\", \"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\" ];", "cat",
                   "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    expect_command("command = [ \"cat\", \"\xFF\xFE\\x80\" ];", "cat", "\xFF\xFE\x80");
    expect_command("command = [ \"cat\", \"; rm -rf $HOME `x` | y > z # { } [ ] ( )\" ];", "cat",
                   "; rm -rf $HOME `x` | y > z # { } [ ] ( )");
    expect_command("command = [ \"cat\", \"@include \\\"x\\\"\" ];", "cat", "@include \"x\"");
    expect_command("command = [ \"cat\", \"true\", \"12\", \"0x1\" ];", "cat", "true", "12", "0x1");
}

static void words_may_be_long_and_many(void **state)
{
    enum { LONG = 4096, MANY = 1000 };
    struct buffer text = {0};
    char word[LONG + 1];
    (void)state;
    memset(word, 'x', LONG);
    word[LONG] = '\0';
    buffer_printf(&text, "command = [ \"/bin/%s\", \"%s\"", word, word);
    for (int i = 0; i < MANY; i++)
        buffer_printf(&text, ", \"%d\"", i);
    buffer_printf(&text, " ];");
    const struct config_list *command =
        taken(buffer_text(&text), offsetof(struct config_program, command));
    assert_int_equal(command->count, MANY + 2);
    assert_string_equal(command->words[0] + 5, word);
    assert_string_equal(command->words[1], word);
    assert_string_equal(command->words[MANY + 1], "999");
    assert_null(command->words[MANY + 2]);
    buffer_release(&text);
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const values[][2] = {
        {"\"/bin/cat -u\"", "a string"},
        {"7", "an integer"},
        {"7L", "an integer"},
        {"0.5", "a floating-point number"},
        {"true", "a boolean"},
        {"{ program = \"/bin/cat\"; }", "a group"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char setting[100], message[100];
        snprintf(setting, sizeof setting, "command = %s;", values[i][0]);
        snprintf(message, sizeof message,
                 "2: command must be a list of strings, [ \"a\", \"b\" ], not %s", values[i][1]);
        expect_refused(setting, message);
    }
}

static void elements_are_strings(void **state)
{
#define ALL "; all of it must be strings, \"in quotes\""
    (void)state;
    expect_refused("command = [ 7, 8 ];", "2: command holds an integer" ALL,
                   "2: command holds an integer" ALL);
    expect_refused("command = ( \"/bin/sleep\",\n10,\n\"x\",\n0.5 );",
                   "3: command holds an integer" ALL,
                   "5: command holds a floating-point number" ALL);
    expect_refused("command = ( true );", "2: command holds a boolean" ALL);
    expect_refused("command = ( \"a\", ( \"b\" ) );", "2: command holds a list" ALL);
    expect_refused("command = ( [ \"b\" ] );", "2: command holds an array" ALL);
    expect_refused("command = ( { a = \"b\"; } );", "2: command holds a group" ALL);
    expect_refused(CAT "environment = ( \"A=1\",\n2 );", "4: environment holds an integer" ALL);
#undef ALL
}

static void empty_lists(void **state)
{
    (void)state;
    expect_refused("command = [ ];", "2: command is empty");
    expect_refused("command = ( );", "2: command is empty");
    /* No variables is a thing to say, no program is not. */
    expect_words(taken(CAT "environment = [ ];", offsetof(struct config_program, environment)),
                 (const char *const[]){NULL});
    expect_words(taken(CAT "environment = { };", offsetof(struct config_program, environment)),
                 (const char *const[]){NULL});
}

static void environment_is_a_list_or_a_group(void **state)
{
    (void)state;
    expect_environment("environment = [ \"A=1\", \"b_2=x y\" ];", "A=1", "b_2=x y");
    expect_environment("environment = ( \"A=1\", \"_=x\" );", "A=1", "_=x");
    expect_environment("environment = { A = \"1\"; b_2 = \"x y\"; };", "A=1", "b_2=x y");
    expect_environment("environment = { N = 7; M = -7; H = 0x10; L = 9223372036854775807L; };",
                       "N=7", "M=-7", "H=16", "L=9223372036854775807");
}

static void values_of_variables_may_be_anything(void **state)
{
    (void)state;
    expect_environment("environment = [ \"A=\", \"B==\", \"C=a=b\", \"D= \" ];",
                       "A=", "B==", "C=a=b", "D= ");
    expect_environment("environment = { A = \"\"; B = \"=\"; };", "A=", "B==");
    expect_environment("environment = [ \"A=\\\"\\\\\\n\\x1b\xC3\xA4\xFF\" ];",
                       "A=\"\\\n\x1b\xC3\xA4\xFF");
    expect_environment("environment = { A = \"%s %n\"; };", "A=%s %n");
}

static void names_of_variables_are_letters_digits_and_underscores(void **state)
{
    static const char *const wrong[] = {"A",     "",      "=",    "=x",         "1A=x",
                                        "9=x",   "A B=x", " A=x", "A =x",       "A-B=x",
                                        "A.B=x", "$A=x",  "A+=x", "\xC3\xA4=x", "%s%n=x"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char setting[100], message[100];
        snprintf(setting, sizeof setting, CAT "environment = [ \"GOOD=1\",\n\"%s\" ];", wrong[i]);
        snprintf(message, sizeof message, "4: a variable is written \"NAME=value\", not \"%s\"",
                 wrong[i]);
        expect_refused(setting, message);
    }
    expect_refused(CAT "environment = {\nA-B = \"x\"; };",
                   "4: a variable is written \"NAME=value\", not \"A-B=x\"");
}

static void name_that_is_preforkds_own_is_refused(void **state)
{
    (void)state;
    expect_refused(CAT "environment = [ \"A=1\",\n\"PREFORKD_WARM=\" ];",
                   "4: PREFORKD_WARM is for preforkd's own use");
    expect_refused(CAT "environment = {\nPREFORKD_WARM = 1; };",
                   "4: PREFORKD_WARM is for preforkd's own use");
    expect_refused(CAT "environment = [ \"PREFORKD_PROXY=1\" ];",
                   "3: PREFORKD_PROXY is for preforkd's own use");
    expect_environment("environment = [ \"PREFORKD_WARMER=1\", \"PREFORKD_WAR=2\", "
                       "\"preforkd_warm=3\" ];",
                       "PREFORKD_WARMER=1", "PREFORKD_WAR=2", "preforkd_warm=3");
}

static void variable_is_given_once(void **state)
{
    (void)state;
    expect_refused(CAT "environment = [ \"A=1\", \"B=1\",\n\"A=2\" ];",
                   "4: the variable A is given twice");
    expect_refused(CAT "environment = { A = 1;\nA = 2; };", "4: duplicate setting name");
    expect_environment("environment = [ \"A=1\", \"AA=1\", \"a=1\", \"A_=A=\" ];", "A=1", "AA=1",
                       "a=1", "A_=A=");
}

static void other_environments_are_refused(void **state)
{
#define WANTED "2: environment must be [ \"NAME=value\" ] or { NAME = \"value\"; }, not "
    (void)state;
    expect_refused("environment = \"A=1\"; " CAT, WANTED "a string");
    expect_refused("environment = 7; " CAT, WANTED "an integer");
    expect_refused("environment = false; " CAT, WANTED "a boolean");
#undef WANTED
    expect_refused(CAT "environment = { A = true;\nB = 0.5; C = [ \"x\" ]; D = { }; };",
                   "3: A must be a string or an integer, not a boolean",
                   "4: B must be a string or an integer, not a floating-point number",
                   "4: C must be a string or an integer, not an array",
                   "4: D must be a string or an integer, not a group");
}

/* Control characters would break the line, or play with a terminal. */
static void complaints_stay_on_their_line(void **state)
{
    (void)state;
    expect_refused(CAT "environment = [ \"a\\nb\\r\\x1b\\x7f\" ];",
                   "3: a variable is written \"NAME=value\", not \"a\\x0ab\\x0d\\x1b\\x7f\"");
    expect_refused(CAT "environment = [ \"\xC3\xA4\" ];",
                   "3: a variable is written \"NAME=value\", not \"\xC3\xA4\"");
}

static void complaints_about_long_words_are_cut(void **state)
{
    (void)state;
    for (int odd = 0; odd < 2; odd++) {
        struct buffer text = {0};
        buffer_printf(&text, CAT "environment = [ \"%s", odd ? "x" : "");
        for (int i = 0; i < 2048; i++)
            buffer_printf(&text, "\xC3\xA4");
        buffer_printf(&text, "\" ];");
        assert_null(program_with(buffer_text(&text)));
        buffer_release(&text);
        const char *end = errors.data + errors.length;
        assert_true(errors.length < 1100);
        /* No half character before the mark. */
        assert_memory_equal(end - 6, "\xC3\xA4…\n", 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(list_is_an_array_or_a_list, release),
        cmocka_unit_test_teardown(words_may_be_anything, release),
        cmocka_unit_test_teardown(words_may_be_long_and_many, release),
        cmocka_unit_test_teardown(what_is_no_list_is_refused, release),
        cmocka_unit_test_teardown(elements_are_strings, release),
        cmocka_unit_test_teardown(empty_lists, release),
        cmocka_unit_test_teardown(environment_is_a_list_or_a_group, release),
        cmocka_unit_test_teardown(values_of_variables_may_be_anything, release),
        cmocka_unit_test_teardown(names_of_variables_are_letters_digits_and_underscores, release),
        cmocka_unit_test_teardown(name_that_is_preforkds_own_is_refused, release),
        cmocka_unit_test_teardown(variable_is_given_once, release),
        cmocka_unit_test_teardown(other_environments_are_refused, release),
        cmocka_unit_test_teardown(complaints_stay_on_their_line, release),
        cmocka_unit_test_teardown(complaints_about_long_words_are_cut, release),
    };
    return cmocka_run_group_tests_name("config_list", tests, NULL, NULL);
}
