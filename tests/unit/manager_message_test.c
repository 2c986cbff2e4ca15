/* SPDX-License-Identifier: MIT
 *
 * manager_message_test - the lines that a service manager gets, and the one that its users read.
 */
#include "supervisor/manager_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define SERVICES 40

static char text[MANAGER_MESSAGE_MAX], status[MANAGER_STATUS_MAX];
static struct service rows[SERVICES], *services[SERVICES];
static char names[SERVICES][16];
static struct manager_facts facts;

static int make(void **state)
{
    (void)state;
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < SERVICES; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        rows[i].name = names[i];
        rows[i].state = SERVICE_RUNNING;
        services[i] = &rows[i];
    }
    facts = (struct manager_facts){.phase = CORE_RUNNING,
                                   .problem = "",
                                   .outcome = "",
                                   .services = services,
                                   .service_count = 3};
    return 0;
}

static const char *told(void)
{
    manager_message_status(status, &facts);
    return status;
}

static const char *reason(const char *why)
{
    manager_message_reason(status, why);
    return status;
}

static void lines_are_those_that_are_given(void **state)
{
    (void)state;
    struct manager_message all = {"READY=1", 12, 3456789, 1500, "fine"}, none = {0};
    size_t length = manager_message_write(text, &all);
    assert_int_equal(length, strlen(text));
    assert_string_equal(text, "READY=1\nMAINPID=12\nMONOTONIC_USEC=3456789\n"
                              "EXTEND_TIMEOUT_USEC=1500000\nSTATUS=fine\n");
    assert_int_equal(manager_message_write(text, &none), 0);
    assert_string_equal(text, "");
    assert_int_equal(manager_message_write(text, &(struct manager_message){.status = ""}), 8);
    assert_string_equal(text, "STATUS=\n");
}

static void longest_message_is_whole(void **state)
{
    (void)state;
    memset(status, 'x', sizeof status - 1);
    struct manager_message all = {"RELOADING=1", INT32_MAX, INT64_MAX, INT64_MAX / 1000, status};
    size_t length = manager_message_write(text, &all);
    assert_true(length < MANAGER_MESSAGE_MAX - 1);
    assert_string_equal(text + length - 3, "xx\n");
}

static void running_services_are_counted(void **state)
{
    (void)state;
    assert_string_equal(told(), "3 services running");
    facts.service_count = 1;
    assert_string_equal(told(), "1 service running");
    facts.service_count = 0;
    assert_string_equal(told(), "0 services running");
}

static void others_are_named_with_their_reason(void **state)
{
    (void)state;
    rows[1].state = SERVICE_DEGRADED;
    assert_string_equal(told(), "2 of 3 services running; degraded: s1");
    snprintf(rows[1].trouble, sizeof rows[1].trouble, "a worker ended by status 3");
    rows[2].state = SERVICE_DEGRADED;
    assert_string_equal(told(),
                        "1 of 3 services running; degraded: s1 (a worker ended by status 3), s2");
    facts.phase = CORE_STARTING;
    rows[1].state = rows[2].state = SERVICE_STARTING;
    rows[1].trouble[0] = '\0';
    assert_string_equal(told(), "1 of 3 services running; starting: s1, s2");
}

static void many_others_are_counted(void **state)
{
    (void)state;
    facts.service_count = SERVICES;
    for (size_t i = 0; i < SERVICES; i++) {
        rows[i].state = SERVICE_DEGRADED;
        memset(rows[i].trouble, 'y', 300);
    }
    told();
    assert_non_null(strstr(status, "0 of 40 services running; degraded: s0 (yyy"));
    const char *more = strstr(status, " and ");
    assert_non_null(more);
    int named = 0;
    for (const char *at = status; (at = strstr(at, "...)")) != NULL; at++)
        named++;
    assert_int_equal(strtol(more + 5, NULL, 10) + named, SERVICES);
    assert_true(named > 0);
    assert_string_equal(status + strlen(status) - 5, " more");
}

