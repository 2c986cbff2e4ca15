/* SPDX-License-Identifier: MIT
 *
 * error_pipe_test - what a program writes to its standard error is in the log, line by line, and
 * nothing that it writes or closes can flood the log or keep the pool busy.
 */
#include "supervisor/pool/error_pipe.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/log_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PID       4711
#define LINES_MAX 8192

static struct loop loop;
static struct error_pipe errors;
static struct scoreboard_slot slot;
static struct error_pipe_budget budget;
static int program; /* the write end */
static json_t *lines[LINES_MAX];
static int line_count;

static int make(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    memset(&slot, 0, sizeof slot);
    line_count = 0;
    errors = ERROR_PIPE_NONE;
    error_pipe_budget_init(&budget);
    if (loop_init(&loop) < 0)
        return -1;
    program = error_pipe_open(&errors, &loop, &budget, &slot);
    error_pipe_start(&errors, PID);
    return program < 0 ? -1 : 0;
}

static int release(void **state)
{
    (void)state;
    error_pipe_close(&errors);
    loop_release(&loop);
    if (program >= 0)
        close(program);
    while (line_count > 0)
        json_decref(lines[--line_count]);
    return 0;
}

static void parse(char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *json = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        assert_non_null(json);
        assert_true(line_count < LINES_MAX);
        lines[line_count++] = json;
    }
}

/* What BODY logs is added to `lines`. */
static void caught(void (*body)(void))
{
    int file = memfd_create("log", MFD_CLOEXEC), messages = dup(STDERR_FILENO);
    assert_true(file >= 0);
    dup2(file, STDERR_FILENO);
    log_sink_adopt();
    body();
    dup2(messages, STDERR_FILENO);
    log_sink_adopt();
    close(messages);
    off_t size = lseek(file, 0, SEEK_END);
    char *text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(pread(file, text, (size_t)size, 0), size);
    close(file);
    parse(text);
    free(text);
}

static void turn(void)
{
    loop_wait(&loop, clock_now_ms());
}

static void close_it(void)
{
    error_pipe_close(&errors);
}

/* The program writes TEXT, and the pool looks once. */
static void says(const char *text, size_t length)
{
    assert_int_equal(write(program, text, length), length);
    caught(turn);
}

static void leaves(void)
{
    close(program);
    program = -1;
}

static const char *word(int line, const char *key)
{
    assert_true(line < line_count);
    return json_string_value(json_object_get(lines[line], key));
}

static int64_t number(int line, const char *key)
{
    assert_true(line < line_count);
    return json_integer_value(json_object_get(lines[line], key));
}

static void expect_lines(int count)
{
    assert_int_equal(line_count, count);
}

static void expect_text(int line, const char *text)
{
    assert_non_null(word(line, "text"));
    assert_string_equal(word(line, "text"), text);
}

static void a_line_is_a_line(void **state)
{
    (void)state;
    says("hello\n", 6);
    expect_lines(1);
    expect_text(0, "hello");
    assert_string_equal(word(0, "msg"), "stderr");
    assert_string_equal(word(0, "level"), "info");
    assert_int_equal(number(0, "worker_pid"), PID);
    assert_null(word(0, "peer"));
}

static void client_is_told_while_there_is_one(void **state)
{
    (void)state;
    union socket_address peer = {.in = {.sin_family = AF_INET, .sin_port = htons(4711)}};
    peer.in.sin_addr.s_addr = htonl(0xC0000201);
    memcpy(&slot.worker.peer, &peer, sizeof peer.in);
    slot.worker.phase = SCOREBOARD_PROGRAM;
    says("hello\n", 6);
    assert_string_equal(word(0, "peer"), "192.0.2.1:4711");
}

static void without_a_slot_there_is_no_client(void **state)
{
    (void)state;
    errors.shown = NULL;
    says("hello\n", 6);
    expect_text(0, "hello");
    assert_null(word(0, "peer"));
}

