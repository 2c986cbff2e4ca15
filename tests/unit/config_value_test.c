/* SPDX-License-Identifier: MIT
 *
 * config_value_test - each kind of key takes its values, within its range, and says what is wrong
 * with others. The rows of config_keys.h are gone through, so that a new key is tested by itself.
 */
#include "lib/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "lib/quantity.h"

#include <inttypes.h>

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

/* Read a service with the line SETTING; NULL where that is refused. */
static const struct config_service *service_with(const char *setting)
{
    struct buffer text = {0};
    release(NULL);
    buffer_printf(&text,
                  "services = { one = {\n"
                  "listen = \"tcp://127.0.0.1:7000\"; handler = \"echo\"; %s\n"
                  "%s\n"
                  "}; };\n",
                  strncmp(setting, "max_workers", 11) == 0 ? "" : "max_workers = 65536;", setting);
    config = config_load_snapshot(buffer_text(&text), &errors);
    buffer_release(&text);
    return config ? &config->services[0] : NULL;
}

static void expect_taken(const char *setting, size_t offset, int64_t value)
{
    const struct config_service *service = service_with(setting);
    if (!service)
        fail_msg("%s: %s", setting, buffer_text(&errors));
    int64_t read = *(const int64_t *)(const void *)((const char *)service + offset);
    if (read != value)
        fail_msg("%s was read as %" PRId64, setting, read);
}

/* Exactly one error, about line 3, saying MESSAGE. */
static void expect_refused(const char *setting, const char *message)
{
    struct buffer expected = {0};
    if (service_with(setting))
        fail_msg("%s was taken", setting);
    buffer_printf(&expected, "snapshot:3: %s\n", message);
    assert_string_equal(buffer_text(&errors), buffer_text(&expected));
    buffer_release(&expected);
}

static const char *format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));
static const char *format(const char *pattern, ...)
{
    static char texts[4][256];
    static int next;
    va_list args;
    char *text = texts[next++ % 4];
    va_start(args, pattern);
    vsnprintf(text, sizeof *texts, pattern, args);
    va_end(args);
    return text;
}

static void counts_are_taken_within_their_range(void **state)
{
    (void)state;
    for (const struct config_key *key = config_service_keys; key->name; key++) {
        if (key->kind != CONFIG_COUNT)
            continue;
        expect_taken(format("%s = %" PRId64 ";", key->name, key->low), key->offset, key->low);
        expect_taken(format("%s = %" PRId64 "L;", key->name, key->high), key->offset, key->high);
        const int64_t outside[] = {key->low - 1, key->high + 1, -1, INT64_C(1) << 40};
        for (int i = 0; i < 4; i++)
            expect_refused(format("%s = %" PRId64 "L;", key->name, outside[i]),
                           format("%s = %" PRId64 " is out of range (%" PRId64 " to %" PRId64 ")",
                                  key->name, outside[i], key->low, key->high));
    }
}

static void counts_are_integers(void **state)
{
    static const char *const values[][2] = {
        {"8.0", "a floating-point number"},
        {"\"8\"", "a string"},
        {"true", "a boolean"},
        {"[ 8 ]", "an array"},
        {"( 8 )", "a list"},
        {"{ n = 8; }", "a group"},
    };
    (void)state;
    for (const struct config_key *key = config_service_keys; key->name; key++)
        for (size_t i = 0; key->kind == CONFIG_COUNT && i < sizeof values / sizeof *values; i++)
            expect_refused(format("%s = %s;", key->name, values[i][0]),
                           format("%s must be an integer, not %s", key->name, values[i][1]));
}

static void durations_are_taken_within_their_range(void **state)
{
    char low[QUANTITY_TEXT_MAX], high[QUANTITY_TEXT_MAX];
    (void)state;
    for (const struct config_key *key = config_service_keys; key->name; key++) {
        if (key->kind != CONFIG_DURATION)
            continue;
        expect_taken(format("%s = \"%" PRId64 "ms\";", key->name, key->low), key->offset, key->low);
        expect_taken(format("%s = \"%" PRId64 "ms\";", key->name, key->high), key->offset,
                     key->high);
        const char *message = format("%s is out of range (%s to %s)", key->name,
                                     quantity_print_duration(key->low, low),
                                     quantity_print_duration(key->high, high));
        expect_refused(format("%s = \"%" PRId64 "ms\";", key->name, key->high + 1), message);
        if (key->low > 0)
            expect_refused(format("%s = \"%" PRId64 "ms\";", key->name, key->low - 1), message);
    }
}

static void durations_are_seconds_or_have_a_unit(void **state)
{
    size_t offset = offsetof(struct config_service, idle_timeout);
    (void)state;
    expect_taken("idle_timeout = 60;", offset, 60000);
    expect_taken("idle_timeout = 60L;", offset, 60000);
    expect_taken("idle_timeout = 0.5;", offset, 500);
    expect_taken("idle_timeout = \"250ms\";", offset, 250);
    expect_taken("idle_timeout = \"2h\";", offset, 7200000);
    expect_taken("idle_timeout = \"60\";", offset, 60000);
    expect_taken("idle_timeout = 0;", offset, 0);
    expect_taken("", offset, 60000);
}

