/* SPDX-License-Identifier: MIT
 *
 * config_program_test - handlers that are programs: what their keys are by default, and what must
 * be true across them and the service they belong to.
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

/* A service of that TYPE: KEYS are lines 2 and following, SERVICE those after them. NULL where that
 * is refused. */
static const struct config_service *load(const char *type, const char *keys, const char *service)
{
    struct buffer text = {0};
    release(NULL);
    buffer_printf(&text,
                  "services = { one = { listen = \"unix:@x\"; handler = { type = \"%s\";\n%s };\n"
                  "%s }; };\n",
                  type, keys, service);
    config = config_load_snapshot(buffer_text(&text), &errors);
    buffer_release(&text);
    return config ? &config->services[0] : NULL;
}

static const struct config_service *taken(const char *type, const char *keys, const char *service)
{
    const struct config_service *found = load(type, keys, service);
    if (!found)
        fail_msg("%s %s: %s", keys, service, buffer_text(&errors));
    assert_string_equal(buffer_text(&errors), "");
    return found;
}

/* Exactly this COMPLAINT: "LINE: text". */
static void expect_refused(const char *type, const char *keys, const char *service,
                           const char *complaint)
{
    struct buffer expected = {0};
    if (load(type, keys, service))
        fail_msg("taken: %s %s", keys, service);
    buffer_printf(&expected, "snapshot:%s\n", complaint);
    assert_string_equal(buffer_text(&errors), buffer_text(&expected));
    buffer_release(&expected);
}

#define CAT "command = [ \"/bin/cat\" ]; "
static const char *const BOTH[] = {"exec", "listen"};

static void defaults_of_exec(void **state)
{
    const struct config_service *s = taken("exec", CAT, "");
    const struct config_program *p = &s->program;
    (void)state;
    assert_int_equal(s->kind, CONFIG_EXEC);
    assert_string_equal(s->handler, "exec");
    assert_int_equal(s->option_count, 0);
    assert_null(s->credentials);
    assert_string_equal(p->directory, "/");
    assert_int_equal(p->environment.count, 0);
    assert_null(p->user);
    assert_null(p->group);
    assert_int_equal(p->umask, 0022);
    assert_int_equal(p->nice, 0);
    assert_int_equal(p->stderr, CONFIG_STDERR_LOG);
    assert_int_equal(p->warm, WARM_OFF);
    assert_false(p->warm_fork);
    assert_int_equal(p->warm_fork_max_age, 3600000);
}

static void defaults_of_listen(void **state)
{
    const struct config_service *s = taken("listen", CAT, "");
    const struct config_program *p = &s->program;
    (void)state;
    assert_int_equal(s->kind, CONFIG_LISTEN);
    assert_string_equal(s->handler, "listen");
    assert_string_equal(p->directory, "/");
    assert_int_equal(p->umask, 0022);
    assert_int_equal(p->stderr, CONFIG_STDERR_LOG);
    assert_int_equal(p->protocols.count, 0);
    assert_int_equal(p->ready_after, 1000);
    assert_int_equal(p->stop_signal, CONFIG_STOP_TERM);
    assert_int_equal(p->watchdog, 0);
}

static void limits_are_not_set_by_default(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *limits = (const char *)&taken(BOTH[i], CAT, "")->program.limits;
        for (const struct config_key *key = config_limit_keys; key->name; key++)
            assert_int_equal(*(const int64_t *)(const void *)(limits + key->offset),
                             CONFIG_NOT_SET);
    }
}

static void built_in_handler_is_no_program(void **state)
{
    (void)state;
    assert_int_equal(taken("echo", "", "")->kind, CONFIG_BUILT_IN);
    expect_refused("echo", CAT, "", "2: unknown option \"command\"; known: type");
    expect_refused("echo", "limits = { };", "", "2: unknown option \"limits\"; known: type");
}

