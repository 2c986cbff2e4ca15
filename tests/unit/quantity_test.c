/* SPDX-License-Identifier: MIT
 *
 * quantity_test - what people write is read exactly or refused, and what is printed reads back.
 */
#include "lib/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <math.h>

#define UNTOUCHED        INT64_C(-4711)
#define HUNDRED_YEARS_MS (INT64_C(876000) * 3600 * 1000)
#define LENGTH(array)    (sizeof(array) / sizeof *(array))

struct reading {
    const char *text;
    int64_t value;
};

static void expect_all(int (*parse)(const char *, int64_t *), const struct reading *rows,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = UNTOUCHED;
        if (parse(rows[i].text, &value) != 0)
            fail_msg("\"%s\" was refused", rows[i].text);
        if (value != rows[i].value)
            fail_msg("\"%s\" was read as %lld", rows[i].text, (long long)value);
    }
}

static void expect_refused(int (*parse)(const char *, int64_t *), const char *const *texts,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = UNTOUCHED;
        if (parse(texts[i], &value) != -1)
            fail_msg("\"%s\" was taken for %lld", texts[i], (long long)value);
        assert_int_equal(value, UNTOUCHED);
    }
}

static void durations_have_units(void **state)
{
    static const struct reading rows[] = {
        {"250ms", 250},
        {"60s", 60000},
        {"5m", 300000},
        {"2h", 7200000},
        {"1.5m", 90000},
        {"0.25h", 900000},
        {"5 s", 5000},
        {"007s", 7000},
        {"0", 0},
        {"0ms", 0},
        {"876000h", HUNDRED_YEARS_MS},
    };
    (void)state;
    expect_all(quantity_parse_duration, rows, LENGTH(rows));
}

static void bare_number_is_seconds(void **state)
{
    static const struct reading rows[] = {{"60", 60000}, {"0.5", 500}, {"1", 1000}};
    (void)state;
    expect_all(quantity_parse_duration, rows, LENGTH(rows));
}

static void fractions_are_rounded_to_the_next_millisecond(void **state)
{
    static const struct reading rows[] = {{"1.4ms", 1}, {"1.6ms", 2}, {"0.0016s", 2}};
    (void)state;
    expect_all(quantity_parse_duration, rows, LENGTH(rows));
}

static void other_durations_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "s",
        "ms",
        "-1",
        "-5s",
        "+5s",
        " 5s",
        "5s ",
        "5x",
        "5S",
        "5 m s",
        "5s5",
        "1e5",
        "0x10",
        "inf",
        "nan",
        ".5s",
        "1.2.3s",
        "1,5s",
        "1..5s",
        "5\ts",
        "876001h",
        "99999999999999999999h",
        "1111111111111111111111111111111111111111111111111111111111s",
    };
    (void)state;
    expect_refused(quantity_parse_duration, texts, LENGTH(texts));
}

static void sizes_are_powers_of_1024(void **state)
{
    static const struct reading rows[] = {
        {"0", 0},
        {"512", 512},
        {"64K", 65536},
        {"1.5K", 1536},
        {"16M", INT64_C(16) << 20},
        {"2G", INT64_C(2) << 30},
        {"1073741824G", INT64_C(1) << 60},
        /* More digits than a double has. */
        {"9007199254740993", INT64_C(9007199254740993)},
        {"1152921504606846975", (INT64_C(1) << 60) - 1},
    };
    (void)state;
    expect_all(quantity_parse_size, rows, LENGTH(rows));
}

static void other_sizes_are_refused(void **state)
{
    static const char *const texts[] = {"",     "K",  "-1",          "64k",
                                        "64KB", "1T", "5s",          "1e3",
                                        "0x1",  " 1", "1073741825G", "1152921504606846977"};
    (void)state;
    expect_refused(quantity_parse_size, texts, LENGTH(texts));
}

static void counts_are_whole_decimal_numbers(void **state)
{
    static const struct reading rows[] = {
        {"0", 0}, {"42", 42}, {"0042", 42}, {"9223372036854775807", INT64_MAX}};
    (void)state;
    expect_all(quantity_parse_count, rows, LENGTH(rows));
}

static void other_counts_are_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "0x10",
                                        "1K",
                                        "one",
                                        "9223372036854775808",
                                        "99999999999999999999999999999"};
    (void)state;
    expect_refused(quantity_parse_count, texts, LENGTH(texts));
}

