/* SPDX-License-Identifier: MIT
 *
 * worker_leave - see worker_leave.h.
 */
#include "supervisor/pool/worker_leave.h"

#include "include/warm.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/pool/stray.h"

/* A program leads a group. One that is about to be one does not yet, hence both. */
static void kill_worker(struct worker_table *table, struct worker_entry *entry)
{
    entry->killed = true;
    if (config_is_program(table->plan->service) && entry->child.pidfd >= 0)
        stray_end_group(entry->child.pid, SIGKILL);
    cgroup_kill(&table->cgroup, worker_table_slot(table, entry));
    child_signal(&entry->child, SIGKILL);
}

void worker_leave_kill(struct worker_table *table, uint32_t slot, const char *why)
{
    struct worker_entry *entry = &table->entries[slot];
    if (entry->killed)
        return;
    log_warning("worker %d %s, killing it", (int)entry->child.pid, why);
    kill_worker(table, entry);
}

/* A program that serves a connection hears nothing from us until that has to end. */
static void tell_to_leave(struct worker_table *table, uint32_t slot)
{
    uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
    if (phase != SCOREBOARD_PROGRAM)
        child_signal(&table->entries[slot].child, table->drain_signal);
}

void worker_leave_again(struct worker_table *table, uint32_t slot)
{
    struct worker_entry *entry = &table->entries[slot];
    if (entry->killed)
        kill_worker(table, entry);
    else if (entry->state == SCOREBOARD_DRAINING)
        tell_to_leave(table, slot);
}

/* The highest one below END that has not been told to leave. */
static uint32_t staying_below(const struct worker_table *table, uint32_t end)
{
    uint32_t ready = slot_set_previous(&table->by_state[SCOREBOARD_READY], end);
    uint32_t starting = slot_set_previous(&table->by_state[SCOREBOARD_STARTING], end);
    if (ready == SLOT_SET_NONE || starting == SLOT_SET_NONE)
        return ready == SLOT_SET_NONE ? starting : ready;
    return ready > starting ? ready : starting;
}

static void drain_one(struct worker_table *table, uint32_t slot, int64_t now_ms,
                      int64_t leave_by_ms)
{
    struct worker_entry *entry = &table->entries[slot];
    entry->notice.told_ms = now_ms;
    entry->notice.leave_by_ms = leave_by_ms;
    /* First: a program that is being started warm may miss the signal, and looks here. */
    worker_table_set_state(table, slot, SCOREBOARD_DRAINING);
    tell_to_leave(table, slot);
}

static int64_t drain_those(struct worker_table *table, int64_t count, bool busy_too, int64_t now_ms,
                           int64_t leave_by_ms)
{
    for (uint32_t slot = staying_below(table, table->slots); slot != SLOT_SET_NONE && count > 0;
         slot = staying_below(table, slot)) {
        const struct scoreboard_worker *worker = &table->plan->scoreboard->slots[slot].worker;
        if (scoreboard_is_busy(worker->phase) && !busy_too)
            continue;
        drain_one(table, slot, now_ms, leave_by_ms);
        count--;
    }
    return count;
}

/* They had all the time there was. */
static void hurry_released(struct worker_table *table, int64_t leave_by_ms)
{
    const struct slot_set *draining = &table->by_state[SCOREBOARD_DRAINING];
    for (uint32_t slot = slot_set_next(draining, 0); slot != SLOT_SET_NONE && table->released > 0;
         slot = slot_set_next(draining, slot + 1)) {
        struct worker_entry *entry = &table->entries[slot];
        if (entry->released)
            entry->notice.leave_by_ms = clock_earlier(entry->notice.leave_by_ms, leave_by_ms);
    }
}

void worker_leave_one(struct worker_table *table, uint32_t slot, int64_t now_ms,
                      int64_t leave_by_ms)
{
    table->entries[slot].released = true;
    table->released++;
    drain_one(table, slot, now_ms, leave_by_ms);
}

void worker_leave_release(struct worker_table *table, int64_t count, int64_t now_ms)
{
    const struct slot_set *ready = &table->by_state[SCOREBOARD_READY];
    for (uint32_t slot = slot_set_previous(ready, table->slots); slot != SLOT_SET_NONE && count > 0;
         slot = slot_set_previous(ready, slot)) {
        uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
        if (scoreboard_is_busy(phase))
            continue;
        worker_leave_one(table, slot, now_ms, CLOCK_NEVER);
        count--;
    }
}

/* The second pass takes all that are left: one that was busy in the first may be idle by now. */
void worker_leave_drain(struct worker_table *table, int64_t count, int64_t now_ms,
                        int64_t leave_by_ms)
{
    count = drain_those(table, count, false, now_ms, leave_by_ms);
    drain_those(table, count, true, now_ms, leave_by_ms);
    hurry_released(table, leave_by_ms);
}

/* Programs write to their pipe, also those that wait for their client. */
void worker_leave_reopen_log(struct worker_table *table)
{
    for (uint32_t slot = 0; slot < table->slots && !worker_is_warm(); slot++) {
        uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
        if (!worker_table_is_program(table, phase))
            child_signal(&table->entries[slot].child, WORKER_REOPEN);
    }
}

void worker_leave_kill_all(struct worker_table *table)
{
    for (uint32_t slot = 0; slot < table->slots; slot++)
        kill_worker(table, &table->entries[slot]);
}
