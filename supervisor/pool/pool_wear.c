/* SPDX-License-Identifier: MIT
 *
 * pool_wear - see pool_wear.h.
 */
#include "supervisor/pool/pool_wear.h"

#include "lib/dice.h"
#include "lib/memory.h"
#include "supervisor/pool/pool.h"
#include "supervisor/pool/worker_leave.h"
#include "supervisor/pool/worker_memory.h"

#include <errno.h>
#include <inttypes.h>

#define NEW_MS 10000 /* a program that accepts by itself may have served since then */

static void warn_of_unreadable(struct pool *pool, int number)
{
    if (pool->wear.unreadable_said)
        return;
    pool->wear.unreadable_said = true;
    log_warning("cannot tell how much memory workers use (/proc/PID/smaps_rollup: %s): "
                "max_worker_memory has no effect",
                strerror(number));
}

/* Idle workers do not grow: they are measured after each look at which they had served clients. Of
 * a program that accepts by itself nobody knows. */
static bool has_to_be_measured(const struct pool *pool, uint32_t slot,
                               const struct pool_wear_watch *watch)
{
    const struct retirement_limits *limits = &pool->wear.limits;
    const struct scoreboard_worker *worker = &pool->plan.scoreboard->slots[slot].worker;
    if (limits->soft == 0 && limits->hard == 0)
        return false;
    return pool->service->kind == CONFIG_LISTEN ||
           scoreboard_is_busy(SCOREBOARD_LOAD(worker->phase)) ||
           SCOREBOARD_LOAD(worker->connections) != watch->connections;
}

static int64_t measure(struct pool *pool, uint32_t slot, struct pool_wear_watch *watch)
{
    int64_t memory = worker_memory_measure(watch->pid);
    if (memory < 0)
        warn_of_unreadable(pool, errno);
    watch->connections = SCOREBOARD_LOAD(pool->plan.scoreboard->slots[slot].worker.connections);
    return memory < 0 ? 0 : memory;
}

static void kill_it(struct pool *pool, uint32_t slot, int64_t memory)
{
    char why[96];
    snprintf(why, sizeof why, "uses %" PRId64 " KiB of memory (max_worker_memory_hard)",
             memory >> 10);
    worker_leave_kill(&pool->table, slot, why);
}

static void say(const struct pool *pool, uint32_t slot, enum retirement_verdict verdict,
                int64_t memory, int64_t now_ms)
{
    const struct worker_entry *entry = &pool->table.entries[slot];
    if (verdict == RETIREMENT_BIG)
        log_info("worker %d uses %" PRId64 " KiB of memory and is replaced (max_worker_memory)",
                 (int)entry->child.pid, memory >> 10);
    else
        log_debug("worker %d is %" PRId64 " s old and is replaced (max_worker_age)",
                  (int)entry->child.pid, (now_ms - entry->born_ms) / 1000);
}

/* It is told in any case: one without a client may get one before it is let go. */
static void retire(struct pool *pool, uint32_t slot, enum retirement_verdict verdict,
                   int64_t memory, int64_t now_ms)
{
    struct scoreboard_keeper *keeper = &pool->plan.scoreboard->slots[slot].keeper;
    pid_t pid = pool->table.entries[slot].child.pid;
    if (SCOREBOARD_LOAD(keeper->worn) != pid) {
        SCOREBOARD_STORE(keeper->worn, pid);
        say(pool, slot, verdict, memory, now_ms);
    }
    pool_retirement_add(pool, slot);
}

/* What every worker uses from the start is not wear: with a limit below that all of them are
 * replaced, or killed, again and again. */
static void warn_of_small_limit(const struct retirement_limits *limits, int64_t memory)
{
    int64_t limit = limits->soft > 0 ? limits->soft : limits->hard;
    if (memory > limit)
        log_warning("a new worker uses %" PRId64 " KiB of memory, and %s is %" PRId64
                    " KiB: each is replaced as soon as it has served; raise it",
                    memory >> 10, limits->soft > 0 ? "max_worker_memory" : "max_worker_memory_hard",
                    limit >> 10);
}

