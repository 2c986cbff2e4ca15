/* SPDX-License-Identifier: MIT
 *
 * config_snapshot_test - a service's configuration arrives in its pool as it was sent, and nobody
 * changes it on the way.
 */
#include "lib/config_snapshot.h"
#include "tests/unit/config_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static struct config *config, *arrived;
static struct error error;
static int fd = -1;

static int make(void **state)
{
    struct buffer errors = {0};
    (void)state;
    config = config_load_snapshot(
        "log = { level = \"debug\"; format = \"json\"; };\n"
        "services = {\n"
        "  one = { listen = \"unix:@x\"; handler = \"echo\"; };\n"
        "  two = { listen = [ \"unix:@\\\"y\", \"tcp://name.invalid:80\" ]; workers = 3;\n"
        "          handler = { type = \"greet\"; encoding = \"big5\"; }; };\n"
        "};\n",
        &errors);
    if (!config)
        fail_msg("%s", buffer_text(&errors));
    return 0;
}

static int release(void **state)
{
    (void)state;
    config_release(config);
    config_release(arrived);
    config = arrived = NULL;
    if (fd >= 0)
        close(fd);
    fd = -1;
    return 0;
}

static void service_arrives_as_it_was_sent(void **state)
{
    struct buffer before = {0}, after = {0};
    (void)state;
    fd = config_snapshot_create(config, &config->services[1], &error);
    assert_true(fd >= 0);
    arrived = config_snapshot_read(fd, &error);
    assert_non_null(arrived);
    assert_int_equal(arrived->service_count, 1);
    assert_string_equal(arrived->services[0].name, "two");
    assert_string_equal(arrived->services[0].listens[0].text, "unix:@\"y");
    assert_int_equal(arrived->services[0].workers, 3);
    assert_string_equal(option_of(&arrived->services[0], "encoding")->value, "big5");
    assert_int_equal(arrived->log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(arrived->log.format, LOG_FORMAT_JSON);
    config_print_snapshot(config, &config->services[1], &before);
    config_print_snapshot(arrived, &arrived->services[0], &after);
    assert_string_equal(buffer_text(&after), buffer_text(&before));
    buffer_release(&before);
    buffer_release(&after);
}

/* Of services that the pool does not know otherwise. */
static void udp_ports_of_all_services_arrive(void **state)
{
    char file[] = "/tmp/config_snapshot_test.XXXXXX";
    static const char text[] =
        "services = {\n"
        " a = { listen = \"udp://127.0.0.1:7000\"; handler = \"echo\"; };\n"
        " b = { listen = [ \"udp://[::1]:7001\", \"tcp://127.0.0.1:7002\",\n"
        "   \"udp://127.0.0.1:0\", \"unixgram:@b\" ]; handler = \"echo\"; };\n"
        " c = { listen = \"udp://127.0.0.2:7000\"; handler = \"echo\"; };\n"
        "};\n";
    struct buffer errors = {0};
    int there = mkstemp(file);
    (void)state;
    assert_int_equal(write(there, text, sizeof text - 1), sizeof text - 1);
    close(there);
    config_release(config);
    config = config_load(file, &errors);
    unlink(file);
    if (!config)
        fail_msg("%s", buffer_text(&errors));
    fd = config_snapshot_create(config, &config->services[2], &error);
    arrived = config_snapshot_read(fd, &error);
    if (!arrived)
        fail_msg("%s", error.text);
    assert_int_equal(arrived->udp_port_count, 2);
    assert_int_equal(arrived->udp_ports[0], 7000);
    assert_int_equal(arrived->udp_ports[1], 7001);
}

static void it_may_be_read_again(void **state)
{
    (void)state;
    fd = config_snapshot_create(config, &config->services[0], &error);
    assert_true(fd >= 0);
    for (int i = 0; i < 2; i++) {
        arrived = config_snapshot_read(fd, &error);
        assert_non_null(arrived);
        config_release(arrived);
    }
    arrived = NULL;
}

/* What is small enough for a file is not too long for the way, however it has to be written. */
static void long_words_arrive(void **state)
{
    enum { LENGTH = 500000 };
    struct buffer errors = {0};
    char *word = malloc(LENGTH + 1);
    char program[] = "cat";
    char *command[] = {program, word, NULL};
    (void)state;
    assert_non_null(word);
    memset(word, 1, LENGTH);
    word[LENGTH] = '\0';
    config_release(config);
    config = config_load_command_line("unix:@x", NULL, command, 0, NULL, &errors);
    assert_non_null(config);
    fd = config_snapshot_create(config, &config->services[0], &error);
    assert_true(fd >= 0);
    arrived = config_snapshot_read(fd, &error);
    if (!arrived)
        fail_msg("%s", error.text);
    assert_string_equal(arrived->services[0].program.command.words[1], word);
    free(word);
}

static void nobody_changes_it_on_the_way(void **state)
{
    (void)state;
    fd = config_snapshot_create(config, &config->services[0], &error);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 1 << 20), -1);
    assert_ptr_equal(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void expect_refused(const char *text, const char *words)
{
    memset(&error, 0, sizeof error);
    fd = memfd_create("config", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_null(config_snapshot_read(fd, &error));
    assert_int_equal(error.code, EXIT_CODE_SOFTWARE);
    if (!strstr(error.text, words))
        fail_msg("no \"%s\" in: %s", words, error.text);
    close(fd);
    fd = -1;
}

static void rubbish_is_no_snapshot(void **state)
{
    (void)state;
    expect_refused("", "there is no service");
    expect_refused("services = {", "syntax error");
    expect_refused("services = { a = { listen = \"unix:@x\"; handler = \"echo\"; };\n"
                   "b = { listen = \"unix:@y\"; handler = \"echo\"; }; };",
                   "2 services");
    assert_null(config_snapshot_read(-1, &error));
    assert_int_equal(error.code, EXIT_CODE_SOFTWARE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(service_arrives_as_it_was_sent, make, release),
        cmocka_unit_test_setup_teardown(udp_ports_of_all_services_arrive, make, release),
        cmocka_unit_test_setup_teardown(it_may_be_read_again, make, release),
        cmocka_unit_test_setup_teardown(long_words_arrive, make, release),
        cmocka_unit_test_setup_teardown(nobody_changes_it_on_the_way, make, release),
        cmocka_unit_test_setup_teardown(rubbish_is_no_snapshot, make, release),
    };
    return cmocka_run_group_tests_name("config_snapshot", tests, NULL, NULL);
}
