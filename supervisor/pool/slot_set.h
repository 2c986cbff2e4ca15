/* SPDX-License-Identifier: MIT
 *
 * slot_set - a set of slot numbers whose lowest and highest members are found without a search.
 *
 * A bit for each slot; above them, a bit for each word of bits that is not empty; and so on. Every
 * call looks at a few words, whatever the number of slots. Pure.
 */
#ifndef POOL_SLOT_SET_H
#define POOL_SLOT_SET_H

#include <stdbool.h>
#include <stdint.h>

#define SLOT_SET_LEVELS 3
/* Slots, with 64 bits to a word; the end of them has a number, too. */
#define SLOT_SET_MOST ((UINT32_C(1) << 6 * SLOT_SET_LEVELS) - 1)
#define SLOT_SET_NONE UINT32_MAX

struct slot_set {
    uint32_t slots;
    uint64_t *words[SLOT_SET_LEVELS]; /* [0]: the members */
};

/* Empty, for numbers below SLOTS (at most SLOT_SET_MOST). Its memory is never given back. */
void slot_set_init(struct slot_set *set, uint32_t slots);

/* Nothing where it is one already, or is none. */
void slot_set_add(struct slot_set *set, uint32_t slot);
void slot_set_remove(struct slot_set *set, uint32_t slot);

/* The lowest member that is not below FROM; the highest one below END; SLOT_SET_NONE where there is
 * none. Members may be removed between the calls of a walk. */
uint32_t slot_set_next(const struct slot_set *set, uint32_t from);
uint32_t slot_set_previous(const struct slot_set *set, uint32_t end);

#endif