static void seconds_become_milliseconds(void **state)
{
    int64_t ms = UNTOUCHED;
    (void)state;
    assert_int_equal(quantity_seconds(0, &ms), 0);
    assert_int_equal(ms, 0);
    assert_int_equal(quantity_seconds(60, &ms), 0);
    assert_int_equal(ms, 60000);
    assert_int_equal(quantity_seconds(0.25, &ms), 0);
    assert_int_equal(ms, 250);
    assert_int_equal(quantity_seconds(876000.0 * 3600, &ms), 0);
    assert_true(ms == HUNDRED_YEARS_MS);
}

static void seconds_that_are_none_are_refused(void **state)
{
    const double numbers[] = {-0.001, -INFINITY, NAN, INFINITY, 1e300, 876000.0 * 3600 + 1};
    (void)state;
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        int64_t ms = UNTOUCHED;
        assert_int_equal(quantity_seconds(numbers[i], &ms), -1);
        assert_int_equal(ms, UNTOUCHED);
    }
}

static void print_takes_the_greatest_exact_unit(void **state)
{
    static const struct reading rows[] = {
        {"0s", 0},        {"1ms", 1},        {"999ms", 999},     {"1s", 1000},
        {"1500ms", 1500}, {"1m", 60000},     {"90s", 90000},     {"1h", 3600000},
        {"90m", 5400000}, {"24h", 86400000}, {"3661s", 3661000}, {"876000h", HUNDRED_YEARS_MS},
    };
    char text[QUANTITY_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_string_equal(quantity_print_duration(rows[i].value, text), rows[i].text);
}

static void what_is_printed_reads_back(void **state)
{
    static const int64_t scales[] = {1, 10, 1000, 30000, 60000, 1800000, 3600000};
    uint64_t random = 4711;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[QUANTITY_TEXT_MAX];
        int64_t read = UNTOUCHED;
        random = random * 6364136223846793005U + 1442695040888963407U;
        int64_t scale = scales[i % (int)LENGTH(scales)];
        int64_t ms = (int64_t)(random >> 20) % (HUNDRED_YEARS_MS / scale) * scale;
        assert_int_equal(quantity_parse_duration(quantity_print_duration(ms, text), &read), 0);
        assert_true(read == ms);
    }
}

static void sizes_are_printed_in_the_greatest_exact_unit(void **state)
{
    static const struct reading rows[] = {
        {"0", 0},
        {"1", 1},
        {"1023", 1023},
        {"1K", 1024},
        {"1536", 1536},
        {"1M", 1 << 20},
        {"1025K", 1049600},
        {"1G", 1 << 30},
        {"1025M", INT64_C(1025) << 20},
        {"2G", INT64_C(2) << 30},
        {"1073741823", (1 << 30) - 1},
        {"1073741824G", INT64_C(1) << 60},
    };
    char text[QUANTITY_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_string_equal(quantity_print_size(rows[i].value, text), rows[i].text);
}

static void printed_sizes_read_back(void **state)
{
    static const int shifts[] = {0, 1, 10, 13, 20, 30};
    uint64_t random = 4711;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[QUANTITY_TEXT_MAX];
        int64_t read = UNTOUCHED;
        random = random * 6364136223846793005U + 1442695040888963407U;
        int64_t size = (int64_t)(random >> (4 + i % 56)) >> shifts[i % 6] << shifts[i % 6];
        assert_int_equal(quantity_parse_size(quantity_print_size(size, text), &read), 0);
        if (read != size)
            fail_msg("%s was read as %lld", text, (long long)read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(bare_number_is_seconds),
        cmocka_unit_test(fractions_are_rounded_to_the_next_millisecond),
        cmocka_unit_test(other_durations_are_refused),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(counts_are_whole_decimal_numbers),
        cmocka_unit_test(other_counts_are_refused),
        cmocka_unit_test(seconds_become_milliseconds),
        cmocka_unit_test(seconds_that_are_none_are_refused),
        cmocka_unit_test(print_takes_the_greatest_exact_unit),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(sizes_are_printed_in_the_greatest_exact_unit),
        cmocka_unit_test(printed_sizes_read_back),
    };
    return cmocka_run_group_tests_name("quantity", tests, NULL, NULL);
}