static void phases_have_their_words(void **state)
{
    (void)state;
    facts.reloading = true;
    assert_string_equal(told(), "reloading");
    facts.phase = CORE_STOPPING;
    facts.pool_count = 2;
    assert_string_equal(told(), "stopping, 2 pools left");
    facts.pool_count = 1;
    assert_string_equal(told(), "stopping, 1 pool left");
    facts.outcome = "service s0: not ready";
    assert_string_equal(told(), "service s0: not ready");
}

static void refused_reload_stays_to_be_read(void **state)
{
    (void)state;
    facts.problem =
        "/etc/x.conf:3: unknown key \"worker\" (did you mean \"workers\"?)\n/etc/x.conf:4: y";
    assert_string_equal(told(), "reload failed, nothing changed: /etc/x.conf:3: unknown key "
                                "\"worker\" (did you mean \"workers\"?) (and 1 more); "
                                "3 services running");
}

static void reasons_are_one_line_of_what_can_be_shown(void **state)
{
    (void)state;
    assert_string_equal(reason(""), "");
    assert_string_equal(reason("one \"quoted\" \\ \xE4\xBD\xA0"), "one \"quoted\" \\ \xE4\xBD\xA0");
    assert_string_equal(reason("one\ntwo\nthree"), "one (and 2 more)");
    assert_string_equal(reason("one\ntwo\n"), "one (and 1 more)");
    assert_string_equal(reason("one\n"), "one");
    assert_string_equal(reason("a\rREADY=1"), "a\\rREADY=1");
    assert_string_equal(reason("a\x1b[2J"), "a\\u001b[2J");
    assert_string_equal(reason("a\xff"), "a\xEF\xBF\xBD");
}

static void long_reasons_are_cut_between_characters(void **state)
{
    char why[2000];
    (void)state;
    for (size_t shift = 0; shift < 6; shift++) {
        memset(why, 'x', shift);
        for (size_t at = shift; at + 3 < sizeof why; at += 3)
            memcpy(why + at, "\xE2\x82\xAC", 4);
        reason(why);
        size_t length = strlen(status);
        assert_in_range(length, 300, 303);
        assert_string_equal(status + length - 3, "...");
        assert_int_equal((length - 3 - shift) % 3, 0);
    }
    memset(why, '\x01', sizeof why - 1);
    why[sizeof why - 1] = '\0';
    reason(why);
    assert_in_range(strlen(status), 290, 303);
    assert_string_equal(status + strlen(status) - 4, "1...");
}

/* Whatever a pool says and an operator writes: one line, in bounds. */
static void no_text_adds_a_line(void **state)
{
    static const char letters[] = "READY=1\n\r\x1b\xE2\x82\"\\x";
    uint64_t random = 1;
    char why[600];
    (void)state;
    facts.problem = why;
    for (int round = 0; round < 20000; round++) {
        size_t length = (size_t)round % sizeof why;
        for (size_t i = 0; i < length; i++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            unsigned char byte = (unsigned char)(random >> 56);
            why[i] = (char)(round % 2 ? byte : (unsigned char)letters[byte % (sizeof letters - 1)]);
        }
        why[length] = '\0';
        rows[0].state = rows[2].state = round % 3 ? SERVICE_DEGRADED : SERVICE_RUNNING;
        snprintf(rows[0].trouble, sizeof rows[0].trouble, "%.500s", why);
        snprintf(rows[2].trouble, sizeof rows[2].trouble, "%.500s", why);
        told();
        assert_null(strpbrk(status, "\n\r\x1b"));
        assert_true(strlen(status) < sizeof status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_are_those_that_are_given, make),
        cmocka_unit_test_setup(longest_message_is_whole, make),
        cmocka_unit_test_setup(running_services_are_counted, make),
        cmocka_unit_test_setup(others_are_named_with_their_reason, make),
        cmocka_unit_test_setup(many_others_are_counted, make),
        cmocka_unit_test_setup(phases_have_their_words, make),
        cmocka_unit_test_setup(refused_reload_stays_to_be_read, make),
        cmocka_unit_test_setup(reasons_are_one_line_of_what_can_be_shown, make),
        cmocka_unit_test_setup(long_reasons_are_cut_between_characters, make),
        cmocka_unit_test_setup(no_text_adds_a_line, make),
    };
    return cmocka_run_group_tests_name("manager_message", tests, NULL, NULL);
}
