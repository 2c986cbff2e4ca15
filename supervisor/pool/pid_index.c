/* SPDX-License-Identifier: MIT
 *
 * pid_index - see pid_index.h.
 */
#include "supervisor/pool/pid_index.h"

#include "lib/memory.h"

#include <assert.h>

void pid_index_init(struct pid_index *index, uint32_t slots)
{
    uint32_t chains = 1;
    while (chains < slots)
        chains *= 2;
    *index = (struct pid_index){.mask = chains - 1,
                                .heads = memory_unshared(chains, sizeof *index->heads),
                                .links = memory_unshared(slots, sizeof *index->links)};
    for (uint32_t i = 0; i < chains; i++)
        index->heads[i] = PID_INDEX_NONE;
}

static uint32_t *head_of(const struct pid_index *index, pid_t pid)
{
    return &index->heads[(uint32_t)pid & index->mask];
}

void pid_index_add(struct pid_index *index, uint32_t slot, pid_t pid)
{
    uint32_t *head = head_of(index, pid);
    assert(pid > 0 && index->links[slot].pid == 0);
    index->links[slot] = (struct pid_index_link){.pid = pid, .next = *head};
    *head = slot;
}

void pid_index_remove(struct pid_index *index, uint32_t slot)
{
    struct pid_index_link *gone = &index->links[slot];
    if (gone->pid == 0)
        return;
    uint32_t *at = head_of(index, gone->pid);
    while (*at != slot)
        at = &index->links[*at].next;
    *at = gone->next;
    gone->pid = 0;
}

uint32_t pid_index_find(const struct pid_index *index, pid_t pid)
{
    if (pid <= 0)
        return PID_INDEX_NONE;
    uint32_t slot = *head_of(index, pid);
    while (slot != PID_INDEX_NONE && index->links[slot].pid != pid)
        slot = index->links[slot].next;
    return slot;
}
