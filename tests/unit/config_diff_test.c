/* SPDX-License-Identifier: MIT
 *
 * config_diff_test - a difference in any key is found and told by its name, and nothing else is
 * one; and what is written with all that was looked up reads back to a configuration without any.
 */
#include "lib/config_diff.h"

#include "lib/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "lib/quantity.h"

static struct buffer errors;
static struct config_changes changes;

static int release(void **state)
{
    (void)state;
    buffer_release(&errors);
    config_changes_release(&changes);
    return 0;
}

static struct config *load(const char *text)
{
    struct config *config = config_load_snapshot(text, &errors);
    if (!config)
        fail_msg("%s\n%s", text, buffer_text(&errors));
    return config;
}

/* Compare the first services, and what stands outside of them. */
static void compare(const struct config *before, const struct config *after)
{
    config_changes_release(&changes);
    config_diff_global(before, after, &changes);
    config_diff_service(&before->services[0], &after->services[0], &changes);
}

static void compare_texts(const char *before, const char *after)
{
    struct config *a = load(before), *b = load(after);
    compare(a, b);
    config_release(a);
    config_release(b);
}

static void expect_none(const char *before, const char *after)
{
    compare_texts(before, after);
    if (changes.count > 0)
        fail_msg("%s: %s, %s", changes.list[0].key, changes.list[0].before, changes.list[0].after);
}

/* "none" stands for a key that is not set. */
static void expect_change(size_t i, const char *key, const char *before, const char *after)
{
    assert_true(i < changes.count);
    const struct config_change *c = &changes.list[i];
    assert_string_equal(c->key, key);
    assert_string_equal(c->before ? c->before : "none", before);
    assert_string_equal(c->after ? c->after : "none", after);
}

static void expect_one(const char *before_text, const char *after_text, const char *key,
                       const char *before, const char *after)
{
    compare_texts(before_text, after_text);
    expect_change(0, key, before, after);
    assert_int_equal(changes.count, 1);
    compare_texts(after_text, before_text);
    expect_change(0, key, after, before);
    assert_int_equal(changes.count, 1);
}

#define ONE(keys)     "services = { a = { listen = \"unix:@x\"; handler = \"greet\"; " keys " }; };"
#define HANDLER(text) "services = { a = { listen = \"unix:@x\"; handler = " text "; }; };"

static void the_way_it_is_written_makes_no_difference(void **state)
{
    (void)state;
    expect_none(ONE(""), ONE(""));
    expect_none(ONE(""), "# a remark\n" ONE("idle_timeout = \"1m\";"));
    expect_none(ONE("idle_timeout = 90;"), ONE("idle_timeout = \"1.5m\";"));
    expect_none(ONE(""),
                "services = { a = { listen = [ \"unix:@x\" ]; handler = { type = \"greet\"; "
                "encoding = \"gbk\"; }; }; };");
}

static void keys_are_told_by_name_with_both_values(void **state)
{
    (void)state;
    expect_one(ONE(""), ONE("workers = 3;"), "workers", "none", "3");
    expect_one(ONE(""), ONE("idle_timeout = 90;"), "idle_timeout", "\"1m\"", "\"90s\"");
    expect_one(ONE(""), ONE("access_log = false;"), "access_log", "true", "false");
    expect_one(ONE(""), "log = { level = \"debug\"; };" ONE(""), "log.level", "\"info\"",
               "\"debug\"");
    expect_one(ONE(""), "user = \"alice\";" ONE(""), "user", "none", "\"alice\"");
    expect_one(ONE(""), "control = \"/x\";" ONE(""), "control", "none", "\"/x\"");
    expect_one(ONE(""),
               "services = { a = { listen = [ \"unix:@y\", \"unix:@x\" ]; handler = "
               "\"greet\"; }; };",
               "listen", "[ \"unix:@x\" ]", "[ \"unix:@y\", \"unix:@x\" ]");
}

static void handlers_of_another_type_differ_in_that_alone(void **state)
{
    (void)state;
    expect_one(ONE(""), HANDLER("\"echo\""), "handler.type", "\"greet\"", "\"echo\"");
    expect_one(HANDLER("{ type = \"exec\"; command = [ \"a\" ]; }"),
               HANDLER("{ type = \"listen\"; command = [ \"b\" ]; }"), "handler.type", "\"exec\"",
               "\"listen\"");
}