static void lines_that_come_together_are_told_apart(void **state)
{
    (void)state;
    says("one\ntwo\r\n\n\r\nthree\n", 18);
    expect_lines(3); /* an empty one says nothing */
    expect_text(0, "one");
    expect_text(1, "two");
    expect_text(2, "three");
}

static void parts_wait_for_their_end(void **state)
{
    (void)state;
    says("hel", 3);
    says("lo, ", 4);
    expect_lines(0);
    says("world\nand", 9);
    expect_lines(1);
    expect_text(0, "hello, world");
}

static void part_is_told_when_the_pipe_is_closed(void **state)
{
    (void)state;
    says("no newline", 10);
    expect_lines(0);
    caught(close_it);
    expect_lines(1);
    expect_text(0, "no newline");
    assert_int_equal(errors.source.fd, -1);
}

static void part_is_told_when_the_program_closes_its_end(void **state)
{
    (void)state;
    assert_int_equal(write(program, "no newline", 10), 10);
    leaves();
    caught(turn);
    caught(turn);
    expect_lines(1);
    expect_text(0, "no newline");
    assert_int_equal(errors.source.fd, -1);
}

/* Other descriptors of the pool say EAGAIN all the time: the end is the end all the same. */
static void end_is_noticed_whatever_errno_was(void **state)
{
    (void)state;
    leaves();
    errno = EAGAIN;
    turn();
    assert_int_equal(errors.source.fd, -1);
}

static void closing_reads_what_is_left(void **state)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%063d", 0);
    (void)state;
    line[length - 1] = '\n';
    for (int i = 0; i < 1024; i++) /* all that a pipe holds */
        assert_int_equal(write(program, line, (size_t)length), length);
    caught(close_it);
    expect_lines(1024);
}

