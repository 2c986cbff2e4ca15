/* SPDX-License-Identifier: MIT
 *
 * config_read_test - files become models, and every mistake in them is told with its line, in one
 * run.
 */
#include "lib/config.h"
#include "tests/unit/config_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONE_SERVICE                                                                                \
    "services = { one = { listen = \"tcp://127.0.0.1:7000\"; handler = \"echo\"; }; };"

static char folder[] = "/tmp/preforkd-config-XXXXXX";
static struct buffer errors;
static struct config *config;

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

static int release(void **state)
{
    (void)state;
    config_release(config);
    config = NULL;
    buffer_release(&errors);
    unlink(in_folder("main.conf"));
    unlink(in_folder("part.conf"));
    return 0;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const struct config *load(const char *text)
{
    config_release(config);
    buffer_release(&errors);
    write_file("main.conf", text);
    config = config_load(in_folder("main.conf"), &errors);
    return config;
}

static const struct config *taken(const char *text)
{
    if (!load(text))
        fail_msg("%s", buffer_text(&errors));
    assert_string_equal(buffer_text(&errors), "");
    return config;
}

/* TEXT is refused with exactly these complaints, each "LINE: text", in any order, NULL behind the
 * last. */
static void refuse(const char *text, const char *const *complaints)
{
    size_t length = 0;
    if (load(text))
        fail_msg("taken: %s", text);
    for (; *complaints; complaints++) {
        struct buffer line = {0};
        buffer_printf(&line, "%s:%s\n", in_folder("main.conf"), *complaints);
        if (!strstr(buffer_text(&errors), buffer_text(&line)))
            fail_msg("no \"%s\" in:\n%s", *complaints, buffer_text(&errors));
        length += line.length;
        buffer_release(&line);
    }
    if (errors.length != length)
        fail_msg("more than expected:\n%s", buffer_text(&errors));
}

#define expect_errors(text, ...) refuse(text, (const char *const[]){__VA_ARGS__, NULL})

static void smallest_file(void **state)
{
    const struct config *c = taken(ONE_SERVICE);
    (void)state;
    assert_string_equal(c->file, in_folder("main.conf"));
    assert_int_equal(c->service_count, 1);
    const struct config_service *s = &c->services[0];
    assert_string_equal(s->name, "one");
    assert_string_equal(s->handler, "echo");
    assert_int_equal(s->option_count, 0);
    assert_int_equal(s->listen_count, 1);
    assert_string_equal(s->listens[0].text, "tcp://127.0.0.1:7000");
    assert_int_equal(s->listens[0].line, 1);
    assert_int_equal(s->listens[0].count, 1);
    assert_int_equal(s->listens[0].found[0].socket.in.sin_port, htons(7000));
    assert_int_equal(s->workers, 0);
    assert_int_equal(config_start_workers(s), 5);
    assert_int_equal(config_most_workers(s), 256);
    assert_int_equal(config_scoreboard_slots(s), 512);
    assert_int_equal(config_start_limit(s), 10000);
    assert_int_equal(s->idle_timeout, 60000);
    assert_ptr_equal(config_find(c, "one"), s);
    assert_null(config_find(c, "two"));
    assert_non_null(c->control);
}

/* Section 4 of the design, but for the user, which only root may name. */
static void sample_of_the_design(void **state)
{
    const struct config *c =
        taken("control = \"/run/preforkd/control.sock\";\n"
              "log = { level = \"info\"; format = \"logfmt\"; };      # or \"json\"\n"
              "services = {\n"
              "  greet = {\n"
              "    listen  = [ \"tcp://127.0.0.1:9090\", \"unix:///run/preforkd/greet.sock\" ];\n"
              "    handler = { type = \"greet\"; encoding = \"gbk\"; };\n"
              "    workers = 8;                         # fixed pool\n"
              "    min_spare = 5; max_spare = 10; max_workers = 256; start_workers = 5;\n"
              "    max_connections_per_worker = 0;      # 0 = no limit\n"
              "    idle_timeout = \"60s\"; max_lifetime = 0; start_timeout = \"10s\";\n"
              "    graceful_timeout = \"30s\";\n"
              "    backlog = 4096;\n"
              "  };\n"
              "};\n");
    const struct config_service *s = config_find(c, "greet");
    (void)state;
    assert_non_null(s);
    assert_string_equal(c->control, "/run/preforkd/control.sock");
    assert_int_equal(s->listen_count, 2);
    assert_int_equal(s->listens[1].line, 5);
    assert_string_equal(s->listens[1].found[0].socket.un.sun_path, "/run/preforkd/greet.sock");
    assert_string_equal(s->handler, "greet");
    assert_string_equal(option_of(s, "encoding")->value, "gbk");
    assert_null(option_of(s, "coding"));
    assert_int_equal(config_start_workers(s), 8);
    assert_int_equal(config_most_workers(s), 256);
    assert_int_equal(s->graceful_timeout, 30000);
    assert_int_equal(s->max_lifetime, 0);
    assert_int_equal(s->backlog, 4096);
}

static void configuration_that_is_shipped(void **state)
{
    static const struct {
        const char *name;
        in_port_t port;
    } tutorials[] = {{"echo", 10022}, {"greet", 9090}, {"upper", 9001}, {"hello", 8888}};
    (void)state;
    config = config_load("etc/preforkd.conf", &errors);
    if (!config && geteuid() == 0 && strstr(buffer_text(&errors), "belongs to uid"))
        skip(); /* somebody else's checkout */
    if (!config)
        fail_msg("%s", buffer_text(&errors));
    assert_string_equal(config->file, "etc/preforkd.conf");
    assert_int_equal(config->service_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct config_service *s = config_find(config, tutorials[i].name);
        assert_non_null(s);
        assert_string_equal(s->handler, tutorials[i].name);
        assert_int_equal(s->listens[0].found[0].socket.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
        assert_int_equal(s->listens[0].found[0].socket.in.sin_port, htons(tutorials[i].port));
    }
}

static void handler_has_a_short_and_a_long_form(void **state)
{
    const struct config_service *s;
    (void)state;
    s = &taken("services = { one = { listen = \"unix:@x\"; handler = \"greet\"; }; };")
             ->services[0];
    assert_string_equal(s->handler, "greet");
    assert_string_equal(option_of(s, "encoding")->value, "gbk");
    s = &taken("services = { one = { listen = \"unix:@x\";\n"
               "handler = { type = \"greet\"; encoding = \"utf-8\"; }; }; };")
             ->services[0];
    assert_string_equal(option_of(s, "encoding")->value, "utf-8");
}

static void listen_is_a_string_an_array_or_a_list(void **state)
{
    (void)state;
    assert_int_equal(taken(ONE_SERVICE)->services[0].listen_count, 1);
    assert_int_equal(taken("services = { one = { handler = \"echo\";\n"
                           "listen = [ \"unix:@a\", \"unix:@b\", \"unix:@c\" ]; }; };")
                         ->services[0]
                         .listen_count,
                     3);
    assert_int_equal(taken("services = { one = { handler = \"echo\";\n"
                           "listen = ( \"unix:@a\", \"unix:@b\" ); }; };")
                         ->services[0]
                         .listen_count,
                     2);
}

static void wrong_handlers(void **state)
{
    (void)state;
#define WITH(handler) "services = { one = { listen = \"unix:@x\";\n" handler " }; };"
    expect_errors(WITH(""),
                  "1: service \"one\" has no handler; add for example handler = \"echo\";");
    expect_errors(WITH("handler = \"eco\";"),
                  "2: unknown handler \"eco\" (did you mean \"echo\"?)");
    expect_errors(WITH("handler = \"ftpd\";"),
                  "2: unknown handler \"ftpd\"; known: echo, greet, upper, hello, discard, "
                  "daytime, time, chargen, exec, listen, plugin");
    expect_errors(WITH("handler = \"plugin\";"),
                  "2: which plugin? write { type = \"plugin\"; path = \"/…/NAME.so\"; }");
    expect_errors(WITH("handler = \"\";"), "2: handler is empty");
    expect_errors(WITH("handler = 7;"), "2: handler must be a string, not an integer");
    expect_errors(WITH("handler = { };"), "2: handler has no type; write { type = \"echo\"; }");
    expect_errors(WITH("handler = { type = 1; };"), "2: type must be a string, not an integer");
    expect_errors(WITH("handler = { type = \"greet\";\nencodign = \"gbk\"; };"),
                  "3: unknown option \"encodign\" (did you mean \"encoding\"?)");
    expect_errors(WITH("handler = { type = \"echo\";\nencoding = \"gbk\"; };"),
                  "3: unknown option \"encoding\"; known: type");
    expect_errors(WITH("handler = { type = \"greet\";\nencoding = 936; };"),
                  "3: encoding must be a string, not an integer");
#undef WITH
}

static void wrong_listens(void **state)
{
    (void)state;
#define WITH(listen) "services = { one = { handler = \"echo\";\n" listen " }; };"
    expect_errors(WITH(""), "1: service \"one\" has no address; add for example listen = [ "
                            "\"tcp://127.0.0.1:7000\" ];");
    expect_errors(WITH("listen = [ ];"), "2: listen is empty; name at least one address");
    expect_errors(WITH("listen = 7000;"),
                  "2: listen must be an array of addresses, not an integer");
    expect_errors(WITH("listen = [ 7000 ];"), "2: an address must be a string, not an integer");
    expect_errors(WITH("listen = ( \"unix:@x\",\n( ) );"),
                  "3: an address must be a string, not a list");
    expect_errors(WITH("listen = [ \"unix:@x\",\n\"tcp://127.0.0.1:70000\" ];"),
                  "3: port 70000 is out of range (0 to 65535)");
#undef WITH
}

static void unknown_keys_are_told_with_what_was_meant(void **state)
{
    (void)state;
    expect_errors("usr = \"x\";\n" ONE_SERVICE, "1: unknown key \"usr\" (did you mean \"user\"?)");
    expect_errors("service = 1;\n" ONE_SERVICE,
                  "1: unknown key \"service\" (did you mean \"services\"?)");
    expect_errors("colour = 1;\n" ONE_SERVICE,
                  "1: unknown key \"colour\"; known: user, allow_root, control, pid_file, log, "
                  "services");
    expect_errors("log = {\nlevle = \"info\"; };\n" ONE_SERVICE,
                  "2: unknown key \"levle\" (did you mean \"level\"?)");
    expect_errors("services = { one = { listen = \"unix:@x\"; handler = \"echo\";\n"
                  "wokers = 8;\n\n idle_timeuot = 3; }; };",
                  "2: unknown key \"wokers\" (did you mean \"workers\"?)",
                  "4: unknown key \"idle_timeuot\" (did you mean \"idle_timeout\"?)");
}

static void wrong_shapes(void **state)
{
    (void)state;
    expect_errors("", "1: there is no service; add services = { NAME = { … }; };");
    expect_errors("# only a remark\n", "1: there is no service; add services = { NAME = { … }; };");
    expect_errors("\nservices = { };", "2: there is no service in it");
    expect_errors("services = 3;", "1: services must be a group { NAME = { … }; }, not an integer");
    expect_errors("services = {\none = 3; };", "2: one must be a group { … }, not an integer");
}

static void every_error_of_a_file_in_one_run(void **state)
{
    (void)state;
    expect_errors("usr = \"alice\";\n"
                  "control = 3;\n"
                  "log = { level = \"loud\";\n"
                  "        format = \"jsn\"; };\n"
                  "services = {\n"
                  "  one = {\n"
                  "    listen = [ \"tcp://127.0.0.1:70000\",\n"
                  "               \"127.0.0.1:80\" ];\n"
                  "    handler = \"ecko\";\n"
                  "    workers = 0;\n"
                  "    idle_timeout = \"long\";\n"
                  "  };\n"
                  "  two = { handler = \"echo\"; };\n"
                  "};\n",
                  "1: unknown key \"usr\" (did you mean \"user\"?)",
                  "2: control must be a string, not an integer",
                  "3: unknown level \"loud\"; known: error, warning, info, debug",
                  "4: unknown format \"jsn\" (did you mean \"json\"?)",
                  "7: port 70000 is out of range (0 to 65535)",
                  "8: \"127.0.0.1:80\" is not an address; write tcp://HOST:PORT or unix:///path",
                  "9: unknown handler \"ecko\" (did you mean \"echo\"?)",
                  "10: workers = 0 is out of range (1 to 65536)",
                  "11: idle_timeout is not a duration; write seconds (60, 0.5) or \"250ms\", "
                  "\"60s\", \"5m\", \"2h\"",
                  "13: service \"two\" has no address; add for example listen = [ "
                  "\"tcp://127.0.0.1:7000\" ];");
}

static void syntax_errors_have_a_line(void **state)
{
    (void)state;
    expect_errors("log = { };\nservices = {{\n", "2: syntax error");
    expect_errors("\n\nuser = \"never closed;\n", "3: a string begins here and does not end");
    expect_errors("user = \"a\";\nuser = \"b\";\n", "2: duplicate setting name");
}

static void include_is_read_and_its_errors_name_it(void **state)
{
    (void)state;
    write_file("part.conf", "workers = 3;\n");
    assert_int_equal(taken("services = { one = { listen = \"unix:@x\"; handler = \"echo\";\n"
                           "@include \"part.conf\"\n"
                           "}; };")
                         ->services[0]
                         .workers,
                     3);
    write_file("part.conf", "# one line\nworkers = 0;\n");
    assert_null(load("services = { one = { listen = \"unix:@x\"; handler = \"echo\";\n"
                     "@include \"part.conf\"\n"
                     "}; };"));
    /* libconfig gives the name as it is written, or with the folder, depending on its version. */
    assert_non_null(
        strstr(buffer_text(&errors), "part.conf:2: workers = 0 is out of range (1 to 65536)\n"));
    assert_null(strstr(buffer_text(&errors), "main.conf"));
}

static void include_of_nothing(void **state)
{
    char expected[200];
    (void)state;
    snprintf(expected, sizeof expected, "2: cannot include %s: No such file or directory",
             in_folder("absent.conf"));
    expect_errors("log = { };\n@include \"absent.conf\"\n", expected);
}

static void expect_no_file(const char *path, const char *why)
{
    char expected[200];
    buffer_release(&errors);
    assert_null(config_load(path, &errors));
    snprintf(expected, sizeof expected, "%s: %s\n", path, why);
    assert_string_equal(buffer_text(&errors), expected);
}

static void what_is_no_file_is_not_read(void **state)
{
    const char *fifo = in_folder("main.conf");
    (void)state;
    expect_no_file(in_folder("absent.conf"), "No such file or directory");
    expect_no_file(folder, "not a regular file");
    expect_no_file("/dev/zero", "not a regular file");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    expect_no_file(fifo, "not a regular file");
    unlink(fifo);
    write_file("main.conf", "");
    assert_int_equal(truncate(fifo, (1 << 20) + 1), 0);
    expect_no_file(fifo, "larger than 1 MiB");
}

static void command_line_gives_one_service(void **state)
{
    (void)state;
    config =
        config_load_command_line("tcp://127.0.0.1:7000", "greet", NULL, 3, "/tmp/a \"b\"", &errors);
    assert_non_null(config);
    assert_string_equal(config->file, "command line");
    assert_string_equal(config->control, "/tmp/a \"b\"");
    assert_int_equal(config->service_count, 1);
    assert_string_equal(config->services[0].name, "greet");
    assert_string_equal(config->services[0].handler, "greet");
    assert_string_equal(config->services[0].listens[0].text, "tcp://127.0.0.1:7000");
    assert_int_equal(config->services[0].workers, 3);
    config_release(config);
    config = config_load_command_line("unix:@x\\\"", "echo", NULL, 0, NULL, &errors);
    assert_non_null(config);
    assert_string_equal(config->services[0].listens[0].text, "unix:@x\\\"");
    assert_int_equal(config->services[0].workers, 0);
    assert_non_null(config->control);
}

static void address_of_the_command_line_may_be_short(void **state)
{
    (void)state;
    config = config_load_command_line("127.0.0.1:7000", "echo", NULL, 0, NULL, &errors);
    assert_non_null(config);
    assert_string_equal(config->services[0].listens[0].text, "tcp://127.0.0.1:7000");
    assert_int_equal(config->services[0].listens[0].line, 0);
}

static void program_on_datagrams_has_one_worker(void **state)
{
    char cat[] = "cat", *const command[] = {cat, NULL};
    (void)state;
    config = config_load_command_line("udp://127.0.0.1:7000", NULL, command, 0, NULL, &errors);
    assert_string_equal(buffer_text(&errors), "");
    assert_int_equal(config->services[0].workers, 1);
}

static const struct config_service *command_line(const char *const *words)
{
    release(NULL);
    config = config_load_command_line("unix:@x", NULL, (char *const *)(uintptr_t)words, 0, NULL,
                                      &errors);
    return config ? &config->services[0] : NULL;
}

#define command_line(...) command_line((const char *const[]){__VA_ARGS__, NULL})

static void command_line_runs_a_program_where_we_are(void **state)
{
    const struct config_service *s = command_line("/bin/cat", "-u");
    (void)state;
    assert_non_null(s);
    assert_string_equal(s->name, "cat");
    assert_string_equal(s->handler, "exec");
    assert_int_equal(s->kind, CONFIG_EXEC);
    assert_int_equal(s->program.command.count, 2);
    assert_string_equal(s->program.command.words[0], "/bin/cat");
    assert_string_equal(s->program.command.words[1], "-u");
    assert_string_equal(s->program.directory, ".");
    assert_int_equal(s->idle_timeout, 0);
}

static void words_of_the_command_line_arrive_as_they_are(void **state)
{
    static const char *const words[] = {
        "sh",       "",   "a b",  "\"\\", "\n\t\x01\x7f",   "\xC3\xA4",
        "\xFF\x80", "-c", "true", "; };", "@include \"x\"", "\n@include \"x\"\n"};
    enum { COUNT = sizeof words / sizeof *words };
    const struct config_service *s =
        command_line(words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7],
                     words[8], words[9], words[10], words[11]);
    (void)state;
    assert_non_null(s);
    assert_int_equal(s->program.command.count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_string_equal(s->program.command.words[i], words[i]);
}

static void program_gives_its_service_a_name(void **state)
{
    static const char *const names[][2] = {
        {"cat", "cat"},
        {"/usr/bin/cat", "cat"},
        {"git-shell", "git-shell"},
        {"a_1", "a_1"},
        {"truely", "truely"},
        {"/bin/", "service"},
        {"python3.11", "python3"},
        {"./greet.py", "greet"},
        {"true.sh", "service"},
        {"7z", "service"},
        {"[", "service"},
        {"/bin/\xC3\xA4", "service"},
        {"a b", "a"},
        {"-x", "service"},
        {"/bin/true", "service"},
        {"False", "service"},
        {"TRUE", "service"}, /* libconfig's values */
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct config_service *s = command_line(names[i][0]);
        if (!s)
            fail_msg("%s: %s", names[i][0], buffer_text(&errors));
        assert_string_equal(s->name, names[i][1]);
        assert_string_equal(s->program.command.words[0], names[i][0]);
    }
}

static void command_line_needs_a_program(void **state)
{
    (void)state;
    assert_null(command_line("", "x"));
    assert_string_equal(buffer_text(&errors),
                        "command line: the first word of command, the program, is empty\n");
    release(NULL);
    assert_null(config_load_command_line("unix:@x", "exec", NULL, 0, NULL, &errors));
    assert_string_equal(buffer_text(&errors),
                        "command line: which program? write -- PROGRAM, not --handler exec\n");
}

static void command_line_errors_have_no_line(void **state)
{
    (void)state;
    assert_null(config_load_command_line("tcp://x", "ecko", NULL, 0, "relative", &errors));
    assert_string_equal(buffer_text(&errors),
                        "command line: \"x\" has no port; write tcp://HOST:PORT\n"
                        "command line: unknown handler \"ecko\" (did you mean \"echo\"?)\n"
                        "command line: control must be an absolute path, not \"relative\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(smallest_file, release),
        cmocka_unit_test_teardown(sample_of_the_design, release),
        cmocka_unit_test_teardown(configuration_that_is_shipped, release),
        cmocka_unit_test_teardown(handler_has_a_short_and_a_long_form, release),
        cmocka_unit_test_teardown(listen_is_a_string_an_array_or_a_list, release),
        cmocka_unit_test_teardown(wrong_handlers, release),
        cmocka_unit_test_teardown(wrong_listens, release),
        cmocka_unit_test_teardown(unknown_keys_are_told_with_what_was_meant, release),
        cmocka_unit_test_teardown(wrong_shapes, release),
        cmocka_unit_test_teardown(every_error_of_a_file_in_one_run, release),
        cmocka_unit_test_teardown(syntax_errors_have_a_line, release),
        cmocka_unit_test_teardown(include_is_read_and_its_errors_name_it, release),
        cmocka_unit_test_teardown(include_of_nothing, release),
        cmocka_unit_test_teardown(what_is_no_file_is_not_read, release),
        cmocka_unit_test_teardown(command_line_gives_one_service, release),
        cmocka_unit_test_teardown(address_of_the_command_line_may_be_short, release),
        cmocka_unit_test_teardown(program_on_datagrams_has_one_worker, release),
        cmocka_unit_test_teardown(command_line_runs_a_program_where_we_are, release),
        cmocka_unit_test_teardown(words_of_the_command_line_arrive_as_they_are, release),
        cmocka_unit_test_teardown(program_gives_its_service_a_name, release),
        cmocka_unit_test_teardown(command_line_needs_a_program, release),
        cmocka_unit_test_teardown(command_line_errors_have_no_line, release),
    };
    return cmocka_run_group_tests_name("config_read", tests, make_folder, remove_folder);
}