static void other_durations_are_refused(void **state)
{
    const char *none = "idle_timeout is not a duration; write seconds (60, 0.5) or \"250ms\", "
                       "\"60s\", \"5m\", \"2h\"";
    (void)state;
    expect_refused("idle_timeout = -1;", none);
    expect_refused("idle_timeout = -0.5;", none);
    expect_refused("idle_timeout = \"60x\";", none);
    expect_refused("idle_timeout = \"\";", none);
    expect_refused("idle_timeout = \"soon\";", none);
    expect_refused("idle_timeout = true;",
                   "idle_timeout must be a duration (seconds, or a string such as \"250ms\", "
                   "\"60s\"), not a boolean");
}

static void booleans(void **state)
{
    (void)state;
    assert_true(service_with("")->access_log);
    assert_true(service_with("access_log = true;")->access_log);
    assert_false(service_with("access_log = false;")->access_log);
    expect_refused("access_log = 1;", "access_log must be true or false, not an integer");
    expect_refused("access_log = \"no\";", "access_log must be true or false, not a string");
}

static void modes_are_octal_strings(void **state)
{
    size_t offset = offsetof(struct config_service, socket_mode);
    static const char *const wrong[] = {"0999", "66", "00660", "1777", "u+rw", "0660 ", "-660"};
    (void)state;
    expect_taken("", offset, 0666);
    expect_taken("socket_mode = \"0660\";", offset, 0660);
    expect_taken("socket_mode = \"600\";", offset, 0600);
    expect_taken("socket_mode = \"0000\";", offset, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_refused(format("socket_mode = \"%s\";", wrong[i]),
                       "socket_mode is not a file mode; write \"0660\"");
    expect_refused("socket_mode = \"\";", "socket_mode is empty");
    expect_refused("socket_mode = 0660;", "socket_mode must be a string, not an integer");
}

/* Global keys: the service is all right, the text goes before it. */
static const struct config *globals(const char *settings)
{
    struct buffer text = {0};
    release(NULL);
    buffer_printf(&text, "%s\nservices = { one = { listen = \"unix:@x\"; handler = \"echo\"; }; };",
                  settings);
    config = config_load_snapshot(buffer_text(&text), &errors);
    buffer_release(&text);
    return config;
}

static void expect_global_refused(const char *setting, const char *message)
{
    assert_null(globals(setting));
    assert_string_equal(buffer_text(&errors), format("snapshot:1: %s\n", message));
}

static void words_are_strings_that_are_not_empty(void **state)
{
    (void)state;
    assert_string_equal(globals("user = \"alice\";")->user, "alice");
    assert_null(globals("")->user);
    assert_string_equal(globals("control = \"/run/x y\\\"z\";")->control, "/run/x y\"z");
    expect_global_refused("user = \"\";", "user is empty");
    expect_global_refused("user = 1000;", "user must be a string, not an integer");
    expect_global_refused("pid_file = [ \"/x\" ];", "pid_file must be a string, not an array");
}

static void choices_are_one_of_their_names(void **state)
{
    (void)state;
    assert_int_equal(globals("")->log.level, LOG_LEVEL_INFO);
    assert_int_equal(globals("")->log.format, LOG_FORMAT_LOGFMT);
    assert_int_equal(globals("log = { level = \"debug\"; };")->log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(globals("log = { level = \"error\"; };")->log.level, LOG_LEVEL_ERROR);
    assert_int_equal(globals("log = { format = \"json\"; };")->log.format, LOG_FORMAT_JSON);
    expect_global_refused("log = { level = \"warn\"; };",
                          "unknown level \"warn\"; known: error, warning, info, debug");
    expect_global_refused("log = { level = \"warnings\"; };",
                          "unknown level \"warnings\" (did you mean \"warning\"?)");
    expect_global_refused("log = { format = \"jsno\"; };",
                          "unknown format \"jsno\" (did you mean \"json\"?)");
    expect_global_refused("log = { level = 3; };", "level must be a string, not an integer");
    expect_global_refused("log = \"debug\";",
                          "log must be a group { level = …; format = …; }, not a string");
}

static void every_key_has_its_default(void **state)
{
    (void)state;
    const char *service = (const char *)service_with("");
    for (const struct config_key *key = config_service_keys; key->name; key++) {
        const void *field = service + key->offset;
        if (strcmp(key->name, "max_workers") == 0)
            continue;
        if (key->kind == CONFIG_BOOLEAN)
            assert_int_equal(*(const bool *)field, key->fallback);
        else if (key->kind != CONFIG_WORD && key->kind != CONFIG_CHOICE)
            assert_int_equal(*(const int64_t *)field, key->fallback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(counts_are_taken_within_their_range, release),
        cmocka_unit_test_teardown(counts_are_integers, release),
        cmocka_unit_test_teardown(durations_are_taken_within_their_range, release),
        cmocka_unit_test_teardown(durations_are_seconds_or_have_a_unit, release),
        cmocka_unit_test_teardown(other_durations_are_refused, release),
        cmocka_unit_test_teardown(booleans, release),
        cmocka_unit_test_teardown(modes_are_octal_strings, release),
        cmocka_unit_test_teardown(words_are_strings_that_are_not_empty, release),
        cmocka_unit_test_teardown(choices_are_one_of_their_names, release),
        cmocka_unit_test_teardown(every_key_has_its_default, release),
    };
    return cmocka_run_group_tests_name("config_value", tests, NULL, NULL);
}
