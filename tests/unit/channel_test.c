/* SPDX-License-Identifier: MIT
 *
 * channel_test - messages arrive whole or not at all, with the descriptor that was sent, and no
 * rubbish passes for one.
 */
#include "lib/channel.h"

#include "lib/fds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];
static struct channel_message message;
static int passed;

static int open_pair(void **state)
{
    (void)state;
    memset(&message, 0, sizeof message);
    passed = -1;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int close_pair(void **state)
{
    (void)state;
    fds_close(&passed);
    fds_close(&ends[0]);
    fds_close(&ends[1]);
    return 0;
}

/* Descriptors this process has open. */
static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static struct channel_message sound(void)
{
    return (struct channel_message){
        .magic = CHANNEL_MAGIC, .type = CHANNEL_READY, .value = 7, .limit = 8, .text = "text"};
}

/* Send these bytes as they are; they must not be taken for a message, and the next sound one must.
 */
static void expect_rubbish(const void *bytes, size_t length)
{
    assert_int_equal(send(ends[0], bytes, length, 0), length);
    errno = 0;
    assert_int_equal(channel_receive(ends[1], &message, &passed), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(passed, -1);
    assert_int_equal(channel_send(ends[0], CHANNEL_DRAIN, 0, 0, NULL, -1), 0);
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
    assert_int_equal(message.type, CHANNEL_DRAIN);
}

static void message_arrives_as_it_was_sent(void **state)
{
    (void)state;
    assert_int_equal(channel_send(ends[0], CHANNEL_HEALTH, 3, UINT32_MAX, "two are missing", -1),
                     0);
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
    assert_int_equal(message.type, CHANNEL_HEALTH);
    assert_int_equal(message.value, 3);
    assert_int_equal(message.limit, UINT32_MAX);
    assert_string_equal(message.text, "two are missing");
    assert_int_equal(passed, -1);
}

static void messages_keep_their_order_and_bounds(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(channel_send(ends[0], CHANNEL_SET_WORKERS, i, 0, NULL, -1), 0);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
        assert_int_equal(message.value, i);
        assert_string_equal(message.text, "");
    }
}

static void long_text_is_cut(void **state)
{
    char text[2000];
    (void)state;
    memset(text, 't', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(channel_send(ends[0], CHANNEL_FAILED, 0, 0, text, -1), 0);
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
    assert_int_equal(strlen(message.text), sizeof message.text - 1);
}

static void both_directions(void **state)
{
    (void)state;
    assert_int_equal(channel_send(ends[1], CHANNEL_READY, 1, 1, NULL, -1), 0);
    assert_int_equal(channel_send(ends[0], CHANNEL_DRAIN, 0, 0, NULL, -1), 0);
    assert_int_equal(channel_receive(ends[0], &message, &passed), 1);
    assert_int_equal(message.type, CHANNEL_READY);
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
    assert_int_equal(message.type, CHANNEL_DRAIN);
}

static void nothing_there_is_not_the_end(void **state)
{
    (void)state;
    assert_int_equal(channel_receive(ends[1], &message, &passed), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(passed, -1);
}

static void closed_end_is_the_end(void **state)
{
    (void)state;
    channel_send(ends[0], CHANNEL_DRAIN, 0, 0, NULL, -1);
    fds_close(&ends[0]);
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1); /* last words first */
    assert_int_equal(channel_receive(ends[1], &message, &passed), 0);
    assert_int_equal(channel_send(ends[1], CHANNEL_DRAIN, 0, 0, NULL, -1), -1);
    assert_int_equal(errno, EPIPE);
}

static void reader_that_does_not_read_is_not_waited_for(void **state)
{
    int sent = 0;
    (void)state;
    while (channel_send(ends[0], CHANNEL_HEALTH, 0, 0, "x", -1) == 0)
        assert_true(++sent < 100000);
    assert_int_equal(errno, EAGAIN);
    assert_true(sent > 0);
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
}

static void wrong_sizes_are_rubbish(void **state)
{
    char bytes[sizeof message + 8] = {0};
    struct channel_message whole = sound();
    (void)state;
    memcpy(bytes, &whole, sizeof whole);
    expect_rubbish(bytes, 1);
    expect_rubbish(bytes, sizeof whole - 1);
    expect_rubbish(bytes, sizeof whole + 1);
    expect_rubbish(bytes, sizeof bytes);
}

static void wrong_magic_is_rubbish(void **state)
{
    struct channel_message wrong = sound();
    (void)state;
    wrong.magic ^= 1;
    expect_rubbish(&wrong, sizeof wrong);
    wrong.magic = 0;
    expect_rubbish(&wrong, sizeof wrong);
}

static void wrong_types_are_rubbish(void **state)
{
    const uint32_t types[] = {CHANNEL_NONE, CHANNEL_FAILED + 1, 1000, UINT32_MAX};
    struct channel_message wrong = sound();
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        wrong.type = types[i];
        expect_rubbish(&wrong, sizeof wrong);
    }
    wrong.type = CHANNEL_FAILED;
    assert_int_equal(send(ends[0], &wrong, sizeof wrong, 0), sizeof wrong);
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
}

static void text_without_an_end_is_rubbish(void **state)
{
    struct channel_message wrong = sound();
    (void)state;
    memset(wrong.text, 't', sizeof wrong.text);
    expect_rubbish(&wrong, sizeof wrong);
    wrong.text[sizeof wrong.text - 1] = '\0';
    assert_int_equal(send(ends[0], &wrong, sizeof wrong, 0), sizeof wrong);
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
}

static void descriptor_travels_along(void **state)
{
    int pipes[2];
    char byte = 0;
    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(channel_send(ends[0], CHANNEL_REOPEN, 0, 0, NULL, pipes[1]), 0);
    assert_true(fcntl(pipes[1], F_GETFD) >= 0); /* it stays the sender's, too */
    assert_int_equal(channel_receive(ends[1], &message, &passed), 1);
    assert_int_equal(message.type, CHANNEL_REOPEN);
    assert_true(passed >= 0);
    assert_int_not_equal(passed, pipes[1]);
    assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(passed, "!", 1), 1);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(byte, '!');
    close(pipes[0]);
    close(pipes[1]);
}

