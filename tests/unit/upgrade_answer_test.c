/* SPDX-License-Identifier: MIT
 *
 * upgrade_answer_test - nothing but a whole yes of preforkd is a yes, and every no has a reason.
 */
#include "supervisor/upgrade_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "lib/memory.h"
#include "supervisor/upgrade_check.h"

#include <signal.h>

#define YES UPGRADE_CHECK_ANSWER

static struct buffer output, errors;
static struct upgrade_answer answer;

static int fresh(void **state)
{
    (void)state;
    answer = (struct upgrade_answer){.output = &output, .errors = &errors, .limit_ms = 20000};
    return 0;
}

static int release(void **state)
{
    (void)state;
    buffer_release(&output);
    buffer_release(&errors);
    return 0;
}

static void says(struct buffer *where, const char *text, size_t length)
{
    buffer_release(where);
    /* The bytes alone in memory, so that a sanitizer sees a read behind them. */
    if (length > 0) {
        where->data = memory_zeroed(length, 1);
        memcpy(where->data, text, length);
        where->length = where->capacity = length;
    }
}

#define SAYS(where, text) says(where, text, sizeof(text) - 1)

static void expect_version(const char *version)
{
    char *found = upgrade_answer_version(&answer);
    if (version)
        assert_string_equal(found, version);
    else
        assert_null(found);
    free(found);
}

static void expect_reason(const char *text)
{
    struct error why;
    upgrade_answer_reason(&answer, &why);
    assert_string_equal(why.text, text);
}

static void yes_names_its_version(void **state)
{
    (void)state;
    SAYS(&output, YES "1.2.3-rc1\n");
    expect_version("1.2.3-rc1");
    SAYS(&output, YES "1.2.3\nand more of it");
    expect_version("1.2.3");
    SAYS(&errors, "a warning\n"); /* it is a yes all the same */
    expect_version("1.2.3");
}

static void half_a_yes_is_none(void **state)
{
    static const char whole[] = YES "1.2\n";
    (void)state;
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        says(&output, whole, length);
        expect_version(NULL);
    }
}

static void other_words_are_no_yes(void **state)
{
    (void)state;
    SAYS(&output, "of course I can\n");
    expect_version(NULL);
    SAYS(&output, YES "1 2\n");
    expect_version(NULL);
    SAYS(&output, YES "\n");
    expect_version(NULL);
    SAYS(&output, YES "1\0002\n");
    expect_version(NULL);
    SAYS(&output, YES "\033[31m\n");
    expect_version(NULL);
    SAYS(&output, YES "1234567890123456789012345678901234567890123456789012345678901234567890\n");
    expect_version(NULL);
}

static void yes_of_one_that_failed_is_none(void **state)
{
    (void)state;
    SAYS(&output, YES "1.2\n");
    answer.end.number = 1;
    expect_version(NULL);
    answer.end = (struct child_end){.signalled = true, .number = SIGKILL};
    expect_version(NULL);
    answer.end = (struct child_end){0};
    answer.late = true;
    expect_version(NULL);
}

static void its_words_are_the_reason(void **state)
{
    (void)state;
    answer.end.number = 78;
    SAYS(&errors, "/etc/x.conf:3: no\n/etc/x.conf:4: neither\n");
    expect_reason("/etc/x.conf:3: no\n/etc/x.conf:4: neither");
    SAYS(&errors, "\033[31mno");
    expect_reason("\\u001b[31mno");
}

static void silence_is_no_reason(void **state)
{
    (void)state;
    expect_reason("the new binary is not a preforkd that can take over");
    answer.end.number = 3;
    expect_reason("the new binary ended with status 3");
}

static void its_end_is_told_with_its_words(void **state)
{
    (void)state;
    answer.end = (struct child_end){.signalled = true, .number = SIGSEGV};
    expect_reason("the new binary was ended by SIGSEGV");
    SAYS(&errors, "oh\n");
    expect_reason("the new binary was ended by SIGSEGV: oh");
    answer.end.number = SIGKILL;
    answer.late = true;
    expect_reason("the new binary did not answer within 20 s: oh");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, release)
        TEST(yes_names_its_version),          TEST(half_a_yes_is_none),
        TEST(other_words_are_no_yes),         TEST(yes_of_one_that_failed_is_none),
        TEST(its_words_are_the_reason),       TEST(silence_is_no_reason),
        TEST(its_end_is_told_with_its_words),
    };
    return cmocka_run_group_tests_name("upgrade_answer", tests, NULL, NULL);
}