static void options_are_keys(void **state)
{
#define PLUGIN(options) HANDLER("{ type = \"plugin\"; path = \"/a.so\"; " options " }")
    (void)state;
    expect_one(ONE(""), HANDLER("{ type = \"greet\"; encoding = \"big5\"; }"), "handler.encoding",
               "\"gbk\"", "\"big5\"");
    expect_one(PLUGIN(""), PLUGIN("x = 1;"), "handler.x", "none", "1");
    expect_one(PLUGIN("x = \"1\";"), PLUGIN("x = 1;"), "handler.x", "\"1\"", "1");
    expect_one(PLUGIN("x = 1.0;"), PLUGIN("x = 1;"), "handler.x", "1.0", "1");
    expect_one(PLUGIN("x = true;"), PLUGIN("x = \"true\";"), "handler.x", "true", "\"true\"");
    expect_one(PLUGIN(""), HANDLER("{ type = \"plugin\"; path = \"/b.so\"; }"), "handler.path",
               "\"/a.so\"", "\"/b.so\"");
    expect_none(PLUGIN("x = 1; y = 2;"), PLUGIN("y = 2; x = 1;"));
}

/* A setting of KEY that is not its default. */
static void print_other_value(struct buffer *out, const struct config_key *key)
{
    char text[QUANTITY_TEXT_MAX];
    int last = 0;
    buffer_printf(out, "%s = ", key->name);
    switch (key->kind) {
    case CONFIG_COUNT:
        buffer_printf(out, "%d", (int)(key->fallback < key->high ? key->fallback + 1 : key->low));
        break;
    case CONFIG_DURATION:
        buffer_printf(out, "\"%s\"", quantity_print_duration(key->fallback + 1, text));
        break;
    case CONFIG_BOOLEAN:
        buffer_printf(out, "%s", key->fallback ? "false" : "true");
        break;
    case CONFIG_CHOICE:
        while (key->choices[last + 1])
            last++;
        buffer_printf(out, "\"%s\"", key->choices[last]);
        break;
    case CONFIG_MODE:
        buffer_printf(out, "\"%04o\"", (unsigned)key->fallback ^ 0100);
        break;
    case CONFIG_SIZE:
        buffer_printf(out, "\"%s\"", quantity_print_size(key->low, text));
        break;
    case CONFIG_WORD:
        buffer_printf(out, "\"/other\"");
        break;
    case CONFIG_LIST:
        buffer_printf(out, "[ \"systemd\" ]");
        break;
    case CONFIG_VARIABLES:
        buffer_printf(out, "[ \"A=1\" ]");
        break;
    }
    buffer_printf(out, "; ");
}

enum table { PROGRAM_KEY, LIMIT_KEY, SERVICE_KEY };

/* A program's service that has KEY of that table in another way than by default. */
static void print_variation(struct buffer *out, const char *type, const struct config_key *key,
                            enum table table)
{
    bool command = table == PROGRAM_KEY && strcmp(key->name, "command") == 0;
    bool copies = table == PROGRAM_KEY && strcmp(key->name, "warm_fork") == 0;
    buffer_printf(out, "services = { p = { listen = \"unix:@p\"; handler = { type = \"%s\"; ",
                  type);
    if (!command)
        buffer_printf(out, "command = [ \"/bin/cat\" ]; ");
    if (copies)
        buffer_printf(out, "warm = \"start\"; ");
    if (table == LIMIT_KEY)
        buffer_printf(out, "limits = { ");
    if (table != SERVICE_KEY)
        print_other_value(out, key);
    buffer_printf(out, table == LIMIT_KEY ? "}; }; " : "}; ");
    if (table == SERVICE_KEY)
        print_other_value(out, key);
    buffer_printf(out, "}; };");
}

/* Keys that cannot stand alone, or not with this type: nobody but the kernel sees connections of
 * programs that accept by themselves. */
static bool is_refused(const char *type, const char *name)
{
    if (strcmp(name, "proxy_protocol") == 0 || strcmp(name, "proxy_trusted") == 0)
        return true;
    if (strcmp(name, "max_worker_memory") == 0)
        return strcmp(type, "exec") == 0;
    return strcmp(type, "listen") == 0 &&
           (strcmp(name, "idle_timeout") == 0 || strcmp(name, "max_lifetime") == 0 ||
            strcmp(name, "max_connections_per_worker") == 0);
}