static void every_choice_is_taken(void **state)
{
    static const struct {
        const char *type, *key;
        const char *const *names;
        size_t offset;
    } rows[] = {
        {"exec", "stderr", config_stderr_names, offsetof(struct config_program, stderr)},
        {"exec", "warm", config_warm_names, offsetof(struct config_program, warm)},
        {"listen", "stop_signal", config_stop_signal_names,
         offsetof(struct config_program, stop_signal)},
    };
    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        for (int i = 0; rows[row].names[i]; i++) {
            char keys[100];
            snprintf(keys, sizeof keys, CAT "%s = \"%s\";", rows[row].key, rows[row].names[i]);
            const struct config_program *p = &taken(rows[row].type, keys, "")->program;
            assert_int_equal(*(const int *)(const void *)((const char *)p + rows[row].offset), i);
        }
    expect_refused("exec", CAT "warm = \"strat\";", "",
                   "2: unknown warm \"strat\" (did you mean \"start\"?)");
    expect_refused("exec", CAT "warm = true;", "", "2: warm must be a string, not a boolean");
    expect_refused("exec", CAT "stderr = \"file\";", "",
                   "2: unknown stderr \"file\"; known: log, socket, null");
    expect_refused("listen", CAT "stop_signal = \"KILL\";", "",
                   "2: unknown stop_signal \"KILL\"; known: TERM, INT, QUIT, HUP, USR1, USR2, "
                   "WINCH");
    expect_refused("listen", CAT "stop_signal = \"SIGTERM\";", "",
                   "2: unknown stop_signal \"SIGTERM\" (did you mean \"TERM\"?)");
    expect_refused("listen", CAT "stop_signal = 15;", "",
                   "2: stop_signal must be a string, not an integer");
}

static void each_type_has_its_own_keys(void **state)
{
    (void)state;
    expect_refused("exec", CAT "comand = 1;", "",
                   "2: unknown key \"comand\" (did you mean \"command\"?)");
    for (const struct config_key *key = config_listen_keys; key->name; key++)
        if (!config_key_find(config_exec_keys, key->name)) {
            struct buffer keys = {0};
            buffer_printf(&keys, CAT "%s = 0;", key->name);
            assert_null(load("exec", buffer_text(&keys), ""));
            assert_non_null(strstr(buffer_text(&errors), "snapshot:2: unknown key \""));
            buffer_release(&keys);
        }
    expect_refused("listen", CAT "warm_fork = true;", "",
                   "2: unknown key \"warm_fork\"; known: command, directory, environment, user, "
                   "group, umask, nice, stderr, protocols, ready_after, stop_signal, watchdog, "
                   "type, limits");
}

static void command_is_required(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        expect_refused(BOTH[i], "", "", "1: there is no command; add command = [ \"/bin/cat\" ];");
        expect_refused(BOTH[i], "command = [ ];", "", "2: command is empty");
        expect_refused(BOTH[i], "nice = 3;\ncommand = [ \"\", \"x\" ];", "",
                       "3: the first word of command, the program, is empty");
    }
}

static void program_in_the_short_form_has_no_command(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char text[100], expected[200];
        release(NULL);
        snprintf(text, sizeof text,
                 "services = { one = { listen = \"unix:@x\";\nhandler = \"%s\"; }; };", BOTH[i]);
        snprintf(
            expected, sizeof expected,
            "snapshot:2: which program? write { type = \"%s\"; command = [ \"/bin/cat\" ]; }\n",
            BOTH[i]);
        assert_null(config_load_snapshot(text, &errors));
        assert_string_equal(buffer_text(&errors), expected);
    }
}

static void relative_program_needs_a_directory(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        expect_refused(BOTH[i], "\ncommand = [ \"bin/x\", \"/y\" ];", "",
                       "3: \"bin/x\" is relative; give an absolute path, or directory = \"/…\";");
        expect_refused(BOTH[i], "command = [ \"./x\" ];", "",
                       "2: \"./x\" is relative; give an absolute path, or directory = \"/…\";");
        taken(BOTH[i], "command = [ \"bin/x\" ]; directory = \"/srv\";", "");
        taken(BOTH[i], "command = [ \"./x\" ]; directory = \"/\";", "");
        taken(BOTH[i], "command = [ \"./x\" ]; directory = \".\";", "");
        taken(BOTH[i], "command = [ \"x\" ];", ""); /* from PATH */
        taken(BOTH[i], "command = [ \"/x\", \"./y\" ];", "");
    }
}

