/* SPDX-License-Identifier: MIT
 *
 * worker_table - see worker_table.h.
 */
#include "supervisor/pool/worker_table.h"

#include "lib/clock.h"
#include "lib/memory.h"
#include "supervisor/pool/pool_acceptors.h"

#include <assert.h>

#define BLANK_ENTRY                                                                                \
    ((struct worker_entry){.child = CHILD_NONE,                                                    \
                           .maker = -1,                                                            \
                           .notice = DEADLINE_NOTICE_NONE,                                         \
                           .errors = ERROR_PIPE_NONE})

bool worker_table_is_program(const struct worker_table *table, uint32_t phase)
{
    return phase == SCOREBOARD_PROGRAM || table->plan->service->kind == CONFIG_LISTEN;
}

void worker_table_init(struct worker_table *table, struct loop *loop,
                       const struct worker_plan *plan, uint32_t slots)
{
    *table = (struct worker_table){.loop = loop, .plan = plan, .slots = slots};
    table->cgroup = CGROUP_NONE;
    error_pipe_budget_init(&table->error_budget);
    if (config_is_program(table->plan->service))
        cgroup_init(&table->cgroup, plan->service->name, slots);
    table->entries = memory_unshared(slots, sizeof *table->entries);
    for (uint32_t i = 0; i < slots; i++)
        table->entries[i] = BLANK_ENTRY;
    for (int state = SCOREBOARD_FREE; state <= SCOREBOARD_DRAINING; state++)
        slot_set_init(&table->by_state[state], slots);
    for (uint32_t i = 0; i < slots; i++)
        slot_set_add(&table->by_state[SCOREBOARD_FREE], i);
    pid_index_init(&table->pids, slots);
}

static int64_t *counter(struct worker_table *table, enum scoreboard_state state)
{
    static int64_t free_slots; /* nobody asks for these */
    switch (state) {
    case SCOREBOARD_STARTING:
        return &table->starting;
    case SCOREBOARD_READY:
        return &table->ready;
    case SCOREBOARD_DRAINING:
        return &table->draining;
    case SCOREBOARD_FREE:
        break;
    }
    return &free_slots;
}

/* Keeps counters, sets and the scoreboard in step. */
void worker_table_set_state(struct worker_table *table, uint32_t slot, enum scoreboard_state state)
{
    struct worker_entry *entry = &table->entries[slot];
    static const bool allowed[4][4] = {
        [SCOREBOARD_FREE] = {[SCOREBOARD_STARTING] = true},
        [SCOREBOARD_STARTING] =
            {[SCOREBOARD_READY] = true, [SCOREBOARD_DRAINING] = true, [SCOREBOARD_FREE] = true},
        [SCOREBOARD_READY] = {[SCOREBOARD_DRAINING] = true, [SCOREBOARD_FREE] = true},
        [SCOREBOARD_DRAINING] = {[SCOREBOARD_FREE] = true},
    };
    assert(allowed[entry->state][state]);
    if (entry->state != SCOREBOARD_FREE)
        --*counter(table, entry->state);
    if (state != SCOREBOARD_FREE)
        ++*counter(table, state);
    table->unproved += state == SCOREBOARD_READY;
    table->unproved -= entry->state == SCOREBOARD_READY && !entry->proved;
    slot_set_remove(&table->by_state[entry->state], slot);
    slot_set_add(&table->by_state[state], slot);
    entry->state = state;
    SCOREBOARD_STORE(table->plan->scoreboard->slots[slot].keeper.state, (uint32_t)state);
}

/* The worker's half is ours while no worker holds it: add it to the sums and clear it. */
static void settle_counters(struct worker_table *table, uint32_t slot)
{
    struct scoreboard_header *header = &table->plan->scoreboard->header;
    struct scoreboard_worker *worker = &table->plan->scoreboard->slots[slot].worker;
    SCOREBOARD_ADD(header->connections, worker->connections);
    SCOREBOARD_ADD(header->bytes_in, worker->bytes_in);
    SCOREBOARD_ADD(header->bytes_out, worker->bytes_out);
    SCOREBOARD_STORE(worker->connections, 0);
    SCOREBOARD_STORE(worker->bytes_in, 0);
    SCOREBOARD_STORE(worker->bytes_out, 0);
    SCOREBOARD_ADD(header->refused, worker->refused);
    SCOREBOARD_STORE(worker->refused, 0);
    for (int i = 0; i < SCOREBOARD_COUNTERS; i++) {
        SCOREBOARD_ADD(header->counters[i], worker->counters[i]);
        SCOREBOARD_STORE(worker->counters[i], 0);
    }
    SCOREBOARD_STORE(worker->phase, SCOREBOARD_UNBORN);
    if (worker->said[0] != 0)
        scoreboard_say(worker, "");
    /* It may have died between the two halves of an update. */
    SCOREBOARD_STORE(worker->sequence, (worker->sequence + 1) & ~1u);
}

