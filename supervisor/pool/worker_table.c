/* SPDX-License-Identifier: MIT
 *
 * worker_table - see worker_table.h.
 */
#include "supervisor/pool/worker_table.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "lib/memory.h"
#include "supervisor/pool/stray.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#define BLANK_ENTRY                                                                                \
    ((struct worker_entry){.child = CHILD_NONE,                                                    \
                           .maker = -1,                                                            \
                           .notice = DEADLINE_NOTICE_NONE,                                         \
                           .errors = ERROR_PIPE_NONE})

static enum config_handler kind(const struct worker_table *table)
{
    return table->plan->service->kind;
}

bool worker_table_is_program(const struct worker_table *table, uint32_t phase)
{
    return phase == SCOREBOARD_PROGRAM || kind(table) == CONFIG_LISTEN;
}

void worker_table_init(struct worker_table *table, struct loop *loop,
                       const struct worker_plan *plan, uint32_t slots)
{
    *table = (struct worker_table){.loop = loop, .plan = plan, .slots = slots};
    table->cgroup = CGROUP_NONE;
    error_pipe_budget_init(&table->error_budget);
    if (config_is_program(table->plan->service))
        cgroup_init(&table->cgroup, plan->service->name, slots);
    table->entries = memory_zeroed(slots, sizeof *table->entries);
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

/* The only writer of a state: keeps counters, sets and the scoreboard in step. */
static void set_state(struct worker_table *table, uint32_t slot, enum scoreboard_state state)
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
    set_state(table, slot, SCOREBOARD_READY);
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

static void vacate(struct worker_table *table, uint32_t slot)
{
    const struct scoreboard_worker *worker = &table->plan->scoreboard->slots[slot].worker;
    if (!scoreboard_is_busy(SCOREBOARD_LOAD(worker->phase)))
        count_idle(table, -1);
    table->released -= table->entries[slot].released;
    settle_counters(table, slot);
    set_state(table, slot, SCOREBOARD_FREE);
    table->entries[slot] = BLANK_ENTRY;
}

static void on_pidfd(struct loop_source *source, uint32_t events)
{
    struct worker_table *table = source->owner;
    struct worker_entry *entry =
        (struct worker_entry *)(void *)((char *)source - offsetof(struct worker_entry, source));
    uint32_t slot = worker_table_slot(table, entry);
    struct child_end end;
    (void)events;
    if (notice_ready(table, slot)) /* and we have not looked yet */
        table->got_ready(table);
    loop_remove(table->loop, source);
    /* What it has left would accept on; that of other programs has STRAY_SPARE_MS. */
    if (kind(table) == CONFIG_LISTEN)
        stray_end_group(entry->child.pid, SIGTERM);
    if (child_reap(&entry->child, &end) != 1) {
        loop_add(table->loop, source, EPOLLIN);
        return;
    }
    pid_index_remove(&table->pids, slot); /* it may be somebody else's from now on */
    error_pipe_close(&entry->errors);
    struct worker_entry ended = *entry;
    table->ended(table, slot, &ended, &end);
    cgroup_ended(&table->cgroup, slot,
                 clock_deadline(clock_now_ms(), table->plan->service->kill_timeout));
    vacate(table, slot);
}

static int free_slot(const struct worker_table *table, uint32_t *slot)
{
    *slot = slot_set_next(&table->by_state[SCOREBOARD_FREE], 0);
    if (*slot != SLOT_SET_NONE)
        return 0;
    errno = EBUSY;
    return -1;
}

static int watch(struct worker_table *table, struct worker_entry *entry, pid_t pid)
{
    if (child_adopt(&entry->child, pid) < 0)
        return -1;
    entry->source = (struct loop_source){entry->child.pidfd, on_pidfd, table};
    if (loop_add(table->loop, &entry->source, EPOLLIN) == 0) {
        pid_index_add(&table->pids, worker_table_slot(table, entry), pid);
        return 0;
    }
    child_discard(&entry->child);
    return -1;
}

static int fork_into(struct worker_table *table, struct worker_entry *entry,
                     struct worker_birth *birth)
{
    if (config_is_program(table->plan->service)) {
        birth->error_fd = error_pipe_open(&entry->errors, table->loop, &table->error_budget,
                                          &table->plan->scoreboard->slots[birth->slot]);
        if (birth->error_fd < 0)
            return -1;
    }
    if (table->order) {
        entry->maker = table->order(table, birth->slot, birth->error_fd);
        fds_close(&birth->error_fd);
        return entry->maker < 0 ? -1 : 0;
    }
    pid_t pid =
        config_is_program(table->plan->service) ? cgroup_fork(&table->cgroup, birth->slot) : fork();
    if (pid == 0)
        worker_run(table->plan, birth);
    fds_close(&birth->error_fd);
    error_pipe_start(&entry->errors, pid);
    return pid < 0 ? -1 : watch(table, entry, pid);
}

static void show_birth(struct worker_table *table, struct worker_entry *entry, uint32_t slot)
{
    struct scoreboard_keeper *keeper = &table->plan->scoreboard->slots[slot].keeper;
    entry->born_ms = clock_now_ms();
    SCOREBOARD_STORE(keeper->pid, entry->child.pid);
    SCOREBOARD_STORE(keeper->born_ms, entry->born_ms);
    count_idle(table, 1);
    set_state(table, slot, SCOREBOARD_STARTING);
}

int worker_table_fork(struct worker_table *table)
{
    struct worker_birth birth = {.error_fd = -1, .control_fd = -1};
    if (free_slot(table, &birth.slot) < 0)
        return -1;
    struct worker_entry *entry = &table->entries[birth.slot];
    if (fork_into(table, entry, &birth) < 0) {
        int saved = errno;
        error_pipe_close(&entry->errors);
        errno = saved;
        return -1;
    }
    show_birth(table, entry, birth.slot);
    return 0;
}

/* A program leads a group. One that is about to be one does not yet, hence both. */
static void kill_worker(struct worker_table *table, struct worker_entry *entry)
{
    entry->killed = true;
    if (config_is_program(table->plan->service) && entry->child.pidfd >= 0)
        stray_end_group(entry->child.pid, SIGKILL);
    cgroup_kill(&table->cgroup, worker_table_slot(table, entry));
    child_signal(&entry->child, SIGKILL);
}

void worker_table_kill(struct worker_table *table, uint32_t slot, const char *why)
{
    struct worker_entry *entry = &table->entries[slot];
    if (entry->killed)
        return;
    log_warning("worker %d %s, killing it", (int)entry->child.pid, why);
    kill_worker(table, entry);
}

static void cancel_order(struct worker_table *table, uint32_t slot)
{
    struct worker_entry *entry = &table->entries[slot];
    error_pipe_close(&entry->errors);
    vacate(table, slot);
}

/* A program that serves a connection hears nothing from us until that has to end. */
static void tell_to_leave(struct worker_table *table, uint32_t slot)
{
    uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
    if (phase != SCOREBOARD_PROGRAM)
        child_signal(&table->entries[slot].child, table->drain_signal);
}

/* What was said to it while it was on order is said again. */
static void catch_up(struct worker_table *table, struct worker_entry *entry)
{
    if (entry->killed)
        kill_worker(table, entry);
    else if (entry->state == SCOREBOARD_DRAINING)
        tell_to_leave(table, worker_table_slot(table, entry));
}

/* Takes hold of the copy PID, or says by errno why there is none. */
static int take_copy(struct worker_table *table, struct worker_entry *entry, pid_t pid)
{
    errno = pid < 0 ? -pid : ECHILD;
    return child_is_ours(pid) && !worker_table_find(table, pid) ? watch(table, entry, pid) : -1;
}

int worker_table_copied(struct worker_table *table, int maker, uint32_t slot, pid_t pid)
{
    struct worker_entry *entry = slot < table->slots ? &table->entries[slot] : NULL;
    if (!entry || entry->maker < 0 || entry->maker != maker) {
        log_warning("a template answered an order that was not given");
        return 0;
    }
    entry->maker = -1;
    error_pipe_start(&entry->errors, pid);
    if (take_copy(table, entry, pid) < 0) {
        int saved = errno;
        cancel_order(table, slot);
        errno = saved;
        return -1;
    }
    SCOREBOARD_STORE(table->plan->scoreboard->slots[slot].keeper.pid, pid);
    if (notice_ready(table, slot)) /* of a cold program it is from its birth */
        table->got_ready(table);
    catch_up(table, entry);
    return 0;
}

void worker_table_uncopied(struct worker_table *table, int maker)
{
    for (uint32_t slot = 0; slot < table->slots; slot++)
        if (table->entries[slot].maker == maker)
            cancel_order(table, slot);
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
    set_state(table, slot, SCOREBOARD_DRAINING); /* first: a program that is being started warm
                                                    may miss the signal, and looks here */
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

void worker_table_release(struct worker_table *table, int64_t count, int64_t now_ms)
{
    const struct slot_set *ready = &table->by_state[SCOREBOARD_READY];
    for (uint32_t slot = slot_set_previous(ready, table->slots); slot != SLOT_SET_NONE && count > 0;
         slot = slot_set_previous(ready, slot)) {
        uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
        if (scoreboard_is_busy(phase))
            continue;
        table->entries[slot].released = true;
        table->released++;
        drain_one(table, slot, now_ms, CLOCK_NEVER);
        count--;
    }
}

/* The second pass takes all that are left: one that was busy in the first may be idle by now. */
void worker_table_drain(struct worker_table *table, int64_t count, int64_t now_ms,
                        int64_t leave_by_ms)
{
    count = drain_those(table, count, false, now_ms, leave_by_ms);
    drain_those(table, count, true, now_ms, leave_by_ms);
    hurry_released(table, leave_by_ms);
}

bool worker_table_may_accept(const struct worker_table *table, uint32_t slot)
{
    uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
    return table->entries[slot].state != SCOREBOARD_FREE &&
           (phase == SCOREBOARD_UNBORN || phase == SCOREBOARD_IDLE);
}

/* Programs write to their pipe, also those that wait for their client. */
void worker_table_reopen_log(struct worker_table *table)
{
    for (uint32_t slot = 0; slot < table->slots && !worker_is_warm(); slot++) {
        uint32_t phase = SCOREBOARD_LOAD(table->plan->scoreboard->slots[slot].worker.phase);
        if (!worker_table_is_program(table, phase))
            child_signal(&table->entries[slot].child, WORKER_REOPEN);
    }
}

void worker_table_kill_all(struct worker_table *table)
{
    for (uint32_t slot = 0; slot < table->slots; slot++)
        kill_worker(table, &table->entries[slot]);
}

int64_t worker_table_count(const struct worker_table *table)
{
    return table->starting + table->ready + table->draining;
}