static void directory_is_absolute_or_where_we_are(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_string_equal(taken(BOTH[i], CAT "directory = \".\";", "")->program.directory, ".");
        expect_refused(BOTH[i], CAT "\ndirectory = \"srv\";", "",
                       "3: directory must be an absolute path (or \".\"), not \"srv\"");
        expect_refused(BOTH[i], CAT "directory = \"./srv\";", "",
                       "2: directory must be an absolute path (or \".\"), not \"./srv\"");
        expect_refused(BOTH[i], CAT "directory = \"..\";", "",
                       "2: directory must be an absolute path (or \".\"), not \"..\"");
        expect_refused(BOTH[i], CAT "directory = \"\";", "", "2: directory is empty");
    }
}

static void copies_are_made_of_what_is_warm(void **state)
{
    (void)state;
    expect_refused("exec", CAT "\nwarm_fork = true;", "",
                   "3: warm_fork needs warm = \"start\" or \"io\"");
    expect_refused("exec", CAT "warm = \"off\";\nwarm_fork = true;", "",
                   "3: warm_fork needs warm = \"start\" or \"io\"");
    taken("exec", CAT "warm_fork = false;", "");
    assert_true(taken("exec", CAT "warm_fork = true; warm = \"start\";", "")->program.warm_fork);
    assert_true(taken("exec", CAT "warm = \"io\"; warm_fork = true;", "")->program.warm_fork);
}

static void protocols_are_known_ones(void **state)
{
    const struct config_program *p;
    (void)state;
    p = &taken("listen", CAT, "")->program;
    assert_true(config_protocol(p, "systemd"));
    assert_true(config_protocol(p, "server_starter"));
    assert_true(config_protocol(p, "einhorn"));
    p = &taken("listen", CAT "protocols = [ \"einhorn\", \"systemd\" ];", "")->program;
    assert_true(config_protocol(p, "systemd"));
    assert_false(config_protocol(p, "server_starter"));
    assert_true(config_protocol(p, "einhorn"));
    expect_refused("listen", CAT "protocols = [ \"systemd\",\n\"enihorn\" ];", "",
                   "3: unknown protocol \"enihorn\" (did you mean \"einhorn\"?)");
    expect_refused("listen", CAT "protocols = [ \"inetd\" ];", "",
                   "2: unknown protocol \"inetd\"; known: systemd, server_starter, einhorn");
    expect_refused("listen", CAT "protocols = ( 7,\n\"systemd\" );", "",
                   "2: protocols holds an integer; all of it must be strings, \"in quotes\"");
    expect_refused("listen", CAT "protocols = ( 7,\n\"system\" );", "",
                   "2: protocols holds an integer; all of it must be strings, \"in quotes\"\n"
                   "snapshot:3: unknown protocol \"system\" (did you mean \"systemd\"?)");
    expect_refused("listen", CAT "protocols = [ ];", "", "2: protocols is empty");
    expect_refused("listen", CAT "protocols = \"systemd\";", "",
                   "2: protocols must be a list of strings, [ \"a\", \"b\" ], not a string");
    expect_refused("listen", CAT "protocols = { a = \"b\"; };", "",
                   "2: protocols must be a list of strings, [ \"a\", \"b\" ], not a group");
}

static void who_accepts_by_himself_has_no_client_to_tell(void **state)
{
    (void)state;
    expect_refused("listen", CAT "\nstderr = \"socket\";", "",
                   "3: stderr = \"socket\" is for type \"exec\": here is no client");
    taken("listen", CAT "stderr = \"null\";", "");
    taken("exec", CAT "stderr = \"socket\";", "");
}

static void limits_are_a_group(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        taken(BOTH[i], CAT "limits = { };", "");
        expect_refused(BOTH[i], CAT "limits = [ 7 ];", "",
                       "2: limits must be a group { nofile = …; as = …; }, not an array");
        expect_refused(BOTH[i], CAT "limits = \"unlimited\";", "",
                       "2: limits must be a group { nofile = …; as = …; }, not a string");
        expect_refused(BOTH[i], CAT "limits = {\nnofiles = 8; };", "",
                       "3: unknown key \"nofiles\" (did you mean \"nofile\"?)");
        expect_refused(BOTH[i], CAT "limits = { stack = 8; };", "",
                       "2: unknown key \"stack\"; known: nofile, as, cpu, core, nproc, fsize");
    }
}

