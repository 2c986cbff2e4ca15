/* SPDX-License-Identifier: MIT
 *
 * scoreboard_test - what workers write is what others read, once, and no value a broken worker
 * leaves there reaches beyond the display.
 */
#include "lib/scoreboard.h"

#include "lib/escape.h"
#include "server/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 5

static int fd;
static struct scoreboard *board;
static const struct scoreboard *shown; /* the supervisor's view of it */
static struct scoreboard_worker *worker;

static int make(void **state)
{
    struct error error;
    (void)state;
    fd = scoreboard_create(SLOTS, &error);
    assert_true(fd >= 0);
    board = scoreboard_map(fd, SLOTS, true);
    shown = scoreboard_map(fd, SLOTS, false);
    assert_non_null(board);
    assert_non_null(shown);
    worker = &board->slots[1].worker;
    return 0;
}

static int release(void **state)
{
    (void)state;
    scoreboard_unmap(board, SLOTS);
    scoreboard_unmap((struct scoreboard *)(uintptr_t)shown, SLOTS);
    close(fd);
    return 0;
}

static const union socket_address *client(const char *text)
{
    static struct address found[ADDRESS_RESOLVED_MAX];
    struct error error;
    assert_int_equal(address_parse(text, found, &error), 1);
    return &found[0].socket;
}

static const char *peer(void)
{
    static char text[ADDRESS_TEXT_MAX];
    return scoreboard_peer(&shown->slots[1], text);
}

static void new_board_is_zeroed_and_whole(void **state)
{
    struct scoreboard_totals totals;
    struct stat about;
    (void)state;
    assert_int_equal(fstat(fd, &about), 0);
    assert_int_equal(about.st_size,
                     sizeof(struct scoreboard) + SLOTS * sizeof(struct scoreboard_slot));
    assert_true(about.st_blocks * 512 >= about.st_size); /* set aside, not promised */
    totals = (struct scoreboard_totals){0};
    scoreboard_sum(shown, SLOTS, &totals);
    assert_memory_equal(&totals, &(struct scoreboard_totals){0}, sizeof totals);
}

static void nobody_changes_its_size(void **state)
{
    (void)state;
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 1 << 20), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* Who writes a line of the mapping: a structure of a slot, or the header. */
#define WRITER_NOBODY 0
#define WRITER_POOL   1
#define WRITER_ALL    2 /* of an elastic pool */
#define WRITER_WORKER 3 /* and those that follow: of slot 0, 1 ... */

static void mark_written(int *writers, size_t offset, size_t size, int writer)
{
    for (size_t line = offset / SCOREBOARD_LINE; line <= (offset + size - 1) / SCOREBOARD_LINE;
         line++) {
        if (writers[line] != WRITER_NOBODY)
            assert_int_equal(writers[line], writer);
        writers[line] = writer;
    }
}

/* By offsets from the start of the mapping, which is that of a page. */
static void no_cache_line_has_two_writers(void **state)
{
    int writers[(sizeof(struct scoreboard) + SLOTS * sizeof(struct scoreboard_slot)) /
                SCOREBOARD_LINE] = {0};
    (void)state;
    assert_int_equal((uintptr_t)board % SCOREBOARD_LINE, 0);
    mark_written(writers, offsetof(struct scoreboard, header), sizeof board->header, WRITER_POOL);
    mark_written(writers, offsetof(struct scoreboard, spare), sizeof board->spare, WRITER_ALL);
    for (size_t i = 0; i < SLOTS; i++) {
        size_t slot = offsetof(struct scoreboard, slots) + i * sizeof(struct scoreboard_slot);
        assert_ptr_equal((char *)board + slot, &board->slots[i]);
        mark_written(writers, slot + offsetof(struct scoreboard_slot, keeper),
                     sizeof board->slots[i].keeper, WRITER_POOL);
        mark_written(writers, slot + offsetof(struct scoreboard_slot, worker),
                     sizeof board->slots[i].worker, WRITER_WORKER + (int)i);
    }
}

#define LINE_OF(field) (offsetof(struct scoreboard_worker, field) / SCOREBOARD_LINE)

/* A connection dirties two lines: what every byte and every connection changes, and its peer. */
static void a_connection_writes_two_lines(void **state)
{
    (void)state;
    assert_int_equal(LINE_OF(phase), 0);
    assert_int_equal(LINE_OF(sequence), 0);
    assert_int_equal(LINE_OF(connections), 0);
    assert_int_equal(LINE_OF(bytes_in), 0);
    assert_int_equal(LINE_OF(bytes_out), 0);
    assert_int_equal(LINE_OF(started_ms), 0);
    assert_int_equal(LINE_OF(moved_ms), 0);
    assert_true(LINE_OF(peer[3]) <= 1);
}

