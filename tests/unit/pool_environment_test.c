/* SPDX-License-Identifier: MIT
 *
 * pool_environment_test - which variables a pool gets.
 */
#include "supervisor/pool_environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void becomes(const char *const *inherited, const char *const *wanted)
{
    char **got = pool_environment((char *const *)(uintptr_t)inherited);
    size_t i = 0;
    for (; wanted[i]; i++) {
        assert_non_null(got[i]);
        assert_string_equal(got[i], wanted[i]);
    }
    assert_null(got[i]);
    free(got);
}

static void nothing_of_nothing(void **state)
{
    (void)state;
    becomes((const char *const[]){NULL}, (const char *const[]){NULL});
}

static void secrets_stay(void **state)
{
    (void)state;
    becomes((const char *const[]){"SECRET=hush", "HOME=/root", "NOTIFY_SOCKET=/run/x",
                                  "AWS_SECRET_ACCESS_KEY=x", "LISTEN_FDS=1", "", "=", NULL},
            (const char *const[]){NULL});
}

/* A name is taken as a whole, and only at the beginning. */
static void names_that_are_alike_stay(void **state)
{
    (void)state;
    becomes((const char *const[]){"PATHS=x", "MANPATH=x", "TZ2=x", "LANGUAGES=x", "XLC_ALL=x",
                                  "PATH", "PREFORKD=x", "OLD_X=x", "lc_all=x", NULL},
            (const char *const[]){NULL});
}

static void what_is_needed_comes_along(void **state)
{
    (void)state;
    const char *const kept[] = {"PATH=/bin",
                                "TMPDIR=/tmp",
                                "TZ=",
                                "TZDIR=/tz",
                                "LANG=C",
                                "LANGUAGE=de",
                                "LC_ALL=C",
                                "LC_TIME=C",
                                "LOCPATH=/l",
                                "GCONV_PATH=/g",
                                "LD_PRELOAD=/a.so",
                                "LD_LIBRARY_PATH=/lib",
                                "MALLOC_ARENA_MAX=1",
                                "GLIBC_TUNABLES=a=b",
                                "ASAN_OPTIONS=a=1:b=2",
                                "LSAN_OPTIONS=x",
                                "UBSAN_OPTIONS=x",
                                "PREFORKD_KEY=a=b",
                                NULL};
    becomes(kept, kept);
}

static void order_is_kept(void **state)
{
    (void)state;
    becomes((const char *const[]){"B=1", "TZ=x", "A=1", "LANG=y", "LC_ALL=", "Z=", NULL},
            (const char *const[]){"TZ=x", "LANG=y", "LC_ALL=", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_nothing),
        cmocka_unit_test(secrets_stay),
        cmocka_unit_test(names_that_are_alike_stay),
        cmocka_unit_test(what_is_needed_comes_along),
        cmocka_unit_test(order_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