/* A program may think as long as it likes, unless somebody says otherwise. */
static void program_may_be_idle(void **state)
{
    (void)state;
    assert_int_equal(taken("echo", "", "")->idle_timeout, 60000);
    assert_int_equal(taken("exec", CAT, "")->idle_timeout, 0);
    assert_int_equal(taken("listen", CAT, "")->idle_timeout, 0);
    assert_int_equal(taken("exec", CAT, "idle_timeout = 5;")->idle_timeout, 5000);
    assert_int_equal(taken("exec", CAT, "idle_timeout = 0;")->idle_timeout, 0);
    assert_int_equal(taken("exec", CAT, "max_lifetime = 5;")->max_lifetime, 5000);
}

static void nobody_can_limit_connections_that_nobody_sees(void **state)
{
    static const char *const keys[] = {"idle_timeout", "max_lifetime",
                                       "max_connections_per_worker"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char setting[100], message[200];
        snprintf(setting, sizeof setting, "%s = 7;", keys[i]);
        snprintf(message, sizeof message,
                 "3: %s is not possible here: programs of type \"listen\" accept by themselves, "
                 "nobody else sees their connections",
                 keys[i]);
        expect_refused("listen", CAT, setting, message);
        taken("exec", CAT, setting);
        snprintf(setting, sizeof setting, "%s = 0;", keys[i]);
        taken("listen", CAT, setting);
    }
}

static void every_error_of_a_program_in_one_run(void **state)
{
    (void)state;
    expect_refused("exec",
                   "command = [ \"x/y\" ];\n"
                   "environment = [ \"A\" ];\n"
                   "umask = \"0999\";\n"
                   "nice = 20;\n"
                   "warm_fork = true;\n"
                   "limits = { cpu = 0;\n"
                   "  as = \"much\"; };\n"
                   "wram = \"io\"; ",
                   "workers = 0;",
                   "2: \"x/y\" is relative; give an absolute path, or directory = \"/…\";\n"
                   "snapshot:3: a variable is written \"NAME=value\", not \"A\"\n"
                   "snapshot:4: umask is not a file mode; write \"0660\"\n"
                   "snapshot:5: nice = 20 is out of range (-20 to 19)\n"
                   "snapshot:6: warm_fork needs warm = \"start\" or \"io\"\n"
                   "snapshot:7: cpu is out of range (1 to 1G)\n"
                   "snapshot:8: as is not a number; write 1000, \"64K\", \"64M\", \"1G\" or "
                   "\"unlimited\"\n"
                   "snapshot:9: unknown key \"wram\" (did you mean \"warm\"?)\n"
                   "snapshot:10: workers = 0 is out of range (1 to 65536)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(defaults_of_exec, release),
        cmocka_unit_test_teardown(defaults_of_listen, release),
        cmocka_unit_test_teardown(limits_are_not_set_by_default, release),
        cmocka_unit_test_teardown(built_in_handler_is_no_program, release),
        cmocka_unit_test_teardown(every_choice_is_taken, release),
        cmocka_unit_test_teardown(each_type_has_its_own_keys, release),
        cmocka_unit_test_teardown(command_is_required, release),
        cmocka_unit_test_teardown(program_in_the_short_form_has_no_command, release),
        cmocka_unit_test_teardown(relative_program_needs_a_directory, release),
        cmocka_unit_test_teardown(directory_is_absolute_or_where_we_are, release),
        cmocka_unit_test_teardown(copies_are_made_of_what_is_warm, release),
        cmocka_unit_test_teardown(protocols_are_known_ones, release),
        cmocka_unit_test_teardown(who_accepts_by_himself_has_no_client_to_tell, release),
        cmocka_unit_test_teardown(limits_are_a_group, release),
        cmocka_unit_test_teardown(program_may_be_idle, release),
        cmocka_unit_test_teardown(nobody_can_limit_connections_that_nobody_sees, release),
        cmocka_unit_test_teardown(every_error_of_a_program_in_one_run, release),
    };
    return cmocka_run_group_tests_name("config_program", tests, NULL, NULL);
}