static void view_shows_what_was_written(void **state)
{
    struct scoreboard_view view;
    (void)state;
    board->slots[1].keeper.state = SCOREBOARD_READY;
    board->slots[1].keeper.pid = 4711;
    board->slots[1].keeper.born_ms = 99;
    slot_begin(worker, client("tcp://192.0.2.1:80"));
    slot_moved_in(worker, 10);
    slot_moved_out(worker, 20);
    slot_moved_out(worker, 5);
    scoreboard_read(&shown->slots[1], &view);
    assert_int_equal(view.state, SCOREBOARD_READY);
    assert_int_equal(view.phase, SCOREBOARD_BUSY);
    assert_int_equal(view.pid, 4711);
    assert_int_equal(view.born_ms, 99);
    assert_int_equal(view.sequence, 2);
    assert_int_equal(view.connections, 1);
    assert_int_equal(view.bytes_in, 10);
    assert_int_equal(view.bytes_out, 25);
    assert_true(view.started_ms > 0);
    assert_true(view.moved_ms >= view.started_ms);
    slot_end(worker);
    slot_begin(worker, client("tcp://192.0.2.1:81"));
    scoreboard_read(&shown->slots[1], &view);
    assert_int_equal(view.sequence, 4);
    assert_int_equal(view.connections, 2);
    assert_int_equal(view.bytes_in, 10); /* of the worker, not of the connection */
}

static void view_of_rubbish_stays_in_range(void **state)
{
    struct scoreboard_view view;
    (void)state;
    memset(&board->slots[1], 0xFF, sizeof board->slots[1]);
    scoreboard_read(&shown->slots[1], &view);
    assert_in_range(view.state, SCOREBOARD_FREE, SCOREBOARD_DRAINING);
    assert_in_range(view.phase, SCOREBOARD_UNBORN, SCOREBOARD_PROGRAM);
}

static void peer_is_shown_while_the_client_is_there(void **state)
{
    (void)state;
    assert_string_equal(peer(), "");
    slot_begin(worker, client("tcp://192.0.2.1:4711"));
    assert_string_equal(peer(), "192.0.2.1:4711");
    slot_end(worker);
    assert_string_equal(peer(), "");
    slot_begin(worker, client("tcp://[2001:db8:1:2:3:4:5:6]:65535"));
    assert_string_equal(peer(), "[2001:db8:1:2:3:4:5:6]:65535");
    slot_end(worker);
    slot_begin(worker, client("tcp://[::ffff:192.0.2.1]:1"));
    assert_string_equal(peer(), "192.0.2.1:1");
    slot_end(worker);
    slot_begin(worker, client("unix:@a-name-that-is-longer-than-what-fits-into-32-bytes"));
    assert_string_equal(peer(), "unix");
}

static void half_written_peer_is_not_shown(void **state)
{
    (void)state;
    slot_begin(worker, client("tcp://192.0.2.1:4711"));
    worker->sequence++;
    assert_string_equal(peer(), "");
    worker->sequence++;
    assert_string_equal(peer(), "192.0.2.1:4711");
}

static void peer_of_rubbish_is_harmless(void **state)
{
    uint64_t random = 1;
    (void)state;
    for (int round = 0; round < 10000; round++) {
        for (int i = 0; i < 4; i++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            worker->peer[i] = random ^ random >> 29;
        }
        /* Half of them pass for addresses. */
        if (round % 2 == 0)
            worker->peer[0] = (worker->peer[0] & ~UINT64_C(0xFFFF)) |
                              (uint64_t)(round % 4 == 0 ? AF_INET6 : AF_INET);
        worker->phase = SCOREBOARD_BUSY;
        worker->sequence = 2;
        assert_true(strlen(peer()) < 64);
    }
}

static const char *said(void)
{
    static char text[SCOREBOARD_SAID_MAX];
    memset(text, 'x', sizeof text);
    return scoreboard_said(&shown->slots[1], text);
}