/* True where it is READY now and was not. */
static bool notice_ready(struct worker_table *table, uint32_t slot)
{
    const struct scoreboard_worker *worker = &table->plan->scoreboard->slots[slot].worker;
    if (table->entries[slot].state != SCOREBOARD_STARTING || worker->phase == SCOREBOARD_UNBORN)
        return false;
    table->entries[slot].ready_ms = clock_now_ms();
    worker_table_set_state(table, slot, SCOREBOARD_READY);
    return true;
}

void worker_table_notice_ready(struct worker_table *table)
{
    const struct slot_set *starting = &table->by_state[SCOREBOARD_STARTING];
    bool any = false;
    for (uint32_t slot = slot_set_next(starting, 0); slot != SLOT_SET_NONE;
         slot = slot_set_next(starting, slot + 1))
        any |= notice_ready(table, slot);
    if (any)
        table->got_ready(table);
}

void worker_table_notice(struct worker_table *table, uint32_t slot)
{
    if (notice_ready(table, slot))
        table->got_ready(table);
}

struct worker_entry *worker_table_find(struct worker_table *table, pid_t pid)
{
    uint32_t slot = pid_index_find(&table->pids, pid);
    return slot == PID_INDEX_NONE ? NULL : &table->entries[slot];
}

uint32_t worker_table_slot(const struct worker_table *table, const struct worker_entry *entry)
{
    return (uint32_t)(entry - table->entries);
}

/* No code of ours runs in it: its half of the slot is ours. */
void worker_table_ready(struct worker_table *table, uint32_t slot)
{
    if (table->entries[slot].state != SCOREBOARD_STARTING)
        return;
    SCOREBOARD_STORE(table->plan->scoreboard->slots[slot].worker.phase, SCOREBOARD_IDLE);
    notice_ready(table, slot);
    table->got_ready(table);
}

/* Of an elastic pool. Workers count themselves out while they have a client. */
static void count_idle(struct worker_table *table, int32_t change)
{
    if (table->plan->scoreboard->header.elastic)
        SCOREBOARD_ADD(table->plan->scoreboard->spare.idle, change);
}

void worker_table_occupy(struct worker_table *table, uint32_t slot)
{
    struct worker_entry *entry = &table->entries[slot];
    struct scoreboard_keeper *keeper = &table->plan->scoreboard->slots[slot].keeper;
    entry->born_ms = clock_now_ms();
    SCOREBOARD_STORE(keeper->pid, entry->child.pid);
    SCOREBOARD_STORE(keeper->born_ms, entry->born_ms);
    count_idle(table, 1);
    worker_table_set_state(table, slot, SCOREBOARD_STARTING);
}

void worker_table_prove(struct worker_table *table, uint32_t slot)
{
    struct worker_entry *entry = &table->entries[slot];
    assert(entry->state == SCOREBOARD_READY && !entry->proved);
    entry->proved = true;
    table->unproved--;
}

void worker_table_vacate(struct worker_table *table, uint32_t slot)
{
    uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
    if (!scoreboard_is_busy(phase))
        count_idle(table, -1);
    pool_acceptors_forget(&table->plan->acceptors, slot, phase);
    table->released -= table->entries[slot].released;
    settle_counters(table, slot);
    worker_table_set_state(table, slot, SCOREBOARD_FREE);
    table->entries[slot] = BLANK_ENTRY;
}

bool worker_table_may_accept(const struct worker_table *table, uint32_t slot)
{
    uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
    return table->entries[slot].state != SCOREBOARD_FREE &&
           (phase == SCOREBOARD_UNBORN || scoreboard_is_idle(phase));
}

int64_t worker_table_count(const struct worker_table *table)
{
    return table->starting + table->ready + table->draining;
}
