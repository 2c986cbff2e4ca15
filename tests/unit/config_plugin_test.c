/* SPDX-License-Identifier: MIT
 *
 * config_plugin_test - the options of a plugin on their way from a file to its pool: as written,
 * with their kinds and places.
 */
#include "lib/config_diff.h"
#include "lib/config_snapshot.h"
#include "tests/unit/config_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <unistd.h>

#define HEAD "services = { p = { listen = \"unix:@x\";\n"
#define TAIL " }; };"

static char file[] = "/tmp/preforkd-config-plugin-XXXXXX";
static struct config *config;
static struct buffer errors;

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    close(fd);
    return fd < 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

static int release(void **state)
{
    (void)state;
    config_release(config);
    config = NULL;
    buffer_release(&errors);
    return 0;
}

static const struct config_service *load(const char *text)
{
    release(NULL);
    FILE *out = fopen(file, "we");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    config = config_load(file, &errors);
    return config ? &config->services[0] : NULL;
}

/* What its pool reads. The caller's. */
static struct config *sent(const struct config_service *service)
{
    struct error error;
    int fd = config_snapshot_create(config, service, &error);
    assert_true(fd >= 0);
    struct config *arrived = config_snapshot_read(fd, &error);
    close(fd);
    if (!arrived)
        fail_msg("%s", error.text);
    return arrived;
}

static void expect_option(const struct config_service *service, const char *name, const char *value,
                          enum config_option_kind kind, int line)
{
    const struct config_option *option = option_of(service, name);
    char place[64];
    snprintf(place, sizeof place, "%s:%d", file, line);
    assert_non_null(option);
    assert_string_equal(option->value, value);
    assert_int_equal(option->kind, kind);
    assert_string_equal(option->place, place);
}

static void expect_all_options(const struct config_service *service)
{
    assert_int_equal(service->kind, CONFIG_PLUGIN);
    assert_string_equal(service->plugin, "/x/y z.so");
    assert_int_equal(service->option_count, 6);
    expect_option(service, "word", "a \"b\" \\", CONFIG_OPTION_STRING, 3);
    expect_option(service, "number", "-7", CONFIG_OPTION_INTEGER, 4);
    expect_option(service, "big", "9223372036854775807", CONFIG_OPTION_INTEGER, 5);
    expect_option(service, "half", "0.5", CONFIG_OPTION_FLOAT, 6);
    expect_option(service, "whole", "3", CONFIG_OPTION_FLOAT, 7);
    expect_option(service, "flag", "true", CONFIG_OPTION_BOOLEAN, 8);
}

#define ALL                                                                                        \
    HEAD "handler = { type = \"plugin\"; path = \"/x/y z.so\";\n"                                  \
         "word = \"a \\\"b\\\" \\\\\";\nnumber = -7;\nbig = 9223372036854775807L;\n"               \
         "half = 0.5;\nwhole = 3.0;\nflag = true; };\n" TAIL

static void options_arrive_as_they_were_written(void **state)
{
    const struct config_service *service = load(ALL);
    (void)state;
    if (!service)
        fail_msg("%s", buffer_text(&errors));
    expect_all_options(service);
    struct config *arrived = sent(service);
    expect_all_options(&arrived->services[0]);
    assert_string_equal(arrived->services[0].handler_place, service->handler_place);
    config_release(arrived);
}

static void expect_complaint(const char *text, const char *words)
{
    char wanted[256];
    assert_null(load(text));
    snprintf(wanted, sizeof wanted, "%s:%s\n", file, words);
    assert_string_equal(buffer_text(&errors), wanted);
}

static void what_is_wrong_without_the_plugin(void **state)
{
    (void)state;
    expect_complaint(HEAD "handler = { type = \"plugin\"; };" TAIL,
                     "2: which plugin? add path = \"/…/NAME.so\";");
    expect_complaint(HEAD "handler = { type = \"plugin\";\npath = \"x.so\"; };" TAIL,
                     "3: path must be an absolute path, not \"x.so\"");
    expect_complaint(HEAD "handler = { type = \"plugin\";\npath = 7; };" TAIL,
                     "3: path must be a string, not an integer");
    expect_complaint(HEAD "handler = { type = \"plugin\"; path = \"/x.so\";\na = [ 1 ]; };" TAIL,
                     "3: a must be a string, a number, true or false, not an array");
}

