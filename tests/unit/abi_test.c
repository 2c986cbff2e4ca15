/* SPDX-License-Identifier: MIT
 *
 * abi_test - the interface of handlers as a compiled one sees it: where every member is, of which
 * type, and the number behind every name.
 *
 * Where this fails, plugins that exist would break: PREFORKD_ABI has to change. A structure that
 * grows at its end gets its new rows and its new size here.
 */
#include <preforkd/handler.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define X86_64 (sizeof(void *) == 8 && sizeof(long) == 8)

static void check(const char *name, size_t offset, size_t wanted, int same_type)
{
    if (offset != wanted)
        fail_msg("%s is at %zu instead of %zu", name, offset, wanted);
    if (!same_type)
        fail_msg("%s has another type", name);
}

#define MEMBER(structure, member, offset, ...)                                                     \
    check(#structure "." #member, offsetof(struct structure, member), offset,                      \
          _Generic(((struct structure *)0)->member, __VA_ARGS__ : 1, default : 0));

static void members_of_option(void **state)
{
    (void)state;
    if (!X86_64)
        skip();
    assert_int_equal(sizeof(struct preforkd_option), 48);
    MEMBER(preforkd_option, name, 0, const char *)
    MEMBER(preforkd_option, type, 8, enum preforkd_type)
    MEMBER(preforkd_option, fallback, 16, const char *)
    MEMBER(preforkd_option, least, 24, int64_t)
    MEMBER(preforkd_option, most, 32, int64_t)
    MEMBER(preforkd_option, text, 40, const char *)
}

static void members_of_host(void **state)
{
    (void)state;
    if (!X86_64)
        skip();
    assert_int_equal(sizeof(struct preforkd_host), 232);
    MEMBER(preforkd_host, abi, 0, uint32_t)
    MEMBER(preforkd_host, size, 4, uint32_t)
    MEMBER(preforkd_host, read_some, 8, ptrdiff_t(*)(struct preforkd_connection *, void *, size_t))
    MEMBER(preforkd_host, peek, 16, ptrdiff_t(*)(struct preforkd_connection *, void *, size_t))
    MEMBER(preforkd_host, read_exact, 24,
           ptrdiff_t(*)(struct preforkd_connection *, void *, size_t))
    MEMBER(preforkd_host, read_line, 32, ptrdiff_t(*)(struct preforkd_connection *, char *, size_t))
    MEMBER(preforkd_host, wait_some, 40, int (*)(struct preforkd_connection *, int))
    MEMBER(preforkd_host, write_all, 48,
           int (*)(struct preforkd_connection *, const void *, size_t))
    MEMBER(preforkd_host, print, 56, int (*)(struct preforkd_connection *, const char *, ...))
    MEMBER(preforkd_host, flush, 64, int (*)(struct preforkd_connection *))
    MEMBER(preforkd_host, sendfile, 72, int (*)(struct preforkd_connection *, int, int64_t, size_t))
    MEMBER(preforkd_host, deadline_set, 80, void (*)(struct preforkd_connection *, int64_t))
    MEMBER(preforkd_host, deadline_extend, 88, void (*)(struct preforkd_connection *, int64_t))
    MEMBER(preforkd_host, peer, 96, const char *(*)(struct preforkd_connection *))
    MEMBER(preforkd_host, transport, 104, const char *(*)(struct preforkd_connection *))
    MEMBER(preforkd_host, local, 112, const char *(*)(struct preforkd_connection *))
    MEMBER(preforkd_host, listener, 120, const char *(*)(struct preforkd_connection *))
    MEMBER(preforkd_host, descriptor, 128, int (*)(struct preforkd_connection *))
    MEMBER(preforkd_host, stopping, 136, int (*)(void))
    MEMBER(preforkd_host, log, 144,
           void (*)(struct preforkd_connection *, enum preforkd_log_level, const char *,
                    const char *, const void *, size_t))
    MEMBER(preforkd_host, status, 152, void (*)(const char *))
    MEMBER(preforkd_host, count, 160, void (*)(unsigned, uint64_t))
    MEMBER(preforkd_host, set_userdata, 168, void (*)(struct preforkd_connection *, void *))
    MEMBER(preforkd_host, userdata, 176, void *(*)(struct preforkd_connection *))
    MEMBER(preforkd_host, option_text, 184,
           const char *(*)(const struct preforkd_options *, const char *))
    MEMBER(preforkd_host, option_number, 192,
           int64_t(*)(const struct preforkd_options *, const char *))
    MEMBER(preforkd_host, datagram_bytes, 200,
           const void *(*)(const struct preforkd_datagram *, size_t *))
    MEMBER(preforkd_host, datagram_peer, 208, const char *(*)(struct preforkd_datagram *))
    MEMBER(preforkd_host, datagram_is_cut, 216, int (*)(const struct preforkd_datagram *))
    MEMBER(preforkd_host, datagram_reply, 224,
           void (*)(struct preforkd_datagram *, const void *, size_t))
}

static void members_of_handler(void **state)
{
    (void)state;
    if (!X86_64)
        skip();
    assert_int_equal(sizeof(struct preforkd_handler), 120);
    MEMBER(preforkd_handler, abi, 0, uint32_t)
    MEMBER(preforkd_handler, size, 4, uint32_t)
    MEMBER(preforkd_handler, name, 8, const char *)
    MEMBER(preforkd_handler, options, 16, const struct preforkd_option *)
    MEMBER(preforkd_handler, counters, 24, const char *const *)
    MEMBER(preforkd_handler, tick_ms, 32, uint32_t)
    MEMBER(preforkd_handler, check_config, 40,
           int (*)(const struct preforkd_host *, const struct preforkd_options *, char *, size_t))
    MEMBER(preforkd_handler, pool_init, 48,
           int (*)(const struct preforkd_host *, const struct preforkd_options *, void **, char *,
                   size_t))
    MEMBER(preforkd_handler, worker_init, 56,
           int (*)(const struct preforkd_host *, void **, char *, size_t))
    MEMBER(preforkd_handler, verify, 64,
           int (*)(const struct preforkd_host *, struct preforkd_connection *, void *))
    MEMBER(preforkd_handler, setup, 72,
           int (*)(const struct preforkd_host *, struct preforkd_connection *, void *))
    MEMBER(
        preforkd_handler, handle, 80,
        enum preforkd_close(*)(const struct preforkd_host *, struct preforkd_connection *, void *))
    MEMBER(preforkd_handler, finish, 88,
           void (*)(const struct preforkd_host *, struct preforkd_connection *, void *))
    MEMBER(preforkd_handler, datagram, 96,
           void (*)(const struct preforkd_host *, struct preforkd_datagram *, void *))
    MEMBER(preforkd_handler, tick, 104, void (*)(const struct preforkd_host *, void *))
    MEMBER(preforkd_handler, worker_exit, 112, void (*)(const struct preforkd_host *, void *))
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
    assert_int_equal(sizeof(enum preforkd_result), sizeof(int));
    assert_int_equal(sizeof(enum preforkd_close), sizeof(int));
    assert_int_equal(sizeof(enum preforkd_log_level), sizeof(int));
    assert_int_equal(sizeof(enum preforkd_type), sizeof(int));
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
