/* SPDX-License-Identifier: MIT
 *
 * lockfile_test - one owner at a time; what a crash left behind is nobody's.
 */
#include "lib/lockfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/preforkd-lock-XXXXXX";
static char path[64], other_path[64];
static struct lockfile lock, other;
static struct error error;

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/lock", folder);
    snprintf(other_path, sizeof other_path, "%s/other", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int fresh(void **state)
{
    (void)state;
    lock = other = LOCKFILE_NONE;
    memset(&error, 0, sizeof error);
    return 0;
}

static int release(void **state)
{
    (void)state;
    lockfile_release(&lock);
    lockfile_release(&other);
    unlink(path);
    unlink(other_path);
    return 0;
}

static bool is_there(const char *name)
{
    struct stat about;
    return lstat(name, &about) == 0;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *content(void)
{
    static char text[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(got >= 0);
    text[got] = '\0';
    return text;
}

static void expect_refused(const char *words)
{
    assert_int_equal(lockfile_acquire(&other, path, 0644, &error), -1);
    assert_int_equal(error.code, EXIT_CODE_UNAVAILABLE);
    if (!strstr(error.text, words) || !strstr(error.text, path))
        fail_msg("no \"%s\" in: %s", words, error.text);
    assert_int_equal(other.fd, -1);
}

static void first_one_gets_it(void **state)
{
    struct stat about;
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    assert_true(lock.fd >= 0);
    assert_string_equal(lock.path, path);
    assert_true(fcntl(lock.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(stat(path, &about), 0);
    assert_true(S_ISREG(about.st_mode));
    assert_int_equal(about.st_mode & 0022, 0);
}

static void second_one_is_refused(void **state)
{
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    expect_refused("another preforkd is running");
    assert_int_equal(lockfile_acquire(&other, other_path, 0644, &error),
                     0); /* another file is free */
}

static void released_lock_is_free_again(void **state)
{
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    lockfile_release(&lock);
    assert_int_equal(lock.fd, -1);
    assert_null(lock.path);
    assert_false(is_there(path));
    lockfile_release(&lock);
    assert_int_equal(lockfile_acquire(&other, path, 0644, &error), 0);
    assert_true(is_there(path));
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), -1);
}

static void file_of_a_crash_is_taken_over(void **state)
{
    (void)state;
    write_file(path, "4711\n");
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    assert_int_equal(lockfile_write_number(&lock, 12, &error), 0);
    assert_string_equal(content(), "12\n");
    expect_refused("another preforkd is running");
}

static mode_t mode_of(const char *name)
{
    struct stat about;
    assert_int_equal(stat(name, &about), 0);
    return about.st_mode & 07777;
}

/* Whoever may read a file can lock it: what a crash left may have been readable by more. */
static void permissions_are_as_asked(void **state)
{
    (void)state;
    mode_t before = umask(022);
    assert_int_equal(lockfile_acquire(&lock, path, 0600, &error), 0);
    assert_int_equal(mode_of(path), 0600);
    lockfile_release(&lock);
    write_file(path, "");
    assert_int_equal(mode_of(path), 0644);
    assert_int_equal(lockfile_acquire(&lock, path, 0600, &error), 0);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(lockfile_acquire(&other, path, 0666, &error), -1);
    assert_int_equal(mode_of(path), 0600); /* only its owner changes it */
    umask(before);
}

static void number_replaces_what_was_there(void **state)
{
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    assert_int_equal(lockfile_write_number(&lock, 1234567, &error), 0);
    assert_string_equal(content(), "1234567\n");
    assert_int_equal(lockfile_write_number(&lock, 8, &error), 0);
    assert_string_equal(content(), "8\n");
}

static void lock_outlives_its_name(void **state)
{
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    assert_int_equal(unlink(path), 0);
    /* Whoever removed the file gave it away: a new file has a lock of its own. */
    assert_int_equal(lockfile_acquire(&other, path, 0644, &error), 0);
}

static void release_leaves_the_file_of_a_successor_alone(void **state)
{
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(lockfile_acquire(&other, path, 0644, &error), 0);
    lockfile_release(&lock);
    assert_true(is_there(path));
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), -1);
}

static void lock_ends_with_its_descriptor(void **state)
{
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    int copy = dup(lock.fd);
    close(lock.fd);
    expect_refused("another preforkd is running"); /* a child that inherited it still runs */
    close(copy);
    assert_int_equal(lockfile_acquire(&other, path, 0644, &error), 0);
    free(lock.path);
    lock = LOCKFILE_NONE;
}

/* As in another image of this process: the descriptor is all that is left of it. */
static void held_lock_is_taken_over(void **state)
{
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    int fd = lock.fd;
    free(lock.path);
    lock = LOCKFILE_NONE;
    assert_int_equal(lockfile_adopt(&lock, path, fd, &error), 0);
    assert_int_equal(lock.fd, fd);
    assert_string_equal(lock.path, path);
    expect_refused("another preforkd is running");
    lockfile_release(&lock);
    assert_false(is_there(path));
}

static void what_is_no_lock_is_not_taken_over(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(lockfile_acquire(&lock, path, 0644, &error), 0);
    int again = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(lockfile_adopt(&other, path, again, &error), -1); /* another open file */
    close(again);
    assert_int_equal(lockfile_adopt(&other, path, again, &error), -1);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(lockfile_adopt(&other, path, ends[0], &error), -1);
    assert_int_equal(other.fd, -1);
    close(ends[0]);
    close(ends[1]);
}

static void symbolic_links_are_refused(void **state)
{
    (void)state;
    write_file(other_path, "precious\n");
    assert_int_equal(symlink(other_path, path), 0);
    expect_refused("cannot create");
    assert_true(is_there(path));
    unlink(other_path);
    expect_refused("cannot create"); /* nor is the target created */
    assert_false(is_there(other_path));
}

static void hard_links_are_refused(void **state)
{
    (void)state;
    write_file(other_path, "precious\n");
    assert_int_equal(link(other_path, path), 0);
    expect_refused("not a plain file of its own");
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused("not a plain file of its own"); /* and nobody waits for its other end */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused("cannot create");
    assert_int_equal(rmdir(path), 0);
}

static void folder_that_is_not_there(void **state)
{
    char deep[96];
    (void)state;
    snprintf(deep, sizeof deep, "%s/no/such/folder", folder);
    assert_int_equal(lockfile_acquire(&lock, deep, 0644, &error), -1);
    assert_int_equal(error.code, EXIT_CODE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "No such file or directory"));
}

