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
    static char texts[16][256];
    static int next;
    va_list args;
    char *text = texts[next++ % 16];
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
            if (!key->automatic)
                expect_refused(format("%s = %s;", key->name, values[i][0]),
                               format("%s must be an integer, not %s", key->name, values[i][1]));
}

static void workers_are_a_count_or_auto(void **state)
{
    static const char *const words[] = {"8", "", "Auto", "automatic"};
    (void)state;
    expect_refused("workers = 8.0;",
                   "workers must be an integer or \"auto\", not a floating-point number");
    expect_refused("workers = true;", "workers must be an integer or \"auto\", not a boolean");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        expect_refused(
            format("workers = \"%s\";", words[i]),
            format("workers must be an integer without quotes, or \"auto\", not \"%s\"", words[i]));
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

/* Line 3 is SETTING of a handler that is a program, or of its limits. */
static const struct config_program *program_with(const char *type, bool limit, const char *setting)
{
    struct buffer text = {0};
    release(NULL);
    buffer_printf(&text,
                  "services = { one = { listen = \"unix:@x\"; handler = { type = \"%s\";\n"
                  "command = [ \"/bin/cat\" ]; %s\n"
                  "%s\n"
                  "%s }; start_timeout = \"24h\"; }; };\n",
                  type, limit ? "limits = {" : "", setting, limit ? "};" : "");
    config = config_load_snapshot(buffer_text(&text), &errors);
    buffer_release(&text);
    return config ? &config->services[0].program : NULL;
}

static void expect_program(const char *type, const char *setting, size_t offset, int64_t value)
{
    const struct config_program *program = program_with(type, false, setting);
    if (!program)
        fail_msg("%s: %s", setting, buffer_text(&errors));
    assert_true(*(const int64_t *)(const void *)((const char *)program + offset) == value);
}

static void expect_program_refused(const char *type, const char *setting, const char *message)
{
    if (program_with(type, false, setting))
        fail_msg("%s was taken", setting);
    assert_string_equal(buffer_text(&errors), format("snapshot:3: %s\n", message));
}

/* Counts and durations of a program, in their ranges and outside. */
static void check_ranges(const char *type, const struct config_key *keys)
{
    char low[QUANTITY_TEXT_MAX], high[QUANTITY_TEXT_MAX];
    for (const struct config_key *key = keys; key->name; key++) {
        bool count = key->kind == CONFIG_COUNT;
        if (!count && key->kind != CONFIG_DURATION)
            continue;
        const char *message =
            count ? format("%s = %" PRId64 " is out of range (%" PRId64 " to %" PRId64 ")",
                           key->name, key->high + 1, key->low, key->high)
                  : format("%s is out of range (%s to %s)", key->name,
                           quantity_print_duration(key->low, low),
                           quantity_print_duration(key->high, high));
        for (int i = 0; i < 3; i++) {
            int64_t value = i == 0 ? key->low : i == 1 ? key->high : key->high + 1;
            const char *setting = count ? format("%s = %" PRId64 "L;", key->name, value)
                                        : format("%s = \"%" PRId64 "ms\";", key->name, value);
            if (i < 2)
                expect_program(type, setting, key->offset, value);
            else
                expect_program_refused(type, setting, message);
        }
    }
}

static void numbers_of_programs_are_taken_within_their_range(void **state)
{
    (void)state;
    check_ranges("exec", config_exec_keys);
    check_ranges("listen", config_listen_keys);
    expect_program_refused("exec", "nice = -21;", "nice = -21 is out of range (-20 to 19)");
    expect_program_refused("exec", "nice = \"5\";", "nice must be an integer, not a string");
    expect_program_refused("listen", "watchdog = -1;",
                           "watchdog is not a duration; write seconds (60, 0.5) or \"250ms\", "
                           "\"60s\", \"5m\", \"2h\"");
    expect_program_refused("exec", "warm_fork = 1;",
                           "warm_fork must be true or false, not an integer");
    expect_program("exec", "umask = \"0000\";", offsetof(struct config_program, umask), 0);
    expect_program("exec", "umask = \"777\";", offsetof(struct config_program, umask), 0777);
    expect_program_refused("exec", "umask = 18;", "umask must be a string, not an integer");
    expect_program_refused("exec", "umask = \"22\";", "umask is not a file mode; write \"0660\"");
}

static void expect_limit(const struct config_key *key, const char *value, int64_t wanted)
{
    const char *setting = format("%s = %s;", key->name, value);
    const struct config_program *program = program_with("exec", true, setting);
    if (!program)
        fail_msg("%s: %s", setting, buffer_text(&errors));
    const char *limits = (const char *)&program->limits;
    int64_t read = *(const int64_t *)(const void *)(limits + key->offset);
    if (read != wanted)
        fail_msg("%s was read as %" PRId64, setting, read);
    for (const struct config_key *other = config_limit_keys; other->name; other++)
        if (other != key)
            assert_int_equal(*(const int64_t *)(const void *)(limits + other->offset),
                             CONFIG_NOT_SET);
}

static void expect_limit_refused(const struct config_key *key, const char *value,
                                 const char *message)
{
    const char *setting = format("%s = %s;", key->name, value);
    if (program_with("listen", true, setting))
        fail_msg("%s was taken", setting);
    assert_string_equal(buffer_text(&errors), format("snapshot:3: %s\n", message));
}

static void sizes_are_taken_within_their_range(void **state)
{
    char low[QUANTITY_TEXT_MAX], high[QUANTITY_TEXT_MAX];
    (void)state;
    for (const struct config_key *key = config_limit_keys; key->name; key++) {
        assert_int_equal(key->kind, CONFIG_SIZE);
        expect_limit(key, format("%" PRId64 "L", key->low), key->low);
        expect_limit(key, format("%" PRId64 "L", key->high), key->high);
        expect_limit(key, format("%" PRId64 "L", key->high - 1), key->high - 1);
        expect_limit(key, format("\"%" PRId64 "\"", key->low), key->low);
        expect_limit(key, format("\"%" PRId64 "\"", key->high), key->high);
        expect_limit(key, format("\"%" PRId64 "\"", key->high - 1), key->high - 1);
        expect_limit(key, "\"64M\"", INT64_C(64) << 20);
        expect_limit(key, "\"1.5M\"", INT64_C(3) << 19);
        expect_limit(key, "\"unlimited\"", CONFIG_UNLIMITED);
        const char *message =
            format("%s is out of range (%s to %s)", key->name, quantity_print_size(key->low, low),
                   quantity_print_size(key->high, high));
        expect_limit_refused(key, format("%" PRId64 "L", key->high + 1), message);
        expect_limit_refused(key, format("%" PRId64, key->low - 1), message);
        expect_limit_refused(key, "-1", message);
        expect_limit_refused(key, "9223372036854775807L", message);
        if (key->low > 0)
            expect_limit_refused(key, format("\"%" PRId64 "\"", key->low - 1), message);
    }
}

static void other_sizes_are_refused(void **state)
{
    static const char *const texts[] = {"\"\"",    "\"much\"",      "\"64k\"",        "\"64MB\"",
                                        "\"-1\"",  "\"Unlimited\"", "\"unlimited \"", "\" 64M\"",
                                        "\"1e9\"", "\"infinity\"",  "\"0x40\"",       "\"64 K B\""};
    static const char *const types[][2] = {{"0.5", "a floating-point number"},
                                           {"true", "a boolean"},
                                           {"[ 64 ]", "an array"},
                                           {"( 64 )", "a list"},
                                           {"{ n = 64; }", "a group"}};
    (void)state;
    for (const struct config_key *key = config_limit_keys; key->name; key++) {
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            expect_limit_refused(key, texts[i],
                                 format("%s is not a number; write 1000, \"64K\", \"64M\", \"1G\" "
                                        "or \"unlimited\"",
                                        key->name));
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            expect_limit_refused(key, types[i][0],
                                 format("%s must be a number, or a string such as \"64M\", not %s",
                                        key->name, types[i][1]));
    }
}

/* Whatever is not of a key's type is refused, with one complaint that names the key. */
static void check_types(const char *type, const struct config_key *keys)
{
    static const char *const values[] = {"7",     "0.5",   "true",      "\"\"",
                                         "[ 7 ]", "( 7 )", "{ n = 7; }"};
    for (const struct config_key *key = keys; key->name; key++)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            bool fits = (key->kind == CONFIG_COUNT && i == 0) ||
                        (key->kind == CONFIG_DURATION && i < 2) ||
                        (key->kind == CONFIG_BOOLEAN && i == 2) ||
                        (key->kind == CONFIG_VARIABLES && i == 6);
            if (strcmp(key->name, "command") == 0 || fits)
                continue;
            const char *setting = format("%s = %s;", key->name, values[i]);
            if (program_with(type, false, setting))
                fail_msg("%s was taken", setting);
            assert_memory_equal(buffer_text(&errors), "snapshot:3: ", 12);
            if (strchr(buffer_text(&errors), '\n') != errors.data + errors.length - 1)
                fail_msg("%s: %s", setting, buffer_text(&errors));
            assert_non_null(strstr(buffer_text(&errors), key->name));
        }
}

static void keys_of_programs_have_one_type_each(void **state)
{
    (void)state;
    check_types("exec", config_exec_keys);
    check_types("listen", config_listen_keys);
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
        cmocka_unit_test_teardown(workers_are_a_count_or_auto, release),
        cmocka_unit_test_teardown(durations_are_taken_within_their_range, release),
        cmocka_unit_test_teardown(durations_are_seconds_or_have_a_unit, release),
        cmocka_unit_test_teardown(other_durations_are_refused, release),
        cmocka_unit_test_teardown(booleans, release),
        cmocka_unit_test_teardown(modes_are_octal_strings, release),
        cmocka_unit_test_teardown(numbers_of_programs_are_taken_within_their_range, release),
        cmocka_unit_test_teardown(sizes_are_taken_within_their_range, release),
        cmocka_unit_test_teardown(other_sizes_are_refused, release),
        cmocka_unit_test_teardown(keys_of_programs_have_one_type_each, release),
        cmocka_unit_test_teardown(words_are_strings_that_are_not_empty, release),
        cmocka_unit_test_teardown(choices_are_one_of_their_names, release),
        cmocka_unit_test_teardown(every_key_has_its_default, release),
    };
    return cmocka_run_group_tests_name("config_value", tests, NULL, NULL);
}
