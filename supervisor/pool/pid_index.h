/* SPDX-License-Identifier: MIT
 *
 * pid_index - the slot of a pid, without a search. Pure.
 *
 * Chains of slots whose pids have the same remainder; pids are given out in turn, so that these are
 * short. The pids themselves stay with their owner, who hands them in.
 */
#ifndef POOL_PID_INDEX_H
#define POOL_PID_INDEX_H

#include <stdint.h>
#include <sys/types.h>

#define PID_INDEX_NONE UINT32_MAX

struct pid_index_link {
    pid_t pid;     /* of this slot, while it is in a chain */
    uint32_t next; /* in that chain */
};

struct pid_index {
    uint32_t mask;
    uint32_t *heads; /* of the chains */
    struct pid_index_link *links;
};

/* Empty, for SLOTS slots. Its memory is never given back. */
void pid_index_init(struct pid_index *index, uint32_t slots);

/* PID, above 0, is in SLOT, which has none; SLOT has none any more (nothing where it had none). */
void pid_index_add(struct pid_index *index, uint32_t slot, pid_t pid);
void pid_index_remove(struct pid_index *index, uint32_t slot);

/* The slot, PID_INDEX_NONE where there is none. */
uint32_t pid_index_find(const struct pid_index *index, pid_t pid);

#endif