/* As config_load() would: every name stands for two addresses, every user for some numbers. */
static void resolve(struct config *config)
{
    static const char *const found[] = {"tcp://[fe80::1]:80", "tcp://[::ffff:1.2.3.4]:80"};
    struct config_service *service = &config->services[0];
    config->credentials = calloc(1, sizeof *config->credentials);
    service->credentials = calloc(1, sizeof *service->credentials);
    *config->credentials = (struct credentials){.uid = 65534, .gid = 7};
    *service->credentials = (struct credentials){.uid = 4294967294, .gid = 8, .group_count = 2};
    service->credentials->groups = calloc(2, sizeof(gid_t));
    service->credentials->groups[1] = 4711;
    for (size_t i = 0; i < service->listen_count; i++) {
        struct config_listen *listen = &service->listens[i];
        free(listen->found);
        listen->found = calloc(2, sizeof *listen->found);
        listen->count = address_read(listen->text, 0, &listen->found[0]) == 0 ? 1 : 2;
        for (int k = 0; listen->count == 2 && k < 2; k++)
            assert_int_equal(address_read(found[k], 0, &listen->found[k]), 0);
        if (listen->count == 2)
            listen->found[0].socket.in6.sin6_scope_id = 4000000000;
    }
}

static void expect_same_credentials(const struct credentials *a, const struct credentials *b)
{
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(a->group_count, b->group_count);
    if (a->group_count > 0)
        assert_memory_equal(a->groups, b->groups, (size_t)a->group_count * sizeof(gid_t));
}

static void expect_same_listens(const struct config_service *a, const struct config_service *b)
{
    assert_int_equal(a->listen_count, b->listen_count);
    for (size_t i = 0; i < a->listen_count; i++) {
        assert_int_equal(a->listens[i].line, b->listens[i].line);
        assert_int_equal(a->listens[i].count, b->listens[i].count);
        for (int k = 0; k < a->listens[i].count; k++) {
            const struct address *x = &a->listens[i].found[k], *y = &b->listens[i].found[k];
            assert_true(address_alike(x, y));
            assert_int_equal(x->number, y->number);
            assert_int_equal(x->socket.any.sa_family, y->socket.any.sa_family);
        }
    }
}

/* What a reading process sends arrives as it was. */
static void expect_resolved_round_trip(const char *text)
{
    struct config *given = load(text);
    struct buffer first = {0}, second = {0};
    resolve(given);
    config_print_resolved(given, &first);
    struct config *read = config_load_resolved(buffer_text(&first), "/etc/x", &errors);
    if (!read)
        fail_msg("%s\n%s", buffer_text(&first), buffer_text(&errors));
    config_print_resolved(read, &second);
    assert_string_equal(buffer_text(&second), buffer_text(&first));
    assert_string_equal(read->file, "/etc/x");
    compare(given, read);
    assert_int_equal(changes.count, 0);
    expect_same_credentials(given->credentials, read->credentials);
    expect_same_credentials(given->services[0].credentials, read->services[0].credentials);
    expect_same_listens(&given->services[0], &read->services[0]);
    config_release(given);
    config_release(read);
    buffer_release(&first);
    buffer_release(&second);
}

/* Each key of a service alone makes one difference, which has its name, and it survives the way. */
static void check_every_key(const char *type, const struct config_key *program_keys)
{
    static const char *const prefixes[] = {"handler.", "handler.limits.", ""};
    const struct config_key *const tables[] = {[PROGRAM_KEY] = program_keys,
                                               [LIMIT_KEY] = config_limit_keys,
                                               [SERVICE_KEY] = config_service_keys};
    struct buffer plain = {0}, text = {0};
    char name[64];
    buffer_printf(&plain,
                  "services = { p = { listen = \"unix:@p\"; handler = { type = \"%s\"; "
                  "command = [ \"/bin/other\" ]; }; }; };",
                  type);
    for (int table = PROGRAM_KEY; table <= SERVICE_KEY; table++)
        for (const struct config_key *key = tables[table]; key->name; key++) {
            if (table == SERVICE_KEY && is_refused(type, key->name))
                continue;
            text.length = 0;
            print_variation(&text, type, key, (enum table)table);
            compare_texts(buffer_text(&plain), buffer_text(&text));
            snprintf(name, sizeof name, "%s%s", prefixes[table], key->name);
            size_t named = 0;
            for (size_t i = 0; i < changes.count; i++)
                named += strcmp(changes.list[i].key, name) == 0;
            if (named != 1)
                fail_msg("%s makes no difference:\n%s", name, buffer_text(&text));
            expect_resolved_round_trip(buffer_text(&text));
        }
    buffer_release(&plain);
    buffer_release(&text);
}

static void every_key_of_a_program_makes_a_difference(void **state)
{
    (void)state;
    check_every_key("exec", config_exec_keys);
    check_every_key("listen", config_listen_keys);
}

