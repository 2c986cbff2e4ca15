/* SPDX-License-Identifier: MIT
 *
 * log_sink_test - lines go out whole, to files, pipes and sockets; a reader that does not read
 * costs lines, which are counted, and never a wait.
 */
#include "lib/log_sink.h"

#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/preforkd-log-XXXXXX";
static char path[64], link_path[64];
static int messages = -1; /* descriptor 2 as it was: cmocka's messages go there */
static int reader = -1;

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    messages = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    return messages < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    close(messages);
    return rmdir(folder);
}

static int fresh(void **state)
{
    (void)state;
    log_sink_take_dropped();
    return 0;
}

static int release(void **state)
{
    (void)state;
    if (reader >= 0)
        close(reader);
    reader = -1;
    unlink(path);
    unlink(link_path);
    return 0;
}

/* From here to restore() descriptor 2 is FD, and nothing may fail. */
static void replace(int fd)
{
    dup2(fd, STDERR_FILENO);
    close(fd);
    log_sink_adopt();
}

static void restore(void)
{
    dup2(messages, STDERR_FILENO);
    log_sink_adopt();
}

static int new_pipe(int flags)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    reader = ends[0];
    fcntl(reader, F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, flags);
    return ends[1];
}

static int new_socket(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    reader = ends[0];
    fcntl(reader, F_SETFL, O_NONBLOCK);
    return ends[1];
}

/* Write lines until one is dropped. Returns how many went through; -1 for never. */
static int fill(void)
{
    char line[1000];
    memset(line, 'l', sizeof line);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 100000; i++)
        if (log_sink_write(line, sizeof line) < 0)
            return i;
    return -1;
}

static void expect_lines(int count)
{
    static char bytes[1000 * 1000];
    size_t length = 0;
    ssize_t got;
    while ((got = read(reader, bytes + length, sizeof bytes - length)) > 0)
        length += (size_t)got;
    assert_int_equal(length % 1000, 0); /* no line in part */
    assert_int_equal(length / 1000, count);
}

static void full_sink_drops_and_counts(int fd)
{
    replace(fd);
    int went = fill(), again = log_sink_write("x\n", 2);
    unsigned long dropped = log_sink_take_dropped(), left = log_sink_take_dropped();
    restore();
    assert_true(went > 0);
    (void)again; /* a short line may still fit into a pipe */
    assert_in_range(dropped, 1, 2);
    assert_int_equal(left, 0);
}

static void pipe_that_does_not_block(void **state)
{
    (void)state;
    full_sink_drops_and_counts(new_pipe(O_NONBLOCK));
}

static void pipe_that_blocks_is_not_waited_for(void **state)
{
    (void)state;
    full_sink_drops_and_counts(new_pipe(0));
}

static void socket_that_blocks_is_not_waited_for(void **state)
{
    (void)state;
    full_sink_drops_and_counts(new_socket());
}

static void lines_are_whole_or_not_there(void **state)
{
    (void)state;
    replace(new_pipe(O_NONBLOCK));
    int went = fill();
    restore();
    expect_lines(went);
}

static void reader_that_left_is_no_death(void **state)
{
    (void)state;
    int fd = new_socket();
    close(reader);
    reader = -1;
    replace(fd);
    int status = log_sink_write("x\n", 2);
    restore();
    assert_int_equal(status, -1);
    assert_int_equal(log_sink_take_dropped(), 1);
}

/* With the next line that goes through. */
static void dropped_lines_are_told(void **state)
{
    static char bytes[1000 * 1000];
    (void)state;
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    replace(new_pipe(O_NONBLOCK));
    fill();
    fill();
    while (read(reader, bytes, sizeof bytes) > 0)
        ;
    log_info("here again");
    log_info("and again");
    restore();
    ssize_t got = read(reader, bytes, sizeof bytes - 1);
    assert_true(got > 0);
    bytes[got] = '\0';
    const char *first = strstr(bytes, "msg=\"here again\"\n");
    const char *told = strstr(bytes, "count=2\n");
    const char *second = strstr(bytes, "msg=\"and again\"\n");
    assert_true(first && told && second);
    assert_true(first < told && told < second);
    assert_null(strstr(told + 1, "count="));
}

static void file_is_appended_to(void **state)
{
    struct error error;
    char bytes[16] = {0};
    struct stat about;
    (void)state;
    for (int i = 0; i < 2; i++) {
        mode_t before = umask(022);
        int fd = log_sink_open_file(path, &error);
        umask(before);
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        log_sink_switch(fd);
        close(fd);
        int status = log_sink_write(i ? "two\n" : "one\n", 4);
        int inherited = !(fcntl(STDERR_FILENO, F_GETFD) & FD_CLOEXEC);
        restore();
        assert_int_equal(status, 0);
        assert_true(inherited); /* by what is executed, as descriptor 2 has to be */
    }
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    FILE *file = fopen(path, "r");
    assert_int_equal(fread(bytes, 1, sizeof bytes - 1, file), 8);
    fclose(file);
    assert_string_equal(bytes, "one\ntwo\n");
}

static void file_by_a_symbolic_link_is_refused(void **state)
{
    struct error error;
    struct stat about;
    (void)state;
    assert_int_equal(symlink(path, link_path), 0);
    assert_int_equal(log_sink_open_file(link_path, &error), -1);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    assert_non_null(strstr(error.text, link_path));
    assert_int_equal(stat(path, &about), -1);
}

static void file_in_no_folder_is_refused(void **state)
{
    struct error error;
    (void)state;
    assert_int_equal(log_sink_open_file("/tmp/preforkd-no-folder/log", &error), -1);
    assert_non_null(strstr(error.text, "No such file or directory"));
}

/* O_NONBLOCK on the shell's own terminal or pipe would stay there after us. */
static void open_file_of_the_starter_is_not_changed(void **state)
{
    (void)state;
    int fd = new_pipe(0), starters = dup(fd);
    replace(fd);
    log_sink_open();
    int ours = fcntl(STDERR_FILENO, F_GETFL), status = log_sink_write("x\n", 2);
    restore();
    assert_int_equal(status, 0);
    assert_true(ours & O_NONBLOCK);
    assert_int_equal(fcntl(starters, F_GETFL) & O_NONBLOCK, 0);
    close(starters);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, release)
    const struct CMUnitTest tests[] = {
        TEST(pipe_that_does_not_block),
        TEST(pipe_that_blocks_is_not_waited_for),
        TEST(socket_that_blocks_is_not_waited_for),
        TEST(lines_are_whole_or_not_there),
        TEST(reader_that_left_is_no_death),
        TEST(dropped_lines_are_told),
        TEST(file_is_appended_to),
        TEST(file_by_a_symbolic_link_is_refused),
        TEST(file_in_no_folder_is_refused),
        TEST(open_file_of_the_starter_is_not_changed),
    };
    return cmocka_run_group_tests_name("log_sink", tests, make_folder, remove_folder);
}
