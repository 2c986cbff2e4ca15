/* SPDX-License-Identifier: MIT
 *
 * slot_set - see slot_set.h.
 */
#include "supervisor/pool/slot_set.h"

#include "lib/memory.h"

#include <assert.h>

#define WORD_BITS 64

void slot_set_init(struct slot_set *set, uint32_t slots)
{
    uint32_t bits = slots;
    assert(slots <= SLOT_SET_MOST);
    set->slots = slots;
    for (int level = 0; level < SLOT_SET_LEVELS; level++) {
        bits = bits / WORD_BITS + 1;
        set->words[level] = memory_unshared(bits, sizeof *set->words[level]);
    }
}

void slot_set_add(struct slot_set *set, uint32_t slot)
{
    assert(slot < set->slots);
    for (int level = 0; level < SLOT_SET_LEVELS; level++, slot /= WORD_BITS)
        set->words[level][slot / WORD_BITS] |= UINT64_C(1) << slot % WORD_BITS;
}

void slot_set_remove(struct slot_set *set, uint32_t slot)
{
    assert(slot < set->slots);
    for (int level = 0; level < SLOT_SET_LEVELS; level++, slot /= WORD_BITS) {
        uint64_t *word = &set->words[level][slot / WORD_BITS];
        *word &= ~(UINT64_C(1) << slot % WORD_BITS);
        if (*word != 0)
            return;
    }
}

/* The lowest, the highest member below bit AT of LEVEL, which is set: each bit tells that the word
 * of that number one level below is not empty. */
static uint32_t lowest_below(const struct slot_set *set, int level, uint32_t at)
{
    while (level-- > 0)
        at = at * WORD_BITS + (uint32_t)__builtin_ctzll(set->words[level][at]);
    return at;
}

static uint32_t highest_below(const struct slot_set *set, int level, uint32_t at)
{
    while (level-- > 0)
        at = at * WORD_BITS + (WORD_BITS - 1) - (uint32_t)__builtin_clzll(set->words[level][at]);
    return at;
}

/* The number of a word at one level is that of its bit in the level above. */
uint32_t slot_set_next(const struct slot_set *set, uint32_t from)
{
    uint32_t at = from < set->slots ? from : set->slots;
    for (int level = 0; level < SLOT_SET_LEVELS; level++) {
        uint32_t word = at / WORD_BITS;
        uint64_t rest = set->words[level][word] & ~UINT64_C(0) << at % WORD_BITS;
        if (rest != 0)
            return lowest_below(set, level, word * WORD_BITS + (uint32_t)__builtin_ctzll(rest));
        at = word + 1;
    }
    return SLOT_SET_NONE;
}

uint32_t slot_set_previous(const struct slot_set *set, uint32_t end)
{
    uint32_t at = end < set->slots ? end : set->slots;
    for (int level = 0; level < SLOT_SET_LEVELS; level++) {
        uint32_t word = at / WORD_BITS;
        uint64_t rest = set->words[level][word] & ~(~UINT64_C(0) << at % WORD_BITS);
        if (rest != 0)
            return highest_below(
                set, level, word * WORD_BITS + (WORD_BITS - 1) - (uint32_t)__builtin_clzll(rest));
        at = word;
    }
    return SLOT_SET_NONE;
}
