/* SPDX-License-Identifier: MIT
 *
 * config_print_test - what is printed reads back to the same model.
 */
#include "lib/config.h"
#include "tests/unit/config_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <sys/mman.h>
#include <sys/stat.h>
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
    fchmod(fd, 0600); /* root takes no file that others can write */
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

/* Every key of a program. */
#define PROGRAM(type, keys)                                                                        \
    "services = { p = { listen = \"unix:@p\"; handler = { type = \"" type "\"; " keys "}; }; };"
#define ALL_OF_EXEC                                                                                \
    "command = [ \"bin/a\\\"b\\\\c\", \"\", \"\\x01\\n\xC3\xA4\xFF\" ]; directory = \"/a b\";\n"   \
    "environment = { A = \"x=\\\"y\"; B = 7; }; user = \"u\"; group = \"g\"; umask = \"077\";\n"   \
    "nice = -20; stderr = \"socket\"; warm = \"io\"; warm_fork = true; warm_fork_max_age = 0;\n"   \
    "limits = { nofile = \"1K\"; as = \"unlimited\"; cpu = 61; core = 0;\n"                        \
    "nproc = 1000L; fsize = 1152921504606846975L; };\n"
#define ALL_OF_LISTEN                                                                              \
    "command = [ \"cat\" ]; protocols = [ \"einhorn\", \"systemd\" ]; ready_after = 0;\n"          \
    "stop_signal = \"WINCH\"; watchdog = \"90s\"; nice = 19; stderr = \"null\";\n"

#define ALL_SET                                                                                    \
    "control = \"/run/a \\\"quoted\\\\name\";\n"                                                   \
    "pid_file = \"/run/pid\";\n"                                                                   \
    "log = { level = \"debug\"; format = \"json\"; file = \"/var/log/x\\ty\"; };\n"                \
    "services = {\n"                                                                               \
    "  one = {\n"                                                                                  \
    "    listen = [ \"tcp://*:7000\", \"unix:///tmp/a b\", \"unix:@x\\\"y\" ];\n"                  \
    "    handler = { type = \"greet\"; encoding = \"utf-8\"; };\n"                                 \
    "    workers = 3; start_workers = 2; min_spare = 1; max_spare = 7; max_workers = 9;\n"         \
    "    max_worker_age = \"90m\"; max_worker_memory = \"64M\"; max_worker_memory_hard = "         \
    "1048576000;\n"                                                                                \
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

/* Of what a file must not be read for: a user is looked up by config_load(). */
static void expect_snapshot_round_trip(const char *text)
{
    struct buffer first = {0}, second = {0};
    struct config *given = config_load_snapshot(text, &errors);
    if (!given)
        fail_msg("%s\n%s", text, buffer_text(&errors));
    config_print(given, &first);
    struct config *again = config_load_snapshot(buffer_text(&first), &errors);
    if (!again)
        fail_msg("%s\n%s", buffer_text(&first), buffer_text(&errors));
    config_print(again, &second);
    assert_string_equal(buffer_text(&second), buffer_text(&first));
    config_release(given);
    config_release(again);
    buffer_release(&first);
    buffer_release(&second);
}

static void programs_read_back(void **state)
{
    (void)state;
    expect_round_trip(PROGRAM("exec", "command = [ \"/bin/cat\" ]; "));
    expect_round_trip(PROGRAM("listen", "command = [ \"/bin/cat\" ]; "));
    expect_snapshot_round_trip(PROGRAM("exec", ALL_OF_EXEC));
    expect_snapshot_round_trip(PROGRAM("listen", ALL_OF_LISTEN));
}

static void every_value_of_a_program_survives(void **state)
{
    struct buffer text = {0};
    (void)state;
    struct config *given = config_load_snapshot(PROGRAM("exec", ALL_OF_EXEC), &errors);
    assert_non_null(given);
    config_print_snapshot(given, &given->services[0], &text);
    config_release(given);
    struct config *config = config_load_snapshot(buffer_text(&text), &errors);
    if (!config)
        fail_msg("%s%s", buffer_text(&text), buffer_text(&errors));
    const struct config_program *p = &config->services[0].program;
    assert_int_equal(config->services[0].kind, CONFIG_EXEC);
    assert_int_equal(p->command.count, 3);
    assert_string_equal(p->command.words[0], "bin/a\"b\\c");
    assert_string_equal(p->command.words[1], "");
    assert_string_equal(p->command.words[2], "\x01\n\xC3\xA4\xFF");
    assert_string_equal(p->directory, "/a b");
    assert_int_equal(p->environment.count, 2);
    assert_string_equal(p->environment.words[0], "A=x=\"y");
    assert_string_equal(p->environment.words[1], "B=7");
    assert_string_equal(p->user, "u");
    assert_string_equal(p->group, "g");
    assert_int_equal(p->umask, 0077);
    assert_int_equal(p->nice, -20);
    assert_int_equal(p->stderr, CONFIG_STDERR_SOCKET);
    assert_int_equal(p->warm, WARM_IO);
    assert_true(p->warm_fork);
    assert_int_equal(p->warm_fork_max_age, 0);
    assert_int_equal(p->limits.nofile, 1024);
    assert_true(p->limits.as == CONFIG_UNLIMITED);
    assert_int_equal(p->limits.cpu, 61);
    assert_int_equal(p->limits.core, 0);
    assert_int_equal(p->limits.nproc, 1000);
    assert_true(p->limits.fsize == (INT64_C(1) << 60) - 1);
    config_release(config);
    buffer_release(&text);
}

