/* SPDX-License-Identifier: MIT
 *
 * config_number_test - which integers of a configuration file would be misread.
 */
#include "lib/config_number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static enum config_number_state state;

/* What is found in LINE, each with a blank behind it. */
static void expect(const char *line, const char *wanted)
{
    char found[256] = "";
    size_t length;
    const char *at = line, *word;
    while ((word = config_number_find(&at, &state, &length))) {
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%.*s ", (int)length, word);
    }
    if (strcmp(found, wanted) != 0)
        fail_msg("%s: found \"%s\", not \"%s\"", line, found, wanted);
}

static int begin(void **unused)
{
    (void)unused;
    state = CONFIG_NUMBER_CODE;
    return 0;
}

static void what_fits_is_well(void **unused)
{
    (void)unused;
    expect("workers = 4;", "");
    expect("a = 2147483647; b = -2147483648; c = +2147483647;", "");
    expect("a = 0x7FFFFFFF;b=[1,2,3];c = 000000000000000000001;", "");
}

static void what_needs_more_bits_is_found(void **unused)
{
    (void)unused;
    expect("as = 8589934592;", "8589934592 ");
    expect("a = 2147483648; b = -2147483649;", "2147483648 -2147483649 ");
    expect("a=[1,4294967300,2];", "4294967300 ");
    expect("a = 0x80000000;", "0x80000000 ");
    expect("a = 99999999999999999999;", "99999999999999999999 ");
}

static void long_ones_have_64(void **unused)
{
    (void)unused;
    expect("a = 8589934592L; b = 0x80000000L; c = 9223372036854775807LL;", "");
    expect("a = 9223372036854775808L;", "9223372036854775808L ");
}

static void other_values_are_no_integers(void **unused)
{
    (void)unused;
    expect("a = 8589934592.0; b = 1e99; c = 8589934592.5e3; d = \"8589934592\";", "");
    expect("x8589934592 = 1; a-8589934592 = 2; y_4294967300 = true;", "");
    expect("a = \"\\\"8589934592\"; b = \"\\\\\"; c = 4294967300;", "4294967300 ");
}

static void comments_may_say_anything(void **unused)
{
    (void)unused;
    expect("a = 1; # 8589934592", "");
    expect("a = 1; // 8589934592", "");
    expect("a = /* 8589934592 */ 4294967300; # \"", "4294967300 ");
    expect("b = \"#\"; c = 4294967301;", "4294967301 ");
}

static void lines_go_on(void **unused)
{
    (void)unused;
    expect("/* 8589934592", "");
    expect("\" 8589934592", "");
    expect("8589934592 */ a = 4294967300; b = \"x", "4294967300 ");
    expect("8589934592 \\", "");
    expect("8589934592\"; c = 4294967301;", "4294967301 ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(what_fits_is_well),         TEST(what_needs_more_bits_is_found),
        TEST(long_ones_have_64),         TEST(other_values_are_no_integers),
        TEST(comments_may_say_anything), TEST(lines_go_on),
    };
    return cmocka_run_group_tests_name("config_number", tests, NULL, NULL);
}
