/* SPDX-License-Identifier: MIT
 *
 * upgrade_state_test - what one image writes the next one reads, of whatever version; and nothing
 * that is broken is taken for a state.
 */
#include "supervisor/upgrade_memfd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "lib/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAD_SIZE 20
#define UNKNOWN   999 /* a tag that no table has */

static struct upgrade_state *state, *copy;
static struct buffer bytes;
static struct error error;

/* Something in every record, and a descriptor of its own for each. */
static struct upgrade_state *sample(void)
{
    struct upgrade_state *s = upgrade_state_new();
    s->daemon.pid = 4711;
    s->daemon.started_ms = 123456789;
    s->daemon.generation = 3;
    s->daemon.program = memory_string("/usr/sbin/preforkd");
    s->daemon.config = memory_string("services = { };\n");
    s->daemon.control = 5;
    s->daemon.reload = true;
    struct upgrade_listener *listener = upgrade_state_add(s, UPGRADE_LISTENER);
    listener->fd = 9;
    listener->mode = 0660;
    struct upgrade_inherited *inherited = upgrade_state_add(s, UPGRADE_INHERITED);
    inherited->name = memory_string("web");
    struct upgrade_service *service = upgrade_state_add(s, UPGRADE_SERVICE);
    service->name = memory_string("echo");
    service->sums[0] = UINT64_MAX;
    service->sums[UPGRADE_SUMS - 1] = 7;
    for (int i = 0; i < 5; i++) {
        struct upgrade_pool *pool = upgrade_state_add(s, UPGRADE_POOL);
        pool->name = memory_string("echo");
        pool->place = i % 3;
        pool->pid = 100 + i;
        pool->channel = 10 + i;
        pool->slots = 512;
        pool->ready = i == 1;
    }
    struct upgrade_orphan *orphan = upgrade_state_add(s, UPGRADE_ORPHAN);
    orphan->pid = 99;
    struct upgrade_client *client = upgrade_state_add(s, UPGRADE_CLIENT);
    client->fd = 20;
    client->answer = memory_string("");
    return s;
}

static int setup(void **unused)
{
    (void)unused;
    memset(&error, 0, sizeof error);
    state = sample();
    copy = NULL;
    upgrade_state_write(state, &bytes);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    upgrade_state_free(state);
    upgrade_state_free(copy);
    buffer_release(&bytes);
    return 0;
}

/* The bytes alone in memory, so that a sanitizer sees a read behind them. */
static struct upgrade_state *read_copy(const void *from, size_t length)
{
    char *alone = malloc(length ? length : 1);
    assert_non_null(alone);
    memcpy(alone, from, length);
    struct upgrade_state *read = upgrade_state_read(alone, length, &error);
    free(alone);
    return read;
}

static void everything_comes_back(void **unused)
{
    struct buffer again = {0};
    (void)unused;
    copy = read_copy(bytes.data, bytes.length);
    assert_non_null(copy);
    assert_int_equal(copy->daemon.pid, 4711);
    assert_string_equal(copy->daemon.program, "/usr/sbin/preforkd");
    assert_null(copy->daemon.file);
    assert_true(copy->daemon.reload);
    assert_int_equal(copy->daemon.control, 5);
    assert_int_equal(copy->daemon.pid_file, -1);
    assert_true(copy->daemon.orphans_term_ms == CLOCK_NEVER);
    assert_int_equal(copy->pool_count, 5);
    assert_int_equal(copy->pool[4].pid, 104);
    assert_true(copy->pool[1].ready && !copy->pool[2].ready);
    assert_true(copy->service[0].sums[0] == UINT64_MAX);
    assert_string_equal(copy->client[0].answer, "");
    assert_null(copy->client[0].request);
    upgrade_state_write(copy, &again);
    assert_int_equal(again.length, bytes.length);
    assert_memory_equal(again.data, bytes.data, bytes.length);
    buffer_release(&again);
}

static void descriptors_are_listed_once_each(void **unused)
{
    static const int wanted[] = {5, 9, 10, 11, 12, 13, 14, 20};
    size_t count;
    (void)unused;
    int *fds = upgrade_state_fds(state, &count);
    assert_int_equal(count, sizeof wanted / sizeof *wanted);
    assert_memory_equal(fds, wanted, sizeof wanted);
    free(fds);
}

static void expect_refused(const char *words)
{
    copy = read_copy(bytes.data, bytes.length);
    assert_null(copy);
    if (!strstr(error.text, words))
        fail_msg("no \"%s\" in: %s", words, error.text);
}

static void a_descriptor_with_two_owners_is_refused(void **unused)
{
    (void)unused;
    state->listener[0].fd = state->pool[2].channel;
    bytes.length = 0;
    upgrade_state_write(state, &bytes);
    expect_refused("descriptor 12 has two owners");
}

static void standard_descriptors_are_refused(void **unused)
{
    (void)unused;
    state->listener[0].fd = 2;
    bytes.length = 0;
    upgrade_state_write(state, &bytes);
    expect_refused("descriptor 2 has two owners");
}

/* Cut anywhere, with the length of all as it was, or as it is then. */
static void every_truncation_is_refused(void **unused)
{
    (void)unused;
    for (size_t length = 0; length < bytes.length; length++)
        assert_null(read_copy(bytes.data, length));
    for (size_t length = HEAD_SIZE; length < bytes.length; length++) {
        struct buffer cut = {0};
        buffer_append(&cut, bytes.data, HEAD_SIZE - 4);
        upgrade_codec_put(&cut, length, 4);
        buffer_append(&cut, bytes.data + HEAD_SIZE, length - HEAD_SIZE);
        /* Where a record ends the rest is a state, of fewer records. */
        upgrade_state_free(read_copy(cut.data, cut.length));
        buffer_release(&cut);
    }
}