/* One that is new is measured, once in the life of a pool. */
static void look_at_new(struct pool *pool, uint32_t slot, int64_t now_ms)
{
    struct pool_wear *w = &pool->wear;
    const struct worker_entry *entry = &pool->table.entries[slot];
    const struct scoreboard_worker *worker = &pool->plan.scoreboard->slots[slot].worker;
    if (w->new_seen || (w->limits.soft == 0 && w->limits.hard == 0) ||
        SCOREBOARD_LOAD(worker->connections) > 0 || now_ms - entry->ready_ms > NEW_MS)
        return;
    w->new_seen = true;
    warn_of_small_limit(&w->limits, worker_memory_measure(entry->child.pid));
}

static struct pool_wear_watch *watch_of(struct pool *pool, uint32_t slot)
{
    struct pool_wear_watch *watch = &pool->wear.watches[slot];
    const struct worker_entry *entry = &pool->table.entries[slot];
    if (watch->pid != entry->child.pid)
        *watch = (struct pool_wear_watch){
            .pid = entry->child.pid,
            .due_ms = entry->born_ms + retirement_age(pool->wear.limits.age_ms, dice_roll())};
    return watch;
}

/* True where its memory was measured. */
static bool visit(struct pool *pool, uint32_t slot, int64_t now_ms)
{
    struct pool_wear_watch *watch = watch_of(pool, slot);
    look_at_new(pool, slot, now_ms);
    bool measures = has_to_be_measured(pool, slot, watch);
    int64_t memory = measures ? measure(pool, slot, watch) : 0;
    enum retirement_verdict verdict =
        retirement_judge(&pool->wear.limits, memory, watch->due_ms, now_ms);
    if (verdict == RETIREMENT_KILL)
        kill_it(pool, slot, memory);
    else if (verdict != RETIREMENT_NONE)
        retire(pool, slot, verdict, memory, now_ms);
    return measures;
}

/* Once around at most. Where no more may be measured the next step goes on from there: nobody is
 * left out. */
static void visit_some(struct pool *pool, int64_t visits, int64_t now_ms)
{
    const struct slot_set *ready = &pool->table.by_state[SCOREBOARD_READY];
    uint32_t *cursor = &pool->wear.cursor;
    int64_t measures = 0, until_ms = now_ms + RETIREMENT_MEASURES_MS;
    for (int64_t left = visits; left > 0; left--) {
        uint32_t slot = slot_set_next(ready, *cursor);
        if (slot == SLOT_SET_NONE && (slot = slot_set_next(ready, 0)) == SLOT_SET_NONE)
            return;
        if (measures == RETIREMENT_MEASURES_MOST || (measures > 0 && clock_now_ms() >= until_ms))
            return;
        *cursor = slot + 1 < pool->table.slots ? slot + 1 : 0;
        measures += visit(pool, slot, now_ms);
    }
}

int64_t pool_wear_check(struct pool *pool, int64_t now_ms)
{
    struct pool_wear *w = &pool->wear;
    if (!w->watches || pool->policy.stopping)
        return CLOCK_NEVER;
    if (now_ms < w->look_ms)
        return w->look_ms;
    struct retirement_pace pace = retirement_step(&w->limits, pool->table.ready);
    visit_some(pool, pace.visits, now_ms);
    w->look_ms = now_ms + pace.pause_ms;
    return w->look_ms;
}

static int64_t limit_of(int64_t configured)
{
    return configured == CONFIG_NOT_SET ? 0 : configured;
}

void pool_wear_init(struct pool *pool)
{
    struct pool_wear *w = &pool->wear;
    const struct config_service *service = pool->service;
    w->limits = (struct retirement_limits){.age_ms = service->max_worker_age,
                                           .soft = limit_of(service->max_worker_memory),
                                           .hard = limit_of(service->max_worker_memory_hard)};
    if (retirement_step(&w->limits, 1).pause_ms != CLOCK_NEVER)
        w->watches = memory_zeroed(pool->table.slots, sizeof *w->watches);
}
