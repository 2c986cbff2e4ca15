/* SPDX-License-Identifier: MIT
 *
 * config_print_test - what is printed reads back to the same model, and the fingerprint of a
 * service changes with all its pool depends on and with nothing else.
 */
#include "lib/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

static struct buffer errors;

static int release(void **state)
{
    (void)state;
    buffer_release(&errors);
    return 0;
}

/* Load TEXT as a file would be, names resolved. */
static struct config *load(const char *text)
{
    char file[64];
    int fd = memfd_create("config", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(file, sizeof file, "/proc/self/fd/%d", fd);
    struct config *config = config_load(file, &errors);
    close(fd);
    if (!config)
        fail_msg("%s\n%s", text, buffer_text(&errors));
    return config;
}

/* The printed form of what TEXT says; to be freed. */
static struct buffer printed(const char *text)
{
    struct buffer out = {0};
    struct config *config = load(text);
    config_print(config, &out);
    config_release(config);
    return out;
}

static void expect_round_trip(const char *text)
{
    struct buffer first = printed(text);
    struct buffer second = printed(buffer_text(&first));
    assert_string_equal(buffer_text(&second), buffer_text(&first));
    buffer_release(&first);
    buffer_release(&second);
}

#define ALL_SET                                                                                    \
    "control = \"/run/a \\\"quoted\\\\name\";\n"                                                   \
    "pid_file = \"/run/pid\";\n"                                                                   \
    "log = { level = \"debug\"; format = \"json\"; file = \"/var/log/x\\ty\"; };\n"                \
    "services = {\n"                                                                               \
    "  one = {\n"                                                                                  \
    "    listen = [ \"tcp://*:7000\", \"unix:///tmp/a b\", \"unix:@x\\\"y\" ];\n"                  \
    "    handler = { type = \"greet\"; encoding = \"utf-8\"; };\n"                                 \
    "    workers = 3; start_workers = 2; min_spare = 1; max_spare = 7; max_workers = 9;\n"         \
    "    max_connections_per_worker = 1000; idle_timeout = \"1500ms\"; max_lifetime = \"2h\";\n"   \
    "    start_timeout = 3; graceful_timeout = 0; kill_timeout = 0.25;\n"                          \
    "    restart_delay = \"1ms\"; restart_delay_max = \"1h\"; backlog = 1;\n"                      \
    "    socket_mode = \"0600\"; access_log = false;\n"                                            \
    "  };\n"                                                                                       \
    "  two = { listen = \"tcp://127.0.0.1:0\"; handler = \"echo\"; };\n"                           \
    "};\n"

static void what_is_printed_reads_back(void **state)
{
    (void)state;
    expect_round_trip("services = { a = { listen = \"unix:@x\"; handler = \"echo\"; }; };");
    expect_round_trip(ALL_SET);
    expect_round_trip("services = { a-b_c = { listen = \"unix:@\xC3\xA4\\x01\\n\"; handler = "
                      "\"hello\"; }; };");
}

/* Defaults are printed like what was given: together they must still be allowed. */
static void what_overrules_a_default_reads_back(void **state)
{
#define WITH(keys) "services = { a = { listen = \"unix:@x\"; handler = \"echo\"; " keys " }; };"
    (void)state;
    expect_round_trip(WITH("workers = 500;"));
    expect_round_trip(WITH("max_workers = 2;"));
    expect_round_trip(WITH("min_spare = 30;"));
    expect_round_trip(WITH("max_spare = 1;"));
    expect_round_trip(WITH("restart_delay = \"60s\";"));
    expect_round_trip(WITH("restart_delay_max = \"1ms\";"));
#undef WITH
}

static void shipped_configuration_reads_back(void **state)
{
    struct buffer text = {0};
    (void)state;
    struct config *config = config_load("etc/preforkd.conf", &errors);
    assert_non_null(config);
    config_print(config, &text);
    config_release(config);
    expect_round_trip(buffer_text(&text));
    buffer_release(&text);
}

static void every_value_survives(void **state)
{
    struct buffer text = printed(ALL_SET);
    struct config *config = load(buffer_text(&text));
    const struct config_service *s = config_find(config, "one");
    (void)state;
    assert_string_equal(config->control, "/run/a \"quoted\\name");
    assert_string_equal(config->pid_file, "/run/pid");
    assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(config->log.format, LOG_FORMAT_JSON);
    assert_string_equal(config->log.file, "/var/log/x\ty");
    assert_int_equal(config->service_count, 2);
    assert_int_equal(s->listen_count, 3);
    assert_string_equal(s->listens[2].text, "unix:@x\"y");
    assert_string_equal(config_option(s, "encoding"), "utf-8");
    assert_int_equal(s->workers, 3);
    assert_int_equal(s->start_workers, 2);
    assert_int_equal(s->min_spare, 1);
    assert_int_equal(s->max_spare, 7);
    assert_int_equal(s->max_workers, 9);
    assert_int_equal(s->max_connections_per_worker, 1000);
    assert_int_equal(s->idle_timeout, 1500);
    assert_int_equal(s->max_lifetime, 7200000);
    assert_int_equal(s->start_timeout, 3000);
    assert_int_equal(s->graceful_timeout, 0);
    assert_int_equal(s->kill_timeout, 250);
    assert_int_equal(s->restart_delay, 1);
    assert_int_equal(s->restart_delay_max, 3600000);
    assert_int_equal(s->backlog, 1);
    assert_int_equal(s->socket_mode, 0600);
    assert_false(s->access_log);
    assert_int_equal(config_find(config, "two")->workers, 0);
    config_release(config);
    buffer_release(&text);
}

static void every_key_is_printed(void **state)
{
    struct buffer text = printed("services = { a = { listen = \"unix:@x\"; handler = \"echo\"; "
                                 "workers = 1; }; };");
    (void)state;
    for (const struct config_key *key = config_service_keys; key->name; key++) {
        char line[64];
        if (key->kind == CONFIG_WORD && !key->fallback_word)
            continue;
        snprintf(line, sizeof line, "\n    %s = ", key->name);
        if (!strstr(buffer_text(&text), line))
            fail_msg("no %s in:\n%s", key->name, buffer_text(&text));
    }
    buffer_release(&text);
}

static void elastic_pool_has_no_fixed_number(void **state)
{
    struct buffer text = printed("services = { a = { listen = \"unix:@x\"; handler = \"echo\"; "
                                 "}; };");
    (void)state;
    assert_null(strstr(buffer_text(&text), "\n    workers = "));
    assert_non_null(strstr(buffer_text(&text), "\n    start_workers = 5;\n"));
    buffer_release(&text);
}

/* The snapshot: the same service, and nothing that needs a look-up. */

static void snapshot_holds_log_and_service(void **state)
{
    struct config *config = load(ALL_SET);
    struct buffer text = {0}, again = {0};
    (void)state;
    config_print_snapshot(config, &config->services[0], &text);
    assert_null(strstr(buffer_text(&text), "control"));
    assert_null(strstr(buffer_text(&text), "user"));
    assert_null(strstr(buffer_text(&text), "two"));
    struct config *read = config_load_snapshot(buffer_text(&text), &errors);
    assert_non_null(read);
    assert_int_equal(read->service_count, 1);
    assert_int_equal(read->services[0].listens[0].count, 0); /* nothing was resolved */
    assert_null(read->user);
    assert_null(read->credentials);
    assert_int_equal(read->log.level, LOG_LEVEL_DEBUG);
    config_print_snapshot(read, &read->services[0], &again);
    assert_string_equal(buffer_text(&again), buffer_text(&text));
    config_release(read);
    config_release(config);
    buffer_release(&text);
    buffer_release(&again);
}

/* The fingerprint of the first service in TEXT; to be freed. */
static struct buffer fingerprint(const char *text)
{
    struct buffer out = {0};
    struct config *config = config_load_snapshot(text, &errors);
    if (!config)
        fail_msg("%s", buffer_text(&errors));
    config_print_fingerprint(config, &config->services[0], &out);
    config_release(config);
    return out;
}

#define ONE(keys) "services = { a = { listen = \"unix:@x\"; handler = \"greet\"; " keys " }; };"

static bool same_fingerprint(const char *a, const char *b)
{
    struct buffer first = fingerprint(a), second = fingerprint(b);
    bool same = strcmp(buffer_text(&first), buffer_text(&second)) == 0;
    buffer_release(&first);
    buffer_release(&second);
    return same;
}

static void fingerprint_ignores_the_way_it_is_written(void **state)
{
    (void)state;
    assert_true(same_fingerprint(ONE(""), ONE("")));
    assert_true(same_fingerprint(ONE(""), "# a remark\n" ONE("idle_timeout = \"1m\";")));
    assert_true(same_fingerprint(ONE("idle_timeout = 90;"), ONE("idle_timeout = \"1.5m\";")));
    assert_true(same_fingerprint(
        ONE(""), "services = { a = { listen = [ \"unix:@x\" ]; handler = { type = \"greet\"; "
                 "encoding = \"gbk\"; }; }; };"));
    assert_true(same_fingerprint(ONE(""), "control = \"/x\"; pid_file = \"/y\"; " ONE("")));
}

static void fingerprint_notices_all_that_matters(void **state)
{
    (void)state;
    assert_false(same_fingerprint(ONE(""), ONE("workers = 3;")));
    assert_false(same_fingerprint(ONE(""), ONE("idle_timeout = 61;")));
    assert_false(same_fingerprint(ONE(""), ONE("access_log = false;")));
    assert_false(same_fingerprint(ONE(""), "log = { level = \"debug\"; };" ONE("")));
    assert_false(same_fingerprint(ONE(""), "user = \"alice\";" ONE("")));
    assert_false(same_fingerprint("user = \"bob\";" ONE(""), "user = \"alice\";" ONE("")));
    assert_false(same_fingerprint(
        ONE(""), "services = { a = { listen = \"unix:@y\"; handler = \"greet\"; }; };"));
    assert_false(same_fingerprint(
        ONE(""), "services = { a = { listen = \"unix:@x\"; handler = \"echo\"; }; };"));
    assert_false(same_fingerprint(
        ONE(""), "services = { a = { listen = \"unix:@x\"; handler = { type = \"greet\"; "
                 "encoding = \"big5\"; }; }; };"));
}

static void fingerprint_has_what_names_resolve_to(void **state)
{
    struct config *config =
        load("services = { a = { listen = \"tcp://127.1:80\"; handler = \"echo\"; }; };");
    struct buffer out = {0};
    (void)state;
    config_print_fingerprint(config, &config->services[0], &out);
    assert_non_null(strstr(buffer_text(&out), "# tcp://127.0.0.1:80\n"));
    config_release(config);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_printed_reads_back, release),
        cmocka_unit_test_teardown(what_overrules_a_default_reads_back, release),
        cmocka_unit_test_teardown(shipped_configuration_reads_back, release),
        cmocka_unit_test_teardown(every_value_survives, release),
        cmocka_unit_test_teardown(every_key_is_printed, release),
        cmocka_unit_test_teardown(elastic_pool_has_no_fixed_number, release),
        cmocka_unit_test_teardown(snapshot_holds_log_and_service, release),
        cmocka_unit_test_teardown(fingerprint_ignores_the_way_it_is_written, release),
        cmocka_unit_test_teardown(fingerprint_notices_all_that_matters, release),
        cmocka_unit_test_teardown(fingerprint_has_what_names_resolve_to, release),
    };
    return cmocka_run_group_tests_name("config_print", tests, NULL, NULL);
}