static void what_a_program_said_is_shown(void **state)
{
    (void)state;
    assert_string_equal(said(), "");
    scoreboard_say(&board->slots[1].worker,
                   "serving 3 of \"4\" \\ \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_string_equal(said(), "serving 3 of \"4\" \\ \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    scoreboard_say(&board->slots[1].worker, "short");
    assert_string_equal(said(), "short");
    scoreboard_say(&board->slots[1].worker, "");
    assert_string_equal(said(), "");
    assert_int_equal(board->slots[0].worker.said[0], 0);
}

static void too_much_said_is_cut(void **state)
{
    char text[2 * SCOREBOARD_SAID_MAX];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    scoreboard_say(&board->slots[1].worker, text);
    assert_int_equal(strlen(said()), SCOREBOARD_SAID_MAX - 1);
    assert_int_equal(board->slots[1].worker.said[SCOREBOARD_SAID_MAX / 8 - 1] >> 56, 0);
    assert_int_equal(board->slots[1].worker.phase, SCOREBOARD_UNBORN);
}

static void what_cannot_be_shown_is_a_question_mark(void **state)
{
    static const struct {
        const char *says, *shows;
    } rows[] = {
        {"a\nb\x1B[2J\x7F", "a?b?[2J?"},
        {"\xE2\x80\xAE"
         "abc",
         "???abc"}, /* turns the text around */
        {"\xFF\xC3\xA4\x80", "?\xC3\xA4?"},
        {"\xC0\xAF\xED\xA0\x80", "?????"},
        {"a\xE2\x82", "a??"}, /* cut within a character */
        {"\xE2\x82"
         "a\xF0\x9F\x98\x80",
         "??a\xF0\x9F\x98\x80"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scoreboard_say(&board->slots[1].worker, rows[i].says);
        assert_string_equal(said(), rows[i].shows);
    }
}

static void half_written_text_is_not_shown(void **state)
{
    (void)state;
    scoreboard_say(&board->slots[1].worker, "one");
    board->slots[1].worker.said_sequence++;
    assert_string_equal(said(), "");
    scoreboard_say(&board->slots[1].worker, "two"); /* the pool has the last word */
    assert_string_equal(said(), "two");
}

static void said_rubbish_is_harmless(void **state)
{
    uint64_t random = 1;
    (void)state;
    for (int round = 0; round < 10000; round++) {
        for (int i = 0; i < SCOREBOARD_SAID_MAX / 8; i++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            board->slots[1].worker.said[i] = round == 0 ? UINT64_MAX : random ^ random >> 29;
        }
        board->slots[1].worker.said_sequence = 2;
        const char *text = said();
        assert_in_range(strlen(text), 0, SCOREBOARD_SAID_MAX - 1);
        assert_true(escape_is_plain(text, strlen(text)));
    }
}

static void text_is_never_torn(void **state)
{
    char a[SCOREBOARD_SAID_MAX], b[SCOREBOARD_SAID_MAX];
    (void)state;
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    a[sizeof a - 1] = b[sizeof b - 1] = '\0';
    pid_t writer = fork();
    if (writer == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* where the test fails nobody else ends it */
    while (writer == 0) {
        scoreboard_say(&board->slots[1].worker, a);
        scoreboard_say(&board->slots[1].worker, b);
    }
    for (int i = 0; i < 200000; i++) {
        const char *text = said();
        assert_int_equal(strspn(text, text[0] == 'a' ? "a" : "b"), strlen(text));
    }
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
}

static void sums_are_of_those_that_left_and_those_there(void **state)
{
    struct scoreboard_totals totals;
    (void)state;
    board->header.connections = 100;
    board->header.bytes_in = 200;
    board->header.bytes_out = 300;
    board->header.crashes = 4;
    board->header.restarts = 5;
    for (uint32_t i = 0; i < SLOTS; i++) {
        board->slots[i].worker.connections = 1;
        board->slots[i].worker.bytes_in = i;
        board->slots[i].worker.bytes_out = 10 * i;
    }
    totals = (struct scoreboard_totals){0};
    scoreboard_sum(shown, SLOTS, &totals);
    assert_int_equal(totals.connections, 100 + SLOTS);
    assert_int_equal(totals.bytes_in, 200 + 10);
    assert_int_equal(totals.bytes_out, 300 + 100);
    assert_int_equal(totals.crashes, 4);
    assert_int_equal(totals.restarts, 5);
    totals = (struct scoreboard_totals){0};
    scoreboard_sum(shown, 2, &totals); /* only as many as we made */
    assert_int_equal(totals.connections, 102);
    struct scoreboard_totals twice = totals;
    scoreboard_sum(shown, 2, &twice); /* it adds */
    assert_int_equal(twice.connections, 2 * totals.connections);
    assert_int_equal(twice.bytes_out, 2 * totals.bytes_out);
    assert_int_equal(twice.restarts, 2 * totals.restarts);
}

static void each_worker_is_counted_once(void **state)
{
    struct scoreboard_totals totals;
    (void)state;
    board->slots[0].keeper.state = SCOREBOARD_STARTING;
    board->slots[1].keeper.state = SCOREBOARD_READY;
    board->slots[1].worker.phase = SCOREBOARD_IDLE;
    board->slots[2].keeper.state = SCOREBOARD_READY;
    board->slots[2].worker.phase = SCOREBOARD_BUSY;
    board->slots[3].keeper.state = SCOREBOARD_DRAINING;
    board->slots[3].worker.phase = SCOREBOARD_BUSY;
    board->slots[4].keeper.state = SCOREBOARD_FREE;
    board->slots[4].worker.phase = SCOREBOARD_BUSY;
    totals = (struct scoreboard_totals){0};
    scoreboard_sum(shown, SLOTS, &totals);
    assert_int_equal(totals.starting, 1);
    assert_int_equal(totals.idle, 1);
    assert_int_equal(totals.busy, 1);
    assert_int_equal(totals.draining, 1);
}

/* A program with its client counts and is shown as a busy worker. */
static void program_is_busy(void **state)
{
    struct scoreboard_totals totals = {0};
    struct scoreboard_view view;
    (void)state;
    board->slots[1].keeper.state = SCOREBOARD_READY;
    slot_begin(worker, client("tcp://192.0.2.1:4711"));
    slot_set_phase(worker, SCOREBOARD_PROGRAM);
    scoreboard_read(&shown->slots[1], &view);
    assert_int_equal(view.phase, SCOREBOARD_PROGRAM);
    assert_true(scoreboard_is_busy(view.phase));
    assert_string_equal(peer(), "192.0.2.1:4711");
    scoreboard_sum(shown, SLOTS, &totals);
    assert_int_equal(totals.busy, 1);
    assert_int_equal(totals.idle, 0);
    assert_false(scoreboard_is_busy(SCOREBOARD_PROGRAM + 1));
}

static void workers_in_no_known_state_are_not_counted(void **state)
{
    struct scoreboard_totals totals;
    (void)state;
    for (uint32_t i = 0; i < SLOTS; i++)
        board->slots[i].keeper.state = 4 + i * 1000;
    totals = (struct scoreboard_totals){0};
    scoreboard_sum(shown, SLOTS, &totals);
    assert_int_equal(totals.starting + totals.idle + totals.busy + totals.draining, 0);
}

static void a_board_is_known_by_its_descriptor(void **state)
{
    (void)state;
    assert_true(scoreboard_is(fd, SLOTS));
    assert_false(scoreboard_is(fd, SLOTS + 1));
    assert_false(scoreboard_is(-1, SLOTS));
    assert_false(scoreboard_is(0, SLOTS));
    int open = memfd_create("not sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat about;
    assert_int_equal(fstat(fd, &about), 0);
    assert_int_equal(ftruncate(open, about.st_size), 0);
    assert_false(scoreboard_is(open, SLOTS)); /* it could become shorter than its mapping */
    close(open);
}

static void every_state_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(scoreboard_state_names[SCOREBOARD_FREE], "free");
    assert_string_equal(scoreboard_state_names[SCOREBOARD_STARTING], "starting");
    assert_string_equal(scoreboard_state_names[SCOREBOARD_READY], "ready");
    assert_string_equal(scoreboard_state_names[SCOREBOARD_DRAINING], "draining");
}

static void what_cannot_be_mapped_is_an_error(void **state)
{
    (void)state;
    assert_null(scoreboard_map(-1, SLOTS, false));
    assert_int_equal(errno, EBADF);
    scoreboard_unmap(NULL, SLOTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(new_board_is_zeroed_and_whole, make, release),
        cmocka_unit_test_setup_teardown(nobody_changes_its_size, make, release),
        cmocka_unit_test_setup_teardown(no_cache_line_has_two_writers, make, release),
        cmocka_unit_test(a_connection_writes_two_lines),
        cmocka_unit_test_setup_teardown(view_shows_what_was_written, make, release),
        cmocka_unit_test_setup_teardown(view_of_rubbish_stays_in_range, make, release),
        cmocka_unit_test_setup_teardown(peer_is_shown_while_the_client_is_there, make, release),
        cmocka_unit_test_setup_teardown(half_written_peer_is_not_shown, make, release),
        cmocka_unit_test_setup_teardown(peer_of_rubbish_is_harmless, make, release),
        cmocka_unit_test_setup_teardown(what_a_program_said_is_shown, make, release),
        cmocka_unit_test_setup_teardown(too_much_said_is_cut, make, release),
        cmocka_unit_test_setup_teardown(what_cannot_be_shown_is_a_question_mark, make, release),
        cmocka_unit_test_setup_teardown(half_written_text_is_not_shown, make, release),
        cmocka_unit_test_setup_teardown(said_rubbish_is_harmless, make, release),
        cmocka_unit_test_setup_teardown(text_is_never_torn, make, release),
        cmocka_unit_test_setup_teardown(sums_are_of_those_that_left_and_those_there, make, release),
        cmocka_unit_test_setup_teardown(each_worker_is_counted_once, make, release),
        cmocka_unit_test_setup_teardown(program_is_busy, make, release),
        cmocka_unit_test_setup_teardown(workers_in_no_known_state_are_not_counted, make, release),
        cmocka_unit_test_setup_teardown(a_board_is_known_by_its_descriptor, make, release),
        cmocka_unit_test(every_state_has_its_name),
        cmocka_unit_test(what_cannot_be_mapped_is_an_error),
    };
    return cmocka_run_group_tests_name("scoreboard", tests, NULL, NULL);
}