static void every_global_key_makes_a_difference(void **state)
{
    struct buffer text = {0};
    char name[64];
    (void)state;
    for (int log = 0; log < 2; log++)
        for (const struct config_key *key = log ? config_log_keys : config_global_keys; key->name;
             key++) {
            text.length = 0;
            buffer_printf(&text, log ? "log = { " : "");
            print_other_value(&text, key);
            buffer_printf(&text, log ? "}; %s" : "%s", ONE(""));
            compare_texts(ONE(""), buffer_text(&text));
            snprintf(name, sizeof name, "%s%s", log ? "log." : "", key->name);
            assert_int_equal(changes.count, 1);
            assert_string_equal(changes.list[0].key, name);
            expect_resolved_round_trip(buffer_text(&text));
        }
    buffer_release(&text);
}

static void programs_are_compared_by_what_they_mean(void **state)
{
#define PROGRAM(keys)                   HANDLER("{ type = \"exec\"; command = [ \"/bin/cat\", \"-u\" ]; " keys "}")
#define SAME(a, b)                      expect_none(PROGRAM(a), PROGRAM(b))
#define OTHER(a, b, key, before, after) expect_one(PROGRAM(a), PROGRAM(b), key, before, after)
    (void)state;
    SAME("", "directory = \"/\"; umask = \"022\"; environment = { }; limits = { };");
    SAME("environment = { A = 7; B = \"x\"; };", "environment = ( \"A=7\", \"B=x\" );");
    SAME("limits = { as = \"1G\"; };", "limits = { as = 1073741824; };");
    OTHER("environment = [ \"A=1\", \"B=2\" ];", "environment = [ \"A=1, B=2\" ];",
          "handler.environment", "[ \"A=1\", \"B=2\" ]", "[ \"A=1, B=2\" ]");
    OTHER("limits = { core = 0; };", "", "handler.limits.core", "\"0\"", "none");
    OTHER("limits = { core = \"unlimited\"; };", "", "handler.limits.core", "\"unlimited\"",
          "none");
    compare_texts(PROGRAM("user = \"a\"; group = \"b\";"), PROGRAM("user = \"b\"; group = \"a\";"));
    assert_int_equal(changes.count, 2);
    expect_change(0, "handler.user", "\"a\"", "\"b\"");
    expect_change(1, "handler.group", "\"b\"", "\"a\"");
    expect_one(HANDLER("{ type = \"exec\"; command = [ \"a\", \"b\" ]; }"),
               HANDLER("{ type = \"exec\"; command = [ \"a\", \"b\", \"\" ]; }"), "handler.command",
               "[ \"a\", \"b\" ]", "[ \"a\", \"b\", \"\" ]");
}

#define NAMED                                                                                      \
    "services = { a = { listen = [ \"tcp://name.invalid:80\", \"udp://*:80\", \"tcp://[::]:80\", " \
    "\"udp://127.0.0.1:0\", \"unix:///a b\", \"seqpacket:@x\\\"y\", \"fd://n:2\", "                \
    "\"fd://n\" ]; handler = \"echo\"; }; };"

static void every_kind_of_address_arrives(void **state)
{
    (void)state;
    expect_resolved_round_trip(NAMED);
}

/* The same names, but what they stand for is another thing now. */
static void what_was_looked_up_makes_a_difference(void **state)
{
    struct config *a = load(NAMED), *b = load(NAMED);
    (void)state;
    resolve(a);
    resolve(b);
    b->services[0].listens[0].count = 1;
    compare(a, b);
    assert_int_equal(changes.count, 1);
    assert_string_equal(changes.list[0].key, "addresses");
    b->services[0].listens[0].count = 2;
    b->credentials->gid = 9;
    compare(a, b);
    assert_int_equal(changes.count, 1);
    expect_change(0, "credentials", "65534:7", "65534:9");
    b->credentials->gid = 7;
    b->services[0].credentials->groups[0] = 5;
    compare(a, b);
    assert_int_equal(changes.count, 1);
    expect_change(0, "handler.credentials", "4294967294:8:0,4711", "4294967294:8:5,4711");
    config_release(a);
    config_release(b);
}

static void expect_refused(const char *text, const char *words)
{
    assert_null(config_load_resolved(text, "/etc/x", &errors));
    if (!strstr(buffer_text(&errors), words))
        fail_msg("no \"%s\" in: %s", words, buffer_text(&errors));
    buffer_release(&errors);
}

