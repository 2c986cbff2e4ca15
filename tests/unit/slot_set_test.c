/* SPDX-License-Identifier: MIT
 *
 * slot_set_test - sets of slots, against a plain array of flags, and where words end.
 */
#include "supervisor/pool/slot_set.h"

#include "lib/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static uint32_t naive_next(const bool *flags, uint32_t slots, uint32_t from)
{
    for (uint32_t i = from; i < slots; i++)
        if (flags[i])
            return i;
    return SLOT_SET_NONE;
}

static uint32_t naive_previous(const bool *flags, uint32_t end)
{
    while (end-- > 0)
        if (flags[end])
            return end;
    return SLOT_SET_NONE;
}

static void empty_set_has_no_member(void **state)
{
    struct slot_set set;
    (void)state;
    slot_set_init(&set, 100);
    assert_int_equal(slot_set_next(&set, 0), SLOT_SET_NONE);
    assert_int_equal(slot_set_previous(&set, 100), SLOT_SET_NONE);
    assert_int_equal(slot_set_next(&set, SLOT_SET_NONE), SLOT_SET_NONE);
    assert_int_equal(slot_set_previous(&set, 0), SLOT_SET_NONE);
}

/* One member, at each end of each word of the lower levels, and seen from everywhere near. */
static void one_member_is_found_at_every_edge(void **state)
{
    static const uint32_t edges[] = {0,    1,    63,    64,    65,     4095,
                                     4096, 4097, 65535, 65536, 131071, SLOT_SET_MOST - 1};
    struct slot_set set;
    (void)state;
    slot_set_init(&set, SLOT_SET_MOST);
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        uint32_t at = edges[i];
        slot_set_add(&set, at);
        assert_int_equal(slot_set_next(&set, 0), at);
        assert_int_equal(slot_set_next(&set, at), at);
        assert_int_equal(slot_set_next(&set, at + 1), SLOT_SET_NONE);
        assert_int_equal(slot_set_previous(&set, SLOT_SET_MOST), at);
        assert_int_equal(slot_set_previous(&set, at + 1), at);
        assert_int_equal(slot_set_previous(&set, at), SLOT_SET_NONE);
        slot_set_remove(&set, at);
        assert_int_equal(slot_set_next(&set, 0), SLOT_SET_NONE);
    }
}

static void check_around(const struct slot_set *set, const bool *flags, uint32_t slots, uint32_t at)
{
    assert_int_equal(slot_set_next(set, at), naive_next(flags, slots, at));
    assert_int_equal(slot_set_previous(set, at), naive_previous(flags, at));
}

/* Crowded, then sparse. */
static void random_changes_agree_with_flags(void **state)
{
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 128, 4096, 20000};
    (void)state;
    srand(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t slots = sizes[i];
        bool *flags = memory_zeroed(slots, sizeof *flags);
        struct slot_set set;
        slot_set_init(&set, slots);
        for (int round = 0; round < 3000; round++) {
            uint32_t slot = (uint32_t)rand() % slots;
            flags[slot] = rand() % 8 < (round < 1500 ? 6 : 1);
            if (flags[slot])
                slot_set_add(&set, slot);
            else
                slot_set_remove(&set, slot);
            check_around(&set, flags, slots, (uint32_t)rand() % (slots + 1));
            check_around(&set, flags, slots, slot);
        }
        free(flags);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_set_has_no_member),
        cmocka_unit_test(one_member_is_found_at_every_edge),
        cmocka_unit_test(random_changes_agree_with_flags),
    };
    return cmocka_run_group_tests_name("slot_set", tests, NULL, NULL);
}
