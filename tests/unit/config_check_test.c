/* SPDX-License-Identifier: MIT
 *
 * config_check_test - what must be true across keys: order of limits, addresses taken once, the
 * user workers run as.
 */
#include "lib/config.h"

#include "include/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct buffer errors;
static struct config *config;
static char file[64]; /* a memfd by its name below /proc */
static int fd = -1;

static int release(void **state)
{
    (void)state;
    config_release(config);
    config = NULL;
    buffer_release(&errors);
    if (fd >= 0)
        close(fd);
    fd = -1;
    return 0;
}

static const struct config *load(const char *text)
{
    release(NULL);
    fd = memfd_create("config", MFD_CLOEXEC);
    fchmod(fd, 0600); /* root takes no file that others can write */
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(file, sizeof file, "/proc/self/fd/%d", fd);
    config = config_load(file, &errors);
    return config;
}

static const struct config *taken(const char *text)
{
    if (!load(text))
        fail_msg("%s", buffer_text(&errors));
    return config;
}

/* One complaint, about LINE, that has WORDS in it. */
static void expect_refused(const char *text, int line, const char *words)
{
    char place[80];
    if (load(text))
        fail_msg("taken: %s", text);
    snprintf(place, sizeof place, "%s:%d: ", file, line);
    if (strncmp(buffer_text(&errors), place, strlen(place)) != 0 ||
        !strstr(buffer_text(&errors), words) ||
        strchr(buffer_text(&errors), '\n') != errors.data + errors.length - 1)
        fail_msg("not \"%s…%s\" but:\n%s", place, words, buffer_text(&errors));
}

/* A service with the keys SETTINGS, from line 2 on. */
static const char *service(const char *settings)
{
    static char text[1024];
    snprintf(text, sizeof text,
             "services = { one = { listen = \"unix:@x\"; handler = \"echo\";\n%s }; };", settings);
    return text;
}

static const struct config_service *with(const char *settings)
{
    return &taken(service(settings))->services[0];
}

static void limits_in_order_are_taken(void **state)
{
    const struct config_service *s = with("start_workers = 7; min_spare = 3; max_spare = 9;\n"
                                          "max_workers = 20;");
    (void)state;
    assert_int_equal(s->start_workers, 7);
    assert_int_equal(s->min_spare, 3);
    assert_int_equal(s->max_spare, 9);
    assert_int_equal(s->max_workers, 20);
    s = with("min_spare = 4; max_spare = 4;");
    assert_int_equal(s->min_spare, 4);
    assert_int_equal(s->max_spare, 4);
}

static void defaults_make_way_for_what_is_given(void **state)
{
    const struct config_service *s = with("max_spare = 3;");
    (void)state;
    assert_int_equal(s->min_spare, 3);
    s = with("min_spare = 30;");
    assert_int_equal(s->max_spare, 30);
    s = with("max_workers = 2;");
    assert_int_equal(s->start_workers, 2);
    assert_int_equal(s->min_spare, 2);
    assert_int_equal(config_most_workers(s), 2);
    s = with("restart_delay = \"60s\";");
    assert_int_equal(s->restart_delay_max, 60000);
    s = with("restart_delay_max = \"50ms\";");
    assert_int_equal(s->restart_delay, 50);
}

static void limits_out_of_order_are_refused(void **state)
{
    (void)state;
    expect_refused(service("min_spare = 6;\nmax_spare = 5;"), 2,
                   "min_spare is greater than max_spare (line 3)");
    expect_refused(service("max_spare = 5;\nmin_spare = 6;"), 3,
                   "min_spare is greater than max_spare (line 2)");
    expect_refused(service("restart_delay = 2;\nrestart_delay_max = 1;"), 2,
                   "restart_delay is greater than restart_delay_max (line 3)");
    expect_refused(service("max_workers = 4;\nstart_workers = 5;"), 3,
                   "start_workers is greater than max_workers, which is 4");
    expect_refused(service("max_workers = 4;\nworkers = 5;"), 3,
                   "workers is greater than max_workers, which is 4");
    expect_refused(service("max_workers = 4;\nmin_spare = 5;"), 3,
                   "min_spare is greater than max_workers, which is 4");
    expect_refused(service("min_spare = 300;"), 2,
                   "min_spare is greater than max_workers, which is 256");
}

static void fixed_number_raises_the_default_limit(void **state)
{
    const struct config_service *s = with("workers = 500;");
    (void)state;
    assert_int_equal(s->max_workers, 500);
    assert_int_equal(config_start_workers(s), 500);
    assert_int_equal(config_most_workers(s), 500);
    assert_int_equal(config_scoreboard_slots(s), 1000);
    assert_int_equal(config_start_limit(s), 10000 + (500 - 256) * 10);
}

static void address_is_taken_once(void **state)
{
    (void)state;
    expect_refused("services = {\n"
                   "one = { listen = \"tcp://127.0.0.1:7000\"; handler = \"echo\"; };\n"
                   "two = { handler = \"echo\"; listen = [ \"unix:@x\",\n"
                   "  \"tcp://127.0.0.1:07000\" ]; }; };",
                   4, "is taken already by service \"one\" (line 2)");
    expect_refused("services = { one = { handler = \"echo\"; listen = [\n"
                   "\"unix:///tmp/x\",\n"
                   "\"unix:///tmp/x\" ]; }; };",
                   3, "unix:///tmp/x is taken already by service \"one\" (line 2)");
    expect_refused("services = { one = { handler = \"echo\"; listen = \"unix:@x\"; };\n"
                   "two = { handler = \"echo\"; listen = \"unix:@x\"; }; };",
                   2, "unix:@x is taken already by service \"one\" (line 1)");
}

