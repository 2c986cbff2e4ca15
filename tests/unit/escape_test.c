/* SPDX-License-Identifier: MIT
 *
 * escape_test - no byte a client can send breaks a log line, hides in it or is lost without a mark.
 */
#include "lib/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <jansson.h>
#include <stdint.h>

#define MARK "\xEF\xBF\xBD" /* U+FFFD */

static char out[1024];

/* The escaped form of LENGTH BYTES, which must not need cutting. */
static const char *escape_bytes(const char *bytes, size_t length)
{
    bool cut = false;
    memset(out, '#', sizeof out);
    size_t used = escape_write(out, sizeof out - 1, bytes, length, &cut);
    assert_false(cut);
    assert_true(used < sizeof out);
    assert_int_equal(out[used], '#'); /* nothing behind the end */
    out[used] = '\0';
    return out;
}

static const char *escape(const char *text)
{
    return escape_bytes(text, strlen(text));
}

static void plain_text_stays(void **state)
{
    (void)state;
    assert_string_equal(escape(""), "");
    assert_string_equal(escape("GET /index.html?a=b&c=d HTTP/1.1 ~"),
                        "GET /index.html?a=b&c=d HTTP/1.1 ~");
}

static void well_formed_utf8_stays(void **state)
{
    static const char *const texts[] = {
        "\xC3\xA4",         "\xC2\xA0",         "\xDF\xBF",         /* two bytes, first and last */
        "\xE0\xA0\x80",     "\xE4\xBD\xA0",     "\xED\x9F\xBF",     /* up to the surrogates */
        "\xEE\x80\x80",     "\xEF\xBF\xBF",                         /* and behind them */
        "\xF0\x90\x80\x80", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", /* up to U+10FFFF */
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_string_equal(escape(texts[i]), texts[i]);
}

static void ill_formed_bytes_are_marked(void **state)
{
    static const struct {
        const char *bytes, *escaped;
    } rows[] = {
        {"a\x80z", "a" MARK "z"},                          /* continuation alone */
        {"\xFF\xFE", MARK MARK},                           /* never in UTF-8 */
        {"\xC0\xAF", MARK MARK},                           /* overlong / */
        {"\xC1\xBF", MARK MARK},                           /* overlong DEL */
        {"\xE0\x80\xAF", MARK MARK MARK},                  /* overlong in three */
        {"\xE0\x9F\xBF", MARK MARK MARK},                  /* the greatest of those */
        {"\xF0\x80\x80\xAF", MARK MARK MARK MARK},         /* overlong in four */
        {"\xF0\x8F\xBF\xBF", MARK MARK MARK MARK},         /* the greatest of those */
        {"\xED\xA0\x80", MARK MARK MARK},                  /* first surrogate */
        {"\xED\xBF\xBF", MARK MARK MARK},                  /* last surrogate */
        {"\xF4\x90\x80\x80", MARK MARK MARK MARK},         /* U+110000 */
        {"\xF5\x80\x80\x80", MARK MARK MARK MARK},         /* beyond */
        {"\xC3", MARK},                                    /* truncated, at the end */
        {"\xE4\xBD", MARK MARK},                           /* the same in three */
        {"\xF0\x9F\x98", MARK MARK MARK},                  /* the same in four */
        {"\xC3z", MARK "z"},                               /* truncated by a letter */
        {"\xE4\xBDz", MARK MARK "z"},                      /* the letter survives */
        {"\xE4\xC3\xA4", MARK "\xC3\xA4"},                 /* so does a character */
        {"\xC3\xA4\xA4", "\xC3\xA4" MARK},                 /* one too many */
        {"\xF0\x9F\x98\x80\x80", "\xF0\x9F\x98\x80" MARK}, /* the same in four */
        {"\xC4\xE3\xBA\xC3", MARK MARK MARK MARK},         /* GBK */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(escape(rows[i].bytes), rows[i].escaped);
}

static void bytes_behind_the_end_are_not_read(void **state)
{
    (void)state;
    assert_string_equal(escape_bytes("\xC3\xA4", 1), MARK);
    assert_string_equal(escape_bytes("\xE4\xBD\xA0", 2), MARK MARK);
    assert_string_equal(escape_bytes("\xF0\x9F\x98\x80", 3), MARK MARK MARK);
}

static void quotes_and_line_ends_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(escape("a\"b\\c"), "a\\\"b\\\\c");
    assert_string_equal(escape("1\n2\r3\t4"), "1\\n2\\r3\\t4");
}

static void control_characters_are_escaped(void **state)
{
    char bytes[2], expected[8];
    (void)state;
    assert_string_equal(escape_bytes("\0", 1), "\\u0000");
    for (int c = 1; c < 0x20; c++) {
        if (strchr("\n\r\t", c))
            continue;
        bytes[0] = (char)c;
        snprintf(expected, sizeof expected, "\\u%04x", (unsigned)c);
        assert_string_equal(escape_bytes(bytes, 1), expected);
    }
    assert_string_equal(escape("\x1B[31m"), "\\u001b[31m");
    assert_string_equal(escape("\x7F"), "\\u007f");
}

static void c1_control_characters_are_escaped(void **state)
{
    char bytes[3] = "\xC2";
    char expected[8];
    (void)state;
    for (int c = 0x80; c <= 0x9F; c++) {
        bytes[1] = (char)c;
        snprintf(expected, sizeof expected, "\\u%04x", (unsigned)c);
        assert_string_equal(escape_bytes(bytes, 2), expected);
    }
}

static void characters_that_hide_or_reorder_are_escaped(void **state)
{
    static const struct {
        const char *bytes, *escaped;
    } rows[] = {
        {"\xE2\x80\x8B", "\\u200b"}, /* zero width space */
        {"\xE2\x80\x8F", "\\u200f"}, /* right-to-left mark */
        {"\xE2\x80\xA8", "\\u2028"}, /* line separator */
        {"\xE2\x80\xA9", "\\u2029"}, /* paragraph separator */
        {"\xE2\x80\xAA", "\\u202a"}, /* left-to-right embedding */
        {"\xE2\x80\xAE", "\\u202e"}, /* right-to-left override */
        {"\xE2\x81\xA6", "\\u2066"}, /* left-to-right isolate */
        {"\xE2\x81\xA9", "\\u2069"}, /* pop directional isolate */
        {"\xD8\x9C", "\\u061c"},     /* Arabic letter mark */
        {"\xEF\xBB\xBF", "\\ufeff"}, /* byte order mark */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(escape(rows[i].bytes), rows[i].escaped);
    assert_string_equal(escape("\xE2\x80\x90\xE2\x80\xA7\xE2\x80\xAF"),
                        "\xE2\x80\x90\xE2\x80\xA7\xE2\x80\xAF"); /* the neighbours are not */
}

static void cut_stops_before_what_does_not_fit(void **state)
{
    static const struct {
        const char *text;
        size_t room;
        const char *kept;
    } rows[] = {
        {"abc", 2, "ab"},
        {"ab\n", 3, "ab"},
        {"ab\x01", 7, "ab"},
        {"ab\xC3\xA4", 3, "ab"},
        {"ab\xE4\xBD\xA0", 4, "ab"},
        {"ab\xF0\x9F\x98\x80", 5, "ab"},
        {"ab\xFF", 4, "ab"},
        {"a", 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool cut = false;
        memset(out, '#', sizeof out);
        size_t used = escape_write(out, rows[i].room, rows[i].text, strlen(rows[i].text), &cut);
        assert_true(cut);
        assert_int_equal(used, strlen(rows[i].kept));
        assert_memory_equal(out, rows[i].kept, used);
        assert_int_equal(out[used], '#');
    }
}

static void exact_room_is_enough(void **state)
{
    static const char text[] = "a\"\n\x01\xC3\xA4\xE4\xBD\xA0\xF0\x9F\x98\x80\xFF";
    const size_t size = 1 + 2 + 2 + 6 + 2 + 3 + 4 + 3;
    bool cut = false;
    (void)state;
    assert_int_equal(escape_write(out, size, text, sizeof text - 1, &cut), size);
    assert_false(cut);
    assert_true(escape_write(out, size - 1, text, sizeof text - 1, &cut) < size);
    assert_true(cut);
}

static void cut_is_only_ever_set(void **state)
{
    bool cut = true;
    (void)state;
    escape_write(out, sizeof out, "a", 1, &cut);
    assert_true(cut); /* by an earlier value of the same line */
}

/* Whatever the bytes and the room: within the room, valid in JSON, no control character left. */
static void random_bytes_are_always_valid_json(void **state)
{
    uint64_t random = 1;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char bytes[24], text[200] = "[\"";
        size_t length = (size_t)(round % (int)sizeof bytes);
        size_t room = (size_t)round % 97;
        bool cut = false;
        for (size_t i = 0; i < length; i++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            bytes[i] = (char)(random >> 40);
            if (random >> 62 == 0)
                bytes[i] = "\xE2\x80\xF0\x9F\"\\\n\xED"[random >> 32 & 7];
        }
        size_t used = escape_write(text + 2, room, bytes, length, &cut);
        assert_true(used <= room);
        assert_true(cut || used >= length);
        for (size_t i = 0; i < used; i++)
            assert_true((unsigned char)text[2 + i] >= 0x20 && text[2 + i] != 0x7F);
        memcpy(text + 2 + used, "\"]", 3);
        json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);
        if (!json)
            fail_msg("not JSON: %s", text);
        json_decref(json);
    }
}

static bool plain(const char *text)
{
    return escape_is_plain(text, strlen(text));
}

static void plain_is_what_stays_as_it_is(void **state)
{
    static const char *const plain_ones[] = {"",         "GET / HTTP/1.1", "say \"hi\" \\ there",
                                             "\xC3\xA4", "\xE4\xBD\xA0",   "\xF0\x9F\x98\x80"};
    static const char *const others[] = {
        "\n",       "\t",           "a\x01",           "\x1B[31m", "\x7F",
        "\xC2\x9B", "\xE2\x80\xAE", "\xEF\xBB\xBF",    "\xFF",     "\xC3",
        "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof plain_ones / sizeof *plain_ones; i++)
        assert_true(plain(plain_ones[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(plain(others[i]));
    assert_false(escape_is_plain("a\0b", 3));
    assert_false(escape_is_plain("\xE4\xBD\xA0", 2));
}

static const char *for_people(const char *bytes, size_t length, size_t size)
{
    memset(out, '#', sizeof out);
    escape_text(out, size, bytes, length);
    assert_int_equal(out[size], '#'); /* nothing behind the end */
    return out;
}

static void text_for_people(void **state)
{
    (void)state;
    assert_string_equal(for_people("", 0, 1), "");
    assert_string_equal(for_people("say \"hi\" \\", 10, 20), "say \"hi\" \\");
    assert_string_equal(for_people("\x1B[31m\r", 6, 20), "\\u001b[31m\\r");
    assert_string_equal(for_people("a\0b", 3, 20), "a\\u0000b");
    assert_string_equal(for_people("abcd", 4, 5), "abcd");
    assert_string_equal(for_people("abcde", 5, 5), "abcd");
    assert_string_equal(for_people("abc\xC3\xA4", 5, 5), "abc");
    assert_string_equal(for_people("ab\x1B", 3, 5), "ab");
    assert_string_equal(for_people("\xC3\xA4 and so on", 1, 20), MARK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(text_for_people),
        cmocka_unit_test(well_formed_utf8_stays),
        cmocka_unit_test(ill_formed_bytes_are_marked),
        cmocka_unit_test(bytes_behind_the_end_are_not_read),
        cmocka_unit_test(quotes_and_line_ends_are_escaped),
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(c1_control_characters_are_escaped),
        cmocka_unit_test(characters_that_hide_or_reorder_are_escaped),
        cmocka_unit_test(cut_stops_before_what_does_not_fit),
        cmocka_unit_test(exact_room_is_enough),
        cmocka_unit_test(cut_is_only_ever_set),
        cmocka_unit_test(plain_is_what_stays_as_it_is),
        cmocka_unit_test(random_bytes_are_always_valid_json),
    };
    return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