#define AUTOMATIC                                                                                  \
    "services = { a = { listen = \"unix:@a\"; handler = \"echo\"; workers = \"auto\"; "            \
    "max_workers = 7; }; };"

/* People see the word, and read it back; a pool gets the number. */
static void automatic_workers_are_printed_for_whom_they_are(void **state)
{
    struct buffer people = {0}, pool = {0};
    (void)state;
    expect_round_trip(AUTOMATIC);
    struct config *config = load(AUTOMATIC);
    const struct config_service *s = &config->services[0];
    assert_int_equal(s->workers, 7);
    assert_non_null(strstr(s->workers_reason, " -> 7 workers ("));
    config_print(config, &people);
    const char *line = strstr(buffer_text(&people), "    workers = \"auto\"; # ");
    assert_non_null(line);
    assert_non_null(strstr(line, s->workers_reason));
    config_print_snapshot(config, s, &pool);
    assert_non_null(strstr(buffer_text(&pool), "    workers = 7;\n"));
    config_release(config);
    buffer_release(&people);
    buffer_release(&pool);
}

static uint64_t dice = 4711;
static unsigned throw_dice(unsigned sides)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(dice >> 33) % sides;
}

/* Up to 4 KiB of any bytes but NUL, half of them ones that mean something to somebody. */
static const char *any_word(void)
{
    static const char odd[] = "\"\\\n\r\t\f\a\x1b\x7f\x01 ;={}[](),@#/*'%$\x80\xC3\xFF";
    static char word[4097];
    size_t length = throw_dice(4) == 0 ? throw_dice(sizeof word) : throw_dice(12);
    for (size_t i = 0; i < length; i++)
        word[i] = throw_dice(2) ? odd[throw_dice(sizeof odd - 1)] : (char)(1 + throw_dice(255));
    word[length] = '\0';
    return word;
}

static void any_word_survives(void **state)
{
    char *words[5] = {0};
    (void)state;
    for (int round = 0; round < 300; round++) {
        words[0] = strdup("program");
        for (int i = 1; i < 4; i++)
            words[i] = strdup(any_word());
        struct buffer text = {0};
        struct config *given = config_load_command_line("unix:@x", NULL, words, 0, NULL, &errors);
        if (!given)
            fail_msg("%s", buffer_text(&errors));
        config_print_snapshot(given, &given->services[0], &text);
        struct config *read = config_load_snapshot(buffer_text(&text), &errors);
        if (!read)
            fail_msg("%s%s", buffer_text(&text), buffer_text(&errors));
        /* Who looks at it on a terminal is not played with. */
        for (const char *c = buffer_text(&text); *c; c++)
            assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7F));
        assert_int_equal(read->services[0].program.command.count, 4);
        for (int i = 0; i < 4; i++) {
            assert_string_equal(read->services[0].program.command.words[i], words[i]);
            free(words[i]);
        }
        config_release(given);
        config_release(read);
        buffer_release(&text);
    }
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
    if (!config && geteuid() == 0 && strstr(buffer_text(&errors), "belongs to uid"))
        skip(); /* somebody else's checkout */
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
    assert_string_equal(option_of(s, "encoding")->value, "utf-8");
    assert_int_equal(s->workers, 3);
    assert_int_equal(s->start_workers, 2);
    assert_int_equal(s->min_spare, 1);
    assert_int_equal(s->max_spare, 7);
    assert_int_equal(s->max_workers, 9);
    assert_int_equal(s->max_connections_per_worker, 1000);
    assert_int_equal(s->max_worker_age, 90 * 60 * 1000);
    assert_int_equal(s->max_worker_memory, 64 << 20);
    assert_int_equal(s->max_worker_memory_hard, 1000 << 20);
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
                                 "workers = 1; max_worker_memory = \"1M\"; "
                                 "max_worker_memory_hard = \"1M\"; }; };");
    (void)state;
    for (const struct config_key *key = config_service_keys; key->name; key++) {
        char line[64];
        if ((key->kind == CONFIG_WORD && !key->fallback_word) || key->kind == CONFIG_LIST)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_printed_reads_back, release),
        cmocka_unit_test_teardown(programs_read_back, release),
        cmocka_unit_test_teardown(every_value_of_a_program_survives, release),
        cmocka_unit_test_teardown(any_word_survives, release),
        cmocka_unit_test_teardown(what_overrules_a_default_reads_back, release),
        cmocka_unit_test_teardown(shipped_configuration_reads_back, release),
        cmocka_unit_test_teardown(every_value_survives, release),
        cmocka_unit_test_teardown(every_key_is_printed, release),
        cmocka_unit_test_teardown(automatic_workers_are_printed_for_whom_they_are, release),
        cmocka_unit_test_teardown(elastic_pool_has_no_fixed_number, release),
        cmocka_unit_test_teardown(snapshot_holds_log_and_service, release),
    };
    return cmocka_run_group_tests_name("config_print", tests, NULL, NULL);
}
