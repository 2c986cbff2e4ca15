/* SPDX-License-Identifier: MIT
 *
 * config_file_test - root believes no file that somebody else can change.
 */
#include "lib/config_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>

#define GOOD "services = { a = { listen = \"unix:@x\"; handler = \"echo\"; }; };\n"

static char folder[] = "/tmp/config-file-XXXXXX";
static char file[64], part[64], inside[64];

static void expect_risk(mode_t mode, uid_t owner, enum config_file_risk risk)
{
    struct stat about = {.st_mode = mode, .st_uid = owner};
    assert_int_equal(config_file_judge(&about), risk);
}

static void others_must_not_be_able_to_write(void **state)
{
    (void)state;
    expect_risk(S_IFREG | 0644, 0, CONFIG_FILE_SAFE);
    expect_risk(S_IFREG | 0755, 0, CONFIG_FILE_SAFE);
    expect_risk(S_IFREG | 0664, 0, CONFIG_FILE_MODE);
    expect_risk(S_IFREG | 0646, 0, CONFIG_FILE_MODE);
    expect_risk(S_IFREG | 01666, 0, CONFIG_FILE_MODE); /* sticky means nothing for a file */
    expect_risk(S_IFREG | 0600, 1000, CONFIG_FILE_OWNER);
    expect_risk(S_IFREG | 0400, 1000, CONFIG_FILE_OWNER);
    expect_risk(S_IFDIR | 0755, 0, CONFIG_FILE_SAFE);
    expect_risk(S_IFDIR | 0775, 0, CONFIG_FILE_MODE);
    expect_risk(S_IFDIR | 0757, 0, CONFIG_FILE_MODE);
    expect_risk(S_IFDIR | 01777, 0, CONFIG_FILE_SAFE); /* /tmp */
    expect_risk(S_IFDIR | 01777, 1000, CONFIG_FILE_OWNER);
    expect_risk(S_IFLNK | 0777, 0, CONFIG_FILE_SAFE);
    expect_risk(S_IFLNK | 0777, 1000, CONFIG_FILE_OWNER);
}

static int release(void **state)
{
    (void)state;
    unlink(file);
    unlink(part);
    unlink(inside);
    rmdir(folder);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, 0644), 0);
    close(fd);
}

static int make(void **state)
{
    char text[128];
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/main.conf", folder);
    snprintf(part, sizeof part, "%s/part.conf", folder);
    snprintf(inside, sizeof inside, "%s/link.conf", folder);
    snprintf(text, sizeof text, "# one\n@include \"part.conf\"\n");
    write_file(file, text);
    write_file(part, GOOD);
    return 0;
}

/* WORDS NULL: it is taken. Whoever is not root takes it anyway. */
static void expect(const char *path, const char *words)
{
    struct buffer errors = {0};
    struct config *config = config_load(path, &errors);
    if (geteuid() != 0 || !words) {
        if (!config)
            fail_msg("%s", buffer_text(&errors));
    } else if (config || !strstr(buffer_text(&errors), words))
        fail_msg("no \"%s\" in: %s", words, buffer_text(&errors));
    config_release(config);
    buffer_release(&errors);
}

static void expect_mode(const char *path, mode_t mode, const char *words)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(chmod(path, mode), 0);
    expect(file, words);
    assert_int_equal(chmod(path, about.st_mode & 07777), 0);
}

static void what_can_be_written_by_others_is_refused(void **state)
{
    char words[256];
    (void)state;
    expect(file, NULL);
    snprintf(words, sizeof words, "%s: it can be written by others than root; run chmod go-w %s\n",
             file, file);
    expect_mode(file, 0664, words);
    expect_mode(file, 0646, words);
    snprintf(
        words, sizeof words,
        "main.conf:2: cannot include %s: it can be written by others than root; run chmod go-w "
        "%s\n",
        part, part);
    expect_mode(part, 0664, words);
    expect_mode(folder, 0775, "its folder can be written");
    expect_mode(folder, 01777, NULL);
    expect(file, NULL);
}

static void what_belongs_to_others_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(part, 4711, 0), 0);
    expect(file, "it belongs to uid 4711, not to root; run chown root");
    assert_int_equal(chown(part, 0, 4711), 0);
    expect(file, NULL);
    assert_int_equal(chown(folder, 4711, 0), 0);
    expect(file, "its folder belongs to uid 4711");
    assert_int_equal(chown(folder, 0, 0), 0);
}

static void links_are_followed_to_where_they_lead(void **state)
{
    (void)state;
    assert_int_equal(symlink(file, inside), 0);
    expect(inside, NULL);
    assert_int_equal(chmod(file, 0666), 0);
    expect(inside, "can be written by others");
    assert_int_equal(chmod(file, 0644), 0);
    if (geteuid() != 0)
        return;
    assert_int_equal(lchown(inside, 4711, 0), 0);
    expect(inside, "the link belongs to uid 4711");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_must_not_be_able_to_write),
        cmocka_unit_test_setup_teardown(what_can_be_written_by_others_is_refused, make, release),
        cmocka_unit_test_setup_teardown(what_belongs_to_others_is_refused, make, release),
        cmocka_unit_test_setup_teardown(links_are_followed_to_where_they_lead, make, release),
    };
    return cmocka_run_group_tests_name("config_file", tests, NULL, NULL);
}
