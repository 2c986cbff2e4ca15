/* SPDX-License-Identifier: MIT
 *
 * notify_message_test - what programs say with sd_notify(3) is understood; what they should not
 * say does no harm. Every message lies at the end of memory, so that reading on is noticed.
 */
#include "supervisor/pool/notify_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

static char *memory; /* followed by a page that cannot be read */
static size_t memory_size = 8192;
static struct notify_message message;

static int make(void **state)
{
    (void)state;
    memory =
        mmap(NULL, memory_size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? -1 : mprotect(memory + memory_size, 4096, PROT_NONE);
}

static int release(void **state)
{
    (void)state;
    return munmap(memory, memory_size + 4096);
}

static int parse_bytes(const void *bytes, size_t length)
{
    char *place = memory + memory_size - length;
    memcpy(place, bytes, length);
    memset(&message, 0xAA, sizeof message);
    return notify_message_parse(place, length, &message);
}

/* In the order of the structure, one letter each; "-" for nothing. */
static const char *parse(const char *text)
{
    static char flags[8];
    if (parse_bytes(text, strlen(text)) < 0)
        return "refused";
    snprintf(flags, sizeof flags, "%s%s%s%s%s%s", message.ready ? "r" : "",
             message.reloading ? "R" : "", message.stopping ? "s" : "", message.alive ? "w" : "",
             message.triggered ? "t" : "", message.has_status ? "S" : "");
    return flags[0] ? flags : "-";
}

static void each_line_is_known(void **state)
{
    (void)state;
    assert_string_equal(parse("READY=1"), "r");
    assert_string_equal(parse("RELOADING=1"), "R");
    assert_string_equal(parse("STOPPING=1"), "s");
    assert_string_equal(parse("WATCHDOG=1"), "w");
    assert_string_equal(parse("WATCHDOG=trigger"), "t");
    assert_string_equal(parse("STATUS=at work"), "S");
    assert_string_equal(message.status, "at work");
}

static void lines_come_together(void **state)
{
    (void)state;
    assert_string_equal(parse("READY=1\nSTATUS=loaded 3 = all\nWATCHDOG=1\n"), "rwS");
    assert_string_equal(message.status, "loaded 3 = all");
    assert_string_equal(parse("\n\nREADY=1\n\n"), "r");
}

static void others_are_skipped(void **state)
{
    (void)state;
    assert_string_equal(parse("MAINPID=1\nERRNO=2\nFDSTORE=1\nX_MINE=READY=1\nBARRIER=1"), "-");
    assert_string_equal(parse("MAINPID=1\nREADY=1\nEXTEND_TIMEOUT_USEC=5"), "r");
    assert_string_equal(parse("="), "-");
    assert_string_equal(parse("\n"), "-");
    assert_string_equal(message.status, "");
}

static void nearly_right_is_wrong(void **state)
{
    static const char *const texts[] = {"READY=0",    "READY=10",   "READY=1 ",        " READY=1",
                                        "READY=1\r",  "READY",      "READY=",          "ready=1",
                                        "WATCHDOG=",  "WATCHDOG=0", "WATCHDOG=11",     "STATUS",
                                        "STOPPING=2", "RELOADING=", "WATCHDOG=Trigger"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_string_equal(parse(texts[i]), "-");
}

static void first_status_counts_and_may_be_empty(void **state)
{
    (void)state;
    assert_string_equal(parse("STATUS=\nSTATUS=b"), "S");
    assert_string_equal(message.status, "");
    assert_string_equal(parse("STATUS=a\nSTATUS=b"), "S");
    assert_string_equal(message.status, "a");
}

static void long_status_is_cut_between_characters(void **state)
{
    char text[200];
    (void)state;
    /* What does not fit starts at each byte of a three-byte character in turn. */
    for (size_t shift = 0; shift < 6; shift++) {
        memcpy(text, "STATUS=", 7);
        memset(text + 7, 'x', shift);
        size_t length = 7 + shift;
        for (; length + 3 < sizeof text; length += 3)
            memcpy(text + length, "\xE2\x82\xAC", 3);
        assert_int_equal(parse_bytes(text, length), 0);
        size_t kept = strlen(message.status);
        assert_in_range(kept, sizeof message.status - 3, sizeof message.status - 1);
        assert_int_equal((kept - shift) % 3, 0);
    }
    memset(text + 7, 'x', 150);
    assert_int_equal(parse_bytes(text, 157), 0);
    assert_int_equal(strlen(message.status), sizeof message.status - 1);
    memset(text + 7, 0x80, 150); /* no UTF-8 at all */
    assert_int_equal(parse_bytes(text, 157), 0);
    assert_int_equal(strlen(message.status), sizeof message.status - 1);
}

static void length_is_bounded(void **state)
{
    static char text[NOTIFY_MESSAGE_MAX + 1];
    (void)state;
    assert_int_equal(parse_bytes("", 0), -1);
    assert_false(message.has_status);
    memset(text, '\n', sizeof text);
    memcpy(text + sizeof text - 8, "READY=1", 7);
    assert_int_equal(parse_bytes(text, sizeof text - 1), 0);
    assert_true(message.ready);
    assert_int_equal(parse_bytes(text, sizeof text), -1);
    assert_false(message.ready);
}

static void nul_is_refused_but_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(parse_bytes("READY=1", 8), 0);
    assert_true(message.ready);
    assert_int_equal(parse_bytes("READY=1\0\0", 9), -1);
    assert_false(message.ready);
    assert_int_equal(parse_bytes("STATUS=a\0b\nREADY=1", 18), -1);
    assert_false(message.ready);
    assert_int_equal(parse_bytes("", 1), 0);
}

static void garbage_is_harmless(void **state)
{
    static const char letters[] = "READY=1\nSTATUS=\xE2\x82WATCHDOG=1\nx";
    unsigned char text[300];
    uint64_t random = 1;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t length = (size_t)round % sizeof text;
        for (size_t i = 0; i < length; i++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            unsigned char byte = (unsigned char)(random >> 56);
            text[i] = round % 2 ? byte : (unsigned char)letters[byte % (sizeof letters - 1)];
        }
        if (parse_bytes(text, length) == 0)
            assert_true(strlen(message.status) < sizeof message.status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_known),
        cmocka_unit_test(lines_come_together),
        cmocka_unit_test(others_are_skipped),
        cmocka_unit_test(nearly_right_is_wrong),
        cmocka_unit_test(first_status_counts_and_may_be_empty),
        cmocka_unit_test(long_status_is_cut_between_characters),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(nul_is_refused_but_at_the_end),
        cmocka_unit_test(garbage_is_harmless),
    };
    return cmocka_run_group_tests_name("notify_message", tests, make, release);
}