/* What a number comes from goes with it; where that is another reason, nothing has changed. */
static void automatic_workers_arrive(void **state)
{
    struct buffer text = {0};
    (void)state;
    struct config *config = load(ONE("workers = 7; max_workers = 7;"));
    config->services[0].workers_reason = memory_string("2 processors -> 7 workers");
    resolve(config);
    config_print_resolved(config, &text);
    struct config *read = config_load_resolved(buffer_text(&text), "/etc/x", &errors);
    assert_non_null(read);
    assert_int_equal(read->services[0].workers, 7);
    assert_string_equal(read->services[0].workers_reason, config->services[0].workers_reason);
    read->services[0].workers_reason[0] = '4';
    compare(config, read);
    assert_int_equal(changes.count, 0);
    config_release(config);
    config_release(read);
    buffer_release(&text);
}

/* Whoever wrote it may have gone mad. */
static void odd_snapshots_are_refused(void **state)
{
#define WHO     "*credentials = [ 65534L, 7L ]; "
#define PLAIN   "listen = \"tcp://n:1\"; handler = \"echo\"; "
#define A(keys) WHO "services = { a = { " PLAIN keys "}; };"
    (void)state;
    struct config *good =
        config_load_resolved(A("*listens = ( ( 1, \"tcp://[::1]:1\", 0L ) );"), "/etc/x", &errors);
    if (!good)
        fail_msg("%s", buffer_text(&errors));
    config_release(good);
    expect_refused(A(""), "no addresses");
    expect_refused(A("*listens = ( );"), "no addresses");
    expect_refused(A("*listens = ( ( 1 ) );"), "no addresses");
    expect_refused(A("*listens = ( ( 1, \"tcp://[::1]:1\" ) );"), "no addresses");
    expect_refused(A("*listens = ( ( 1, \"tcp://n:1\", 0L ) );"), "no addresses");
    expect_refused(A("*listens = ( ( -1, \"tcp://[::1]:1\", 0L ) );"), "no addresses");
    expect_refused(A("*listens = ( ( 1, \"tcp://[::1]:1\", 4294967296L ) );"), "no addresses");
    expect_refused(A("*listens = ( 1 );"), "no addresses");
    expect_refused(A("*listens = ( ( 1, \"tcp://[::1]:1\", 0L ), ( 1, \"tcp://[::1]:1\", 0L ) );"),
                   "no addresses");
    expect_refused(A("*listens = ( ( 1, \"tcp://[::1]:1\", 0L ) ); odd = 1;"), "unknown key");
    expect_refused(A("*listens = ( ( 1, \"tcp://[::1]:1\", 0L ) ); workers = 0;"), "out of range");
    expect_refused(A("*listens = ( ( 1, \"tcp://[::1]:1\", 0L ) ); workers = \"auto\";"),
                   "is a number by now");
    expect_refused(A("*listens = ( ( 1, \"tcp://[::1]:1\", 0L ) ); *workers_reason = \"a\nb\";"),
                   "no reason");
    expect_refused("*credentials = [ 0L, 0L ]; services = { };", "as root");
    expect_refused("*credentials = [ 1L ]; services = { };", "no credentials");
    expect_refused("*credentials = [ 1L, -1L ]; services = { };", "no credentials");
    expect_refused("*credentials = [ 4294967295L, 1L ]; services = { };", "no credentials");
    expect_refused("*credentials = \"root\"; services = { };", "no credentials");
    expect_refused("", "there is no service");
    if (geteuid() == 0)
        expect_refused("services = { };", "whom pools become");
}

/* They are no keys of a file. */
static void a_person_cannot_write_them(void **state)
{
    (void)state;
    assert_null(config_load_snapshot(A("*listens = ( ( 1, \"tcp://[::1]:1\", 0L ) );"), &errors));
    assert_non_null(strstr(buffer_text(&errors), "unknown key \"*listens\""));
    assert_non_null(strstr(buffer_text(&errors), "unknown key \"*credentials\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_way_it_is_written_makes_no_difference, release),
        cmocka_unit_test_teardown(keys_are_told_by_name_with_both_values, release),
        cmocka_unit_test_teardown(handlers_of_another_type_differ_in_that_alone, release),
        cmocka_unit_test_teardown(options_are_keys, release),
        cmocka_unit_test_teardown(every_key_of_a_program_makes_a_difference, release),
        cmocka_unit_test_teardown(every_global_key_makes_a_difference, release),
        cmocka_unit_test_teardown(programs_are_compared_by_what_they_mean, release),
        cmocka_unit_test_teardown(every_kind_of_address_arrives, release),
        cmocka_unit_test_teardown(what_was_looked_up_makes_a_difference, release),
        cmocka_unit_test_teardown(automatic_workers_arrive, release),
        cmocka_unit_test_teardown(odd_snapshots_are_refused, release),
        cmocka_unit_test_teardown(a_person_cannot_write_them, release),
    };
    return cmocka_run_group_tests_name("config_diff", tests, NULL, NULL);
}
