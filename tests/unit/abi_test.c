/* SPDX-License-Identifier: MIT
 *
 * abi_test - the interface of handlers as a compiled one sees it: where every member is, of which
 * type, and the number behind every name.
 *
 * Where this fails, plugins that exist would break: PREFORKD_ABI has to change. abi_compile_test
 * asks the same of other compilers.
 */
#include "tests/unit/abi_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static void check(const char *name, size_t offset, size_t wanted, int same_type)
{
    if (offset != wanted)
        fail_msg("%s is at %zu instead of %zu", name, offset, wanted);
    if (!same_type)
        fail_msg("%s has another type", name);
}

#define CHECK(structure, member, at64, at32, ...)                                                  \
    check(#structure "." #member, offsetof(struct structure, member), ABI_AT(at64, at32),          \
          _Generic(((struct structure *)0)->member, __VA_ARGS__ : 1, default : 0));

static void members_of_option(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct preforkd_option), ABI_OPTION_SIZE);
    ABI_OPTION(CHECK)
}

static void members_of_host(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct preforkd_host), ABI_HOST_SIZE);
    ABI_HOST(CHECK)
}

static void members_of_handler(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct preforkd_handler), ABI_HANDLER_SIZE);
    ABI_HANDLER(CHECK)
}

static void results(void **state)
{
    (void)state;
    assert_int_equal(PREFORKD_OK, 0);
    assert_int_equal(PREFORKD_END, 0);
    assert_int_equal(PREFORKD_GONE, -1);
    assert_int_equal(PREFORKD_STOPPING, -2);
    assert_int_equal(PREFORKD_FAILED, -3);
    assert_int_equal(PREFORKD_TIMEOUT, -4);
    assert_int_equal(PREFORKD_TOO_LONG, -5);
}

static void ways_to_close(void **state)
{
    (void)state;
    assert_int_equal(PREFORKD_CLOSE, 0);
    assert_int_equal(PREFORKD_LINGER, 1);
    assert_int_equal(PREFORKD_ABORT, 2);
    assert_int_equal(PREFORKD_DETACHED, 3);
    assert_int_equal(PREFORKD_RETIRE, 16);
}

static void log_levels(void **state)
{
    (void)state;
    assert_int_equal(PREFORKD_LOG_ERROR, 0);
    assert_int_equal(PREFORKD_LOG_WARNING, 1);
    assert_int_equal(PREFORKD_LOG_INFO, 2);
    assert_int_equal(PREFORKD_LOG_DEBUG, 3);
}

static void types_of_options(void **state)
{
    (void)state;
    assert_int_equal(PREFORKD_TEXT, 0);
    assert_int_equal(PREFORKD_INTEGER, 1);
    assert_int_equal(PREFORKD_BOOLEAN, 2);
    assert_int_equal(PREFORKD_DURATION, 3);
    assert_int_equal(PREFORKD_SIZE, 4);
}

static void limits(void **state)
{
    (void)state;
    assert_int_equal(PREFORKD_ABI, 1);
    assert_int_equal(PREFORKD_COUNTERS_MAX, 8);
    assert_int_equal(PREFORKD_COUNTER_NAME_MAX, 24);
}

/* What a plugin says without knowing more than two macros. */
PREFORKD_PLUGIN = {PREFORKD_HANDLER("name"), .tick_ms = 7};

static void macros_fill_what_they_say(void **state)
{
    (void)state;
    assert_int_equal(preforkd_handler.abi, PREFORKD_ABI);
    assert_int_equal(preforkd_handler.size, sizeof(struct preforkd_handler));
    assert_string_equal(preforkd_handler.name, "name");
    assert_int_equal(preforkd_handler.option_size, sizeof(struct preforkd_option));
    assert_int_equal(preforkd_handler.tick_ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_option),
        cmocka_unit_test(members_of_host),
        cmocka_unit_test(members_of_handler),
        cmocka_unit_test(results),
        cmocka_unit_test(ways_to_close),
        cmocka_unit_test(log_levels),
        cmocka_unit_test(types_of_options),
        cmocka_unit_test(limits),
        cmocka_unit_test(macros_fill_what_they_say),
    };
    return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