static void descriptor_of_rubbish_is_closed(void **state)
{
    struct channel_message wrong = sound();
    int before = count_descriptors();
    (void)state;
    wrong.magic = 0;
    assert_int_equal(fds_send(ends[0], &wrong, sizeof wrong, STDIN_FILENO), 0);
    assert_int_equal(channel_receive(ends[1], &message, &passed), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(passed, -1);
    assert_int_equal(fds_send(ends[0], "short", 5, STDIN_FILENO), 0);
    assert_int_equal(channel_receive(ends[1], &message, &passed), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(passed, -1);
    assert_int_equal(count_descriptors(), before);
}

/* More descriptors than a message may have, sent by somebody who means no good. */
static void send_descriptors(int count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    struct channel_message whole = sound();
    struct iovec part = {.iov_base = &whole, .iov_len = sizeof whole};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    for (int i = 0; i < count; i++)
        memcpy(CMSG_DATA(header) + (size_t)i * sizeof i, &ends[0], sizeof i);
    assert_int_equal(sendmsg(ends[0], &packet, 0), sizeof whole);
}

static void surplus_descriptors_do_not_pile_up(void **state)
{
    int before = count_descriptors();
    (void)state;
    for (int count = 2; count <= 8; count++) {
        send_descriptors(count);
        errno = 0;
        assert_int_equal(channel_receive(ends[1], &message, &passed), -1);
        assert_int_equal(errno, EBADMSG);
        assert_int_equal(passed, -1);
        assert_int_equal(count_descriptors(), before);
    }
}

static void every_type_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(channel_name(CHANNEL_NONE), "none");
    assert_string_equal(channel_name(CHANNEL_DRAIN), "DRAIN");
    assert_string_equal(channel_name(CHANNEL_SET_WORKERS), "SET_WORKERS");
    assert_string_equal(channel_name(CHANNEL_FAILED), "FAILED");
    assert_string_equal(channel_name((enum channel_type)(CHANNEL_FAILED + 1)), "unknown");
    assert_string_equal(channel_name((enum channel_type)UINT32_MAX), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(message_arrives_as_it_was_sent, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(messages_keep_their_order_and_bounds, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(long_text_is_cut, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(both_directions, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(nothing_there_is_not_the_end, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(closed_end_is_the_end, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(reader_that_does_not_read_is_not_waited_for, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(wrong_sizes_are_rubbish, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(wrong_magic_is_rubbish, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(wrong_types_are_rubbish, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(text_without_an_end_is_rubbish, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(descriptor_travels_along, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(descriptor_of_rubbish_is_closed, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(surplus_descriptors_do_not_pile_up, open_pair, close_pair),
        cmocka_unit_test(every_type_has_its_name),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