/* Refused, or read as something that can be written again; never a fault. */
static void every_bit_may_flip(void **unused)
{
    (void)unused;
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * bytes.length; bit++) {
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
        struct upgrade_state *read = read_copy(bytes.data, bytes.length);
        refused += !read;
        upgrade_state_free(read);
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(refused > bytes.length); /* all lengths and many tags and numbers are such bits */
}

static void put_length(void)
{
    struct buffer length = {0};
    upgrade_codec_put(&length, bytes.length, 4);
    memcpy(bytes.data + HEAD_SIZE - 4, length.data, 4);
    buffer_release(&length);
}

static void put_item(struct buffer *out, uint16_t tag, const void *value, size_t length)
{
    upgrade_codec_put(out, tag, 2);
    upgrade_codec_put(out, length, 4);
    buffer_append(out, value, length);
}

/* A record of pools, from items as they are. */
static void put_pool(const struct buffer *items)
{
    put_item(&bytes, 5, items->data, items->length);
    put_length();
}

static void records_of_a_newer_version_are_skipped(void **unused)
{
    (void)unused;
    put_item(&bytes, UNKNOWN, "what is that?", 13);
    put_length();
    copy = read_copy(bytes.data, bytes.length);
    assert_non_null(copy);
    assert_int_equal(copy->pool_count, 5);
}

static void fields_of_a_newer_version_are_skipped(void **unused)
{
    struct buffer items = {0};
    (void)unused;
    put_item(&items, UNKNOWN, "", 0);
    put_item(&items, 1, "upper", 5);
    put_item(&items, UNKNOWN, "\0\1\2", 3);
    put_pool(&items);
    buffer_release(&items);
    copy = read_copy(bytes.data, bytes.length);
    assert_non_null(copy);
    assert_string_equal(copy->pool[5].name, "upper");
}

static void fields_that_an_older_version_did_not_write_have_defaults(void **unused)
{
    (void)unused;
    put_item(&bytes, 5, "", 0);
    put_length();
    copy = read_copy(bytes.data, bytes.length);
    assert_non_null(copy);
    assert_null(copy->pool[5].name);
    assert_int_equal(copy->pool[5].channel, -1);
    assert_true(copy->pool[5].deadline_ms == CLOCK_NEVER);
    assert_int_equal(copy->pool[5].slots, 0); /* out of range: absent */
}

static void a_state_for_newer_readers_only_is_refused(void **unused)
{
    (void)unused;
    bytes.data[12] = (char)(UPGRADE_STATE_VERSION + 1);
    expect_refused("only versions from");
}

static void a_state_of_a_newer_writer_is_read(void **unused)
{
    (void)unused;
    bytes.data[8] = 77;
    copy = read_copy(bytes.data, bytes.length);
    assert_non_null(copy);
}

static void broken_fields_are_refused(void **unused)
{
    static const struct {
        uint16_t tag;
        const char *value;
        size_t length;
        const char *name;
    } cases[] = {{7, "\1\0\0\0", 4, "slots"},
                 {7, "\1\0\0\0\0\0\0\1", 8, "slots"},
                 {4, "\1\0\0\0\0\0\0\0", 8, "pid"},
                 {5, "\0\0\0\0\0\0\0\x80", 8, "channel"},
                 {13, "\2", 1, "ready"},
                 {13, "", 0, "ready"},
                 {1, "a\0b", 3, "name"}};
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer items = {0};
        bytes.length = 0;
        upgrade_state_write(state, &bytes);
        put_item(&items, cases[i].tag, cases[i].value, cases[i].length);
        put_pool(&items);
        buffer_release(&items);
        expect_refused("record 6 of pool: its field ");
        expect_refused(cases[i].name);
    }
}

static void a_field_that_comes_twice_is_refused(void **unused)
{
    struct buffer items = {0};
    (void)unused;
    put_item(&items, 1, "one", 3);
    put_item(&items, 1, "two", 3);
    put_pool(&items);
    buffer_release(&items);
    expect_refused("its field name is broken");
}

static void a_sealed_file_brings_it(void **unused)
{
    (void)unused;
    int fd = upgrade_memfd_create(state, &error);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 3), -1);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    copy = upgrade_memfd_read(fd, &error);
    assert_non_null(copy);
    assert_int_equal(copy->daemon.pid, 4711);
    close(fd);
}

static void other_files_are_refused(void **unused)
{
    (void)unused;
    int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(write(fd, bytes.data, bytes.length) == (ssize_t)bytes.length);
    assert_null(upgrade_memfd_read(fd, &error)); /* somebody could change it yet */
    close(fd);
    assert_null(upgrade_memfd_read(fd, &error));
    fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_null(upgrade_memfd_read(fd, &error));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(everything_comes_back),
        TEST(descriptors_are_listed_once_each),
        TEST(a_descriptor_with_two_owners_is_refused),
        TEST(standard_descriptors_are_refused),
        TEST(every_truncation_is_refused),
        TEST(every_bit_may_flip),
        TEST(records_of_a_newer_version_are_skipped),
        TEST(fields_of_a_newer_version_are_skipped),
        TEST(fields_that_an_older_version_did_not_write_have_defaults),
        TEST(a_state_for_newer_readers_only_is_refused),
        TEST(a_state_of_a_newer_writer_is_read),
        TEST(broken_fields_are_refused),
        TEST(a_field_that_comes_twice_is_refused),
        TEST(a_sealed_file_brings_it),
        TEST(other_files_are_refused),
    };
    return cmocka_run_group_tests_name("upgrade_state", tests, NULL, NULL);
}