/* They would break the form in which the pool gets them. */
static void what_cannot_be_handed_on(void **state)
{
    (void)state;
    expect_complaint(HEAD "handler = { type = \"plugin\"; path = \"/x.so\";\na = 1e999; };" TAIL,
                     "3: a is too large a number");
    expect_complaint(HEAD "handler = { type = \"plugin\"; path = \"/x.so\";\na = -1e999; };" TAIL,
                     "3: a is too large a number");
    expect_complaint(HEAD
                     "handler = { type = \"plugin\"; path = \"/x.so\";\n*places = \"x\"; };" TAIL,
                     "3: the name of an option does not begin with *: \"*places\"");
}

static void odd_values_arrive(void **state)
{
    (void)state;
    const struct config_service *service = load(
        HEAD "handler = { type = \"plugin\"; path = \"/x\"; a* = 1e300;\nb-c = 1e-300; };" TAIL);
    if (!service)
        fail_msg("%s", buffer_text(&errors));
    struct config *arrived = sent(service);
    expect_option(&arrived->services[0], "a*", "1.0000000000000001e+300", CONFIG_OPTION_FLOAT, 2);
    expect_option(&arrived->services[0], "b-c", "1e-300", CONFIG_OPTION_FLOAT, 3);
    config_release(arrived);
}

/* Programs have no options, and a place all the same. */
static void a_program_arrives_with_its_place(void **state)
{
    (void)state;
    const struct config_service *service =
        load(HEAD "\nhandler = { type = \"exec\"; command = [ \"/bin/cat\" ]; };" TAIL);
    if (!service)
        fail_msg("%s", buffer_text(&errors));
    struct config *arrived = sent(service);
    assert_string_equal(arrived->services[0].handler_place, service->handler_place);
    assert_string_equal(arrived->services[0].program.command.words[0], "/bin/cat");
    config_release(arrived);
    assert_null(load(HEAD "handler = { type = \"exec\"; command = [ \"/bin/cat\" ];\n"
                          "*places = [ \"x\" ]; };" TAIL));
}

static bool same(const char *one, const char *other)
{
    struct config_changes changes = {0};
    if (!load(one))
        fail_msg("%s", buffer_text(&errors));
    struct config *before = config;
    config = NULL;
    if (!load(other))
        fail_msg("%s", buffer_text(&errors));
    config_diff_service(&before->services[0], &config->services[0], &changes);
    bool equal = changes.count == 0;
    config_changes_release(&changes);
    config_release(before);
    return equal;
}

static void service_changes_with_its_options_and_not_with_lines(void **state)
{
    (void)state;
    assert_true(same(ALL, "\n\n" ALL));
#define WITH(handler) HEAD "handler = { type = \"plugin\"; " handler " };" TAIL
    assert_true(same(WITH("path = \"/x\"; a = 1;"), WITH("path = \"/x\";\n a = 1;")));
    assert_false(same(WITH("path = \"/x\"; a = 1;"), WITH("path = \"/x\"; a = 2;")));
    assert_false(same(WITH("path = \"/x\"; a = 1;"), WITH("path = \"/x\"; a = \"1\";")));
    assert_false(same(WITH("path = \"/x\"; a = 1;"), WITH("path = \"/x\"; a = 1.0;")));
    assert_false(same(WITH("path = \"/x\"; a = 1;"), WITH("path = \"/y\"; a = 1;")));
}

/* --print-config shows what can be read again. */
static void printed_file_reads_back(void **state)
{
    struct buffer text = {0}, again = {0};
    (void)state;
    assert_non_null(load(ALL));
    config_print(config, &text);
    assert_null(strstr(buffer_text(&text), "places"));
    assert_non_null(load(buffer_text(&text)));
    config_print(config, &again);
    assert_string_equal(buffer_text(&again), buffer_text(&text));
    buffer_release(&text);
    buffer_release(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(options_arrive_as_they_were_written, release),
        cmocka_unit_test_teardown(what_is_wrong_without_the_plugin, release),
        cmocka_unit_test_teardown(what_cannot_be_handed_on, release),
        cmocka_unit_test_teardown(odd_values_arrive, release),
        cmocka_unit_test_teardown(a_program_arrives_with_its_place, release),
        cmocka_unit_test_teardown(service_changes_with_its_options_and_not_with_lines, release),
        cmocka_unit_test_teardown(printed_file_reads_back, release),
    };
    return cmocka_run_group_tests_name("config_plugin", tests, make_file, remove_file);
}
