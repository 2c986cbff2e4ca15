/* SPDX-License-Identifier: MIT
 *
 * suggest_test - slips of the finger are understood, other words are not guessed at.
 */
#include "lib/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static const char *const KEYS[] = {"listen",      "handler",   "workers",      "start_workers",
                                   "max_workers", "min_spare", "idle_timeout", NULL};

static void one_slip_of_each_kind(void **state)
{
    (void)state;
    assert_string_equal(suggest_nearest("listn", KEYS), "listen");    /* left out */
    assert_string_equal(suggest_nearest("listten", KEYS), "listen");  /* put in */
    assert_string_equal(suggest_nearest("lisden", KEYS), "listen");   /* another one */
    assert_string_equal(suggest_nearest("lsiten", KEYS), "listen");   /* swapped */
    assert_string_equal(suggest_nearest("wokrers", KEYS), "workers"); /* swapped */
    assert_string_equal(suggest_nearest("handlre", KEYS), "handler"); /* swapped at the end */
    assert_string_equal(suggest_nearest("ilsten", KEYS), "listen");   /* and at the beginning */
}

static void swapped_neighbours_are_one_slip(void **state)
{
    static const char *const known[] = {"ab", NULL};
    (void)state;
    assert_string_equal(suggest_nearest("ba", known), "ab");
}

static void several_slips_in_a_long_word(void **state)
{
    (void)state;
    assert_string_equal(suggest_nearest("idel_timout", KEYS), "idle_timeout");
    assert_string_equal(suggest_nearest("max_worker", KEYS), "max_workers");
    assert_string_equal(suggest_nearest("maxworkrs", KEYS), "max_workers");
}

static void nearest_of_several_wins(void **state)
{
    static const char *const known[] = {"max_spare", "min_spare", "mix_spare", NULL};
    (void)state;
    assert_string_equal(suggest_nearest("min_spare", known), "min_spare");
    assert_string_equal(suggest_nearest("mim_spare", known), "min_spare");
}

static void first_of_equals_wins(void **state)
{
    static const char *const known[] = {"echo1", "echo2", NULL};
    (void)state;
    assert_string_equal(suggest_nearest("echo3", known), "echo1");
}

static void other_words_are_not_guessed_at(void **state)
{
    (void)state;
    assert_null(suggest_nearest("colour", KEYS));
    assert_null(suggest_nearest("x", KEYS));
    assert_null(suggest_nearest("", KEYS));
    assert_null(suggest_nearest("wo", KEYS));
    assert_null(suggest_nearest("timeout_idle", KEYS));
    assert_null(suggest_nearest("idxx_timxxut", KEYS)); /* four slips are too many at any length */
}

static void short_word_is_not_replaced_whole(void **state)
{
    static const char *const known[] = {"a", "bc", NULL};
    (void)state;
    assert_null(suggest_nearest("x", known));
    assert_null(suggest_nearest("xy", known));
}

static void nothing_known_nothing_suggested(void **state)
{
    static const char *const none[] = {NULL};
    (void)state;
    assert_null(suggest_nearest("listen", none));
}

static void very_long_words_are_left_alone(void **state)
{
    char word[200];
    const char *const known[] = {word, "listen", NULL};
    (void)state;
    memset(word, 'w', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    assert_null(suggest_nearest(word, KEYS));
    assert_string_equal(suggest_nearest("listn", known), "listen");
}

static void longest_words_are_compared(void **state)
{
    char word[65], near[65];
    const char *const known[] = {word, NULL};
    (void)state;
    memset(word, 'w', 64);
    memset(near, 'w', 64);
    word[64] = near[64] = '\0';
    near[63] = 'x';
    assert_ptr_equal(suggest_nearest(near, known), word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slip_of_each_kind),
        cmocka_unit_test(swapped_neighbours_are_one_slip),
        cmocka_unit_test(several_slips_in_a_long_word),
        cmocka_unit_test(nearest_of_several_wins),
        cmocka_unit_test(first_of_equals_wins),
        cmocka_unit_test(other_words_are_not_guessed_at),
        cmocka_unit_test(short_word_is_not_replaced_whole),
        cmocka_unit_test(nothing_known_nothing_suggested),
        cmocka_unit_test(very_long_words_are_left_alone),
        cmocka_unit_test(longest_words_are_compared),
    };
    return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
