/* SPDX-License-Identifier: MIT
 *
 * einhorn_message_test - the acknowledgements that clients of einhorn send are understood, and
 * nothing else is taken for one.
 */
#include "supervisor/pool/einhorn_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define REFUSED (-1)

static long parse_bytes(const void *bytes, size_t length)
{
    /* On the heap and without a NUL: a sanitizer sees what reads on. */
    char *copy = malloc(length + (length == 0));
    pid_t pid = -2;
    memcpy(copy, bytes, length);
    int status = einhorn_message_parse(copy, length, &pid);
    free(copy);
    if (status == 0)
        assert_true(pid >= 0);
    return status < 0 ? REFUSED : pid;
}

static long parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void json_is_understood(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"command\":\"worker:ack\",\"pid\":1234}"), 1234);
    assert_int_equal(parse("{\"command\": \"worker:ack\", \"pid\": 1234}\r"), 1234);
    assert_int_equal(parse(" { \"pid\" : 7 , \"command\" : \"worker:ack\" } "), 7);
    assert_int_equal(parse("{\"id\":\"a,b}\",\"command\":\"worker:ack\",\"x\":true,\"pid\":7}"), 7);
    assert_int_equal(parse("{\"command\":\"worker:ack\",\"pid\":\"7\"}"), 7);
}

static void yaml_is_understood(void **state)
{
    (void)state;
    /* Ruby 1.8 and later, node, flow style. */
    assert_int_equal(parse("--- %0Acommand: worker:ack%0Apid: 1234%0A"), 1234);
    assert_int_equal(parse("---%0Acommand: worker:ack%0Apid: 1234%0A"), 1234);
    assert_int_equal(parse("---%0acommand:%20worker:ack%0apid:%201234"), 1234);
    assert_int_equal(parse("---%0A\"command\": 'worker:ack'%0Apid: 1234"), 1234);
    assert_int_equal(parse("pid: 1234%0Acommand: worker:ack"), 1234);
    assert_int_equal(parse("--- {command: worker:ack, pid: 1234}"), 1234);
    assert_int_equal(parse("---%0Ax: 100%25%0Acommand: worker:ack%0Apid: 12%0A"), 12);
}

static void pid_may_be_missing(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"command\":\"worker:ack\"}"), 0);
    assert_int_equal(parse("command: worker:ack"), 0);
}

static void other_commands_are_refused(void **state)
{
    static const char *const texts[] = {
        "{\"command\":\"ehlo\",\"user\":\"x\"}",
        "{\"command\":\"worker:acknowledge\",\"pid\":1}",
        "{\"command\":\"worker:ac\",\"pid\":1}",
        "{\"comand\":\"worker:ack\",\"pid\":1}",
        "{\"pid\":1}",
        "{\"command\":\"worker:ack\",\"pid\":1,\"command\":\"die\"}",
        "---%0Acommand: state%0A",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(parse(texts[i]), REFUSED);
}

static void other_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "{}",
        "---",
        "worker:ack",
        "{\"command\":\"worker:ack\"",
        "{\"command\":\"worker:ack\"}}",
        "{\"command\":\"worker:ack\"} x",
        "{\"command\":\"worker:ack\" \"pid\":1}",
        "{\"command\" \"worker:ack\"}",
        "{\"command\":\"worker:ack}",
        "{\"command\":\"worker\\u003aack\"}",
        "{\"command\":[\"worker:ack\"]}",
        "{\"command\":\"worker:ack\",\"pid\":{\"pid\":1}}",
        "{\"command\":\"worker:ack\",\"pid\":}",
        "[{\"command\":\"worker:ack\"}]",
        "command: worker:ack pid: 1",
        "command: worker:ack%0A}",
        "command: worker:ack%0A- pid: 1",
        "--- !ruby/object:Foo%0Acommand: worker:ack",
        "GET / HTTP/1.1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(parse(texts[i]), REFUSED);
    assert_int_equal(parse_bytes("command: worker:ack\0x", 21), REFUSED);
    assert_int_equal(parse("command: worker:ack%00"), REFUSED);
}

static void pids_that_are_none_are_refused(void **state)
{
    static const char *const pids[] = {
        "0", "-1", "1.5", "x", "0x10", "12a", "2147483648", "99999999999999999999", "\"\"", "null"};
    char text[100];
    (void)state;
    for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
        snprintf(text, sizeof text, "{\"command\":\"worker:ack\",\"pid\":%s}", pids[i]);
        assert_int_equal(parse(text), REFUSED);
    }
    assert_int_equal(parse("{\"command\":\"worker:ack\",\"pid\":2147483647}"), 2147483647);
}

static void length_is_bounded(void **state)
{
    static char text[EINHORN_MESSAGE_MAX + 1];
    static const char message[] = "command: worker:ack";
    (void)state;
    memset(text, ' ', sizeof text);
    memcpy(text, message, sizeof message - 1);
    assert_int_equal(parse_bytes(text, sizeof text - 1), 0);
    assert_int_equal(parse_bytes(text, sizeof text), REFUSED);
}

static void garbage_is_harmless(void **state)
{
    static const char letters[] = "{}\"':, \n%0A-command worker:ack pid12[]\\";
    unsigned char text[80];
    uint64_t random = 1;
    (void)state;
    for (int round = 0; round < 50000; round++) {
        size_t length = (size_t)round % sizeof text;
        for (size_t i = 0; i < length; i++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            unsigned char byte = (unsigned char)(random >> 56);
            text[i] = round % 2 ? byte : (unsigned char)letters[byte % (sizeof letters - 1)];
        }
        parse_bytes(text, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_understood),      cmocka_unit_test(yaml_is_understood),
        cmocka_unit_test(pid_may_be_missing),      cmocka_unit_test(other_commands_are_refused),
        cmocka_unit_test(other_texts_are_refused), cmocka_unit_test(pids_that_are_none_are_refused),
        cmocka_unit_test(length_is_bounded),       cmocka_unit_test(garbage_is_harmless),
    };
    return cmocka_run_group_tests_name("einhorn_message", tests, NULL, NULL);
}