static void closing_does_not_wait_for_the_program(void **state)
{
    (void)state;
    caught(close_it);
    caught(close_it);
    expect_lines(0);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(write(program, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    signal(SIGPIPE, SIG_DFL);
}

/* Every byte of LENGTH is 'a'; in how long pieces it is told. */
static void expect_pieces(size_t length, bool newline, const size_t *pieces, int count)
{
    char text[8192];
    memset(text, 'a', length);
    text[length] = '\n';
    says(text, length + newline);
    expect_lines(count);
    for (int i = 0; i < count; i++)
        assert_int_equal(strlen(word(i, "text")), pieces[i]);
}

static void line_of_the_limit_is_one(void **state)
{
    (void)state;
    expect_pieces(2048, true, (size_t[]){2048}, 1);
}

static void longer_line_is_cut(void **state)
{
    (void)state;
    expect_pieces(2049, true, (size_t[]){2048, 1}, 2);
}

static void much_longer_line_is_cut_more_often(void **state)
{
    (void)state;
    expect_pieces(8000, true, (size_t[]){2048, 2048, 2048, 1856}, 4);
}

static void line_without_an_end_is_not_kept(void **state)
{
    (void)state;
    expect_pieces(4097, false, (size_t[]){2048, 2048}, 2);
    assert_int_equal(errors.line.length, 1);
    says("\n", 1);
    expect_lines(3);
    expect_text(2, "a");
}

/* The newline of a line that has just been cut is no line of its own. */
static void end_of_a_cut_line_is_nothing(void **state)
{
    (void)state;
    expect_pieces(2048, false, (size_t[]){2048}, 1);
    says("\nnext\n", 6);
    expect_lines(2);
    expect_text(1, "next");
}

static void bytes_that_are_no_text_are_escaped(void **state)
{
    (void)state;
    says("a\0b\x1b[31m\xff\xfe\"\n", 12);
    expect_lines(1);
    const json_t *text = json_object_get(lines[0], "text");
    assert_in_range(json_string_length(text), 11, 64);
    assert_memory_equal(json_string_value(text), "a\0b", 3);
    says("behind\n", 7); /* and the next line is whole again */
    expect_text(1, "behind");
}

static void write_flood(void)
{
    char text[8192];
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "x\n", 2);
    for (int i = 0; i < 4; i++) {
        ssize_t ignored = write(program, text, sizeof text);
        (void)ignored;
        turn();
    }
}

static void check_budget(void)
{
    assert_true(error_pipe_budget_check(&budget, clock_now_ms()) == CLOCK_NEVER);
}

static void flood_is_cut_and_what_is_missing_is_told(void **state)
{
    (void)state;
    int64_t written = 0, dropped = 0;
    caught(write_flood); /* 16384 lines */
    caught(close_it);
    caught(check_budget);
    assert_in_range(line_count, 4096, LINES_MAX - 1);
    for (int i = 0; i < line_count; i++) {
        if (strcmp(word(i, "msg"), "stderr") == 0) {
            written++;
            continue;
        }
        assert_string_equal(word(i, "msg"), "stderr: too many lines");
        assert_string_equal(word(i, "level"), "warning");
        dropped += number(i, "dropped");
    }
    assert_int_equal(written + dropped, 16384);
    assert_true(dropped > 0);
    assert_string_equal(word(line_count - 1, "msg"), "stderr: too many lines");
}

/* One program must not keep the pool from the others: a turn takes one piece. */
static void turn_takes_a_bounded_piece(void **state)
{
    char text[32768];
    (void)state;
    memset(text, '\n', sizeof text);
    assert_int_equal(write(program, text, sizeof text), sizeof text);
    turn();
    int left = 0;
    assert_int_equal(ioctl(program, FIONREAD, &left), 0);
    assert_int_equal(left, sizeof text - 8192);
}

static int open_files(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void no_descriptor_is_left(void **state)
{
    (void)state;
    int before = open_files();
    struct error_pipe other = ERROR_PIPE_NONE;
    int end = error_pipe_open(&other, &loop, &budget, NULL);
    assert_true(fcntl(end, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(other.source.fd, F_GETFD) & FD_CLOEXEC);
    assert_false(fcntl(end, F_GETFL) & O_NONBLOCK); /* a program does not expect that */
    close(end);
    error_pipe_close(&other);
    assert_int_equal(open_files(), before);
    int epoll = loop.epoll_fd;
    loop.epoll_fd = -1;
    assert_int_equal(error_pipe_open(&other, &loop, &budget, NULL), -1);
    loop.epoll_fd = epoll;
    assert_int_equal(open_files(), before);
    error_pipe_close(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)

/* A template's copy may speak, and end, before the pool hears who it is. */
static void who_speaks_is_known_before_it_is_read(void **state)
{
    (void)state;
    struct error_pipe other;
    int ends = error_pipe_open(&other, &loop, &budget, NULL);
    assert_int_equal(write(ends, "early\n", 6), 6);
    caught(turn);
    close(ends);
    caught(turn);
    expect_lines(0);
    error_pipe_start(&other, PID + 1);
    caught(turn);
    expect_lines(1);
    expect_text(0, "early");
    assert_int_equal(number(0, "worker_pid"), PID + 1);
    error_pipe_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_a_line),
        TEST(who_speaks_is_known_before_it_is_read),
        TEST(client_is_told_while_there_is_one),
        TEST(without_a_slot_there_is_no_client),
        TEST(lines_that_come_together_are_told_apart),
        TEST(parts_wait_for_their_end),
        TEST(part_is_told_when_the_pipe_is_closed),
        TEST(part_is_told_when_the_program_closes_its_end),
        TEST(end_is_noticed_whatever_errno_was),
        TEST(closing_reads_what_is_left),
        TEST(closing_does_not_wait_for_the_program),
        TEST(line_of_the_limit_is_one),
        TEST(longer_line_is_cut),
        TEST(much_longer_line_is_cut_more_often),
        TEST(line_without_an_end_is_not_kept),
        TEST(end_of_a_cut_line_is_nothing),
        TEST(bytes_that_are_no_text_are_escaped),
        TEST(flood_is_cut_and_what_is_missing_is_told),
        TEST(turn_takes_a_bounded_piece),
        TEST(no_descriptor_is_left),
    };
    return cmocka_run_group_tests_name("error_pipe", tests, NULL, NULL);
}