static void duplicate_behind_a_wrong_address_has_its_own_line(void **state)
{
    (void)state;
    assert_null(load("services = { one = { handler = \"echo\"; listen = [\n"
                     "\"nonsense\",\n"
                     "\"unix:@x\",\n"
                     "\"unix:@x\" ]; }; };"));
    assert_non_null(
        strstr(buffer_text(&errors), ":4: unix:@x is taken already by service \"one\" (line 3)\n"));
}

static void third_service_is_told_once(void **state)
{
    (void)state;
    assert_null(load("services = {\n"
                     "a = { listen = \"unix:@x\"; handler = \"echo\"; };\n"
                     "b = { listen = \"unix:@x\"; handler = \"echo\"; };\n"
                     "c = { listen = \"unix:@x\"; handler = \"echo\"; }; };"));
    const char *first = strstr(buffer_text(&errors), ":3: unix:@x is taken already by service");
    assert_non_null(first);
    const char *second = strstr(first, ":4: unix:@x is taken already by service");
    assert_non_null(second);
    assert_ptr_equal(strchr(second, '\n'), errors.data + errors.length - 1);
}

static void addresses_that_differ_are_no_duplicates(void **state)
{
    (void)state;
    assert_int_equal(taken("services = {\n"
                           "a = { handler = \"echo\"; listen = [ \"tcp://127.0.0.1:7000\",\n"
                           " \"tcp://127.0.0.2:7000\", \"tcp://[::1]:7000\", \"unix:@7000\" ]; };\n"
                           "b = { handler = \"echo\"; listen = [ \"tcp://127.0.0.1:0\",\n"
                           " \"tcp://127.0.0.1:0\", \"unix:///7000\" ]; }; };")
                         ->service_count,
                     2);
}

/* A service with so many addresses in its list. */
static const char *service_of(int addresses)
{
    static char text[4096];
    int used = snprintf(text, sizeof text,
                        "services = { one = { handler = \"echo\";\nlisten = [ \"unix:@0\"");
    for (int i = 1; i < addresses; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, ", \"unix:@%d\"", i);
    snprintf(text + used, sizeof text - (size_t)used, " ]; }; };");
    return text;
}

static void sockets_are_as_many_as_a_pool_takes(void **state)
{
    (void)state;
    assert_int_equal(taken(service_of(CHANNEL_LISTENERS_MAX))->services[0].listen_count,
                     CHANNEL_LISTENERS_MAX);
    expect_refused(service_of(CHANNEL_LISTENERS_MAX + 1), 2,
                   "33 sockets are too many for one service (32 at most)");
}

static void paths_are_absolute(void **state)
{
    (void)state;
    assert_string_equal(taken(service(""))->pid_file ? "set" : "not set", "not set");
    expect_refused("control = \"x.sock\"; services = { a = { listen = \"unix:@x\";\n"
                   "handler = \"echo\"; }; };",
                   1, "control must be an absolute path");
    expect_refused("services = { a = { listen = \"unix:@x\"; handler = \"echo\"; }; };\n"
                   "pid_file = \"run/pid\";",
                   2, "pid_file must be an absolute path");
}

static const char *with_user(const char *user, const char *more)
{
    static char text[512];
    snprintf(text, sizeof text,
             "services = { a = { listen = \"unix:@x\"; handler = \"echo\"; }; };\n"
             "user = \"%s\"; %s",
             user, more);
    return text;
}

static void user_must_exist(void **state)
{
    (void)state;
    expect_refused(with_user("no-such-user-here", ""), 2, "there is no user \"no-such-user-here\"");
}

static void root_serves_as_nobody(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    const struct passwd *nobody = getpwnam("nobody");
    assert_non_null(nobody);
    assert_string_equal(taken(service(""))->user, "nobody");
    assert_int_equal(config->credentials->uid, nobody->pw_uid);
    assert_int_equal(config->credentials->gid, nobody->pw_gid);
    expect_refused(with_user("root", ""), 2, "allow_root = true");
    taken(with_user("root", "allow_root = true;"));
    assert_int_equal(config->credentials->uid, 0);
}

static void others_serve_as_themselves(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip();
    assert_null(taken(service(""))->credentials);
    expect_refused(with_user("root", ""), 2, "only root can run workers as \"root\"");
    const struct passwd *me = getpwuid(geteuid());
    if (me)
        assert_null(taken(with_user(me->pw_name, ""))->credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(limits_in_order_are_taken, release),
        cmocka_unit_test_teardown(defaults_make_way_for_what_is_given, release),
        cmocka_unit_test_teardown(limits_out_of_order_are_refused, release),
        cmocka_unit_test_teardown(fixed_number_raises_the_default_limit, release),
        cmocka_unit_test_teardown(address_is_taken_once, release),
        cmocka_unit_test_teardown(duplicate_behind_a_wrong_address_has_its_own_line, release),
        cmocka_unit_test_teardown(third_service_is_told_once, release),
        cmocka_unit_test_teardown(addresses_that_differ_are_no_duplicates, release),
        cmocka_unit_test_teardown(sockets_are_as_many_as_a_pool_takes, release),
        cmocka_unit_test_teardown(paths_are_absolute, release),
        cmocka_unit_test_teardown(user_must_exist, release),
        cmocka_unit_test_teardown(root_serves_as_nobody, release),
        cmocka_unit_test_teardown(others_serve_as_themselves, release),
    };
    return cmocka_run_group_tests_name("config_check", tests, NULL, NULL);
}