static void nothing_held_nothing_released(void **state)
{
    (void)state;
    lockfile_release(&lock);
    assert_int_equal(lock.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_one_gets_it, fresh, release),
        cmocka_unit_test_setup_teardown(second_one_is_refused, fresh, release),
        cmocka_unit_test_setup_teardown(released_lock_is_free_again, fresh, release),
        cmocka_unit_test_setup_teardown(file_of_a_crash_is_taken_over, fresh, release),
        cmocka_unit_test_setup_teardown(permissions_are_as_asked, fresh, release),
        cmocka_unit_test_setup_teardown(number_replaces_what_was_there, fresh, release),
        cmocka_unit_test_setup_teardown(lock_outlives_its_name, fresh, release),
        cmocka_unit_test_setup_teardown(release_leaves_the_file_of_a_successor_alone, fresh,
                                        release),
        cmocka_unit_test_setup_teardown(lock_ends_with_its_descriptor, fresh, release),
        cmocka_unit_test_setup_teardown(held_lock_is_taken_over, fresh, release),
        cmocka_unit_test_setup_teardown(what_is_no_lock_is_not_taken_over, fresh, release),
        cmocka_unit_test_setup_teardown(symbolic_links_are_refused, fresh, release),
        cmocka_unit_test_setup_teardown(hard_links_are_refused, fresh, release),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, fresh, release),
        cmocka_unit_test_setup_teardown(folder_that_is_not_there, fresh, release),
        cmocka_unit_test_setup_teardown(nothing_held_nothing_released, fresh, release),
    };
    return cmocka_run_group_tests_name("lockfile", tests, make_folder, remove_folder);
}
