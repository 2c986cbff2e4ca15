/* SPDX-License-Identifier: MIT
 *
 * pool_retirement - see pool_retirement.h.
 */
#include "supervisor/pool/pool_retirement.h"

#include "supervisor/pool/pool.h"
#include "supervisor/pool/worker_leave.h"

#include <unistd.h>

#define REQUESTS_MOST 128  /* in one turn */
#define NEW_CLIENT_MS 1000 /* one that has been there for longer may stay for hours */

static uint32_t phase_of(const struct pool *pool, uint32_t slot)
{
    return SCOREBOARD_LOAD(pool->plan.scoreboard->slots[slot].worker.phase);
}

static bool is_busy(const struct pool *pool, const struct pool_retirement_worn *worn)
{
    return scoreboard_is_busy(phase_of(pool, worn->slot));
}

/* It may have ended since, or was told to leave for another reason; a program that has got its
 * client leaves by itself. */
static bool is_there(const struct pool *pool, const struct pool_retirement_worn *worn)
{
    const struct worker_entry *entry = &pool->table.entries[worn->slot];
    return entry->state == SCOREBOARD_READY && entry->child.pid == worn->pid &&
           phase_of(pool, worn->slot) != SCOREBOARD_PROGRAM;
}

/* Where there is no place, one that has a client, and has not been told that it may leave after it,
 * makes room: it asks again. */
static void add(struct pool *pool, struct pool_retirement_worn worn)
{
    struct pool_retirement *r = &pool->retirement;
    int place = 0;
    for (int i = 0; i < r->worn_count; i++)
        if (r->worn[i].slot == worn.slot && r->worn[i].pid == worn.pid)
            return;
    if (r->worn_count < RETIREMENT_MOST)
        place = r->worn_count++;
    else
        while (place < RETIREMENT_MOST &&
               (r->worn[place].may_leave || !is_busy(pool, &r->worn[place])))
            place++;
    if (place < RETIREMENT_MOST)
        r->worn[place] = worn;
}

void pool_retirement_add(struct pool *pool, uint32_t slot)
{
    struct pool_retirement_worn worn = {slot, pool->table.entries[slot].child.pid, false};
    if (!is_busy(pool, &worn))
        add(pool, worn);
}

/* What a worker says is checked; one that went mad can have others replaced, and nothing else. */
static void on_request(struct loop_source *source, uint32_t events)
{
    struct pool *pool = source->owner;
    struct worker_wear request;
    (void)events;
    for (int i = 0; i < REQUESTS_MOST; i++) {
        if (read(source->fd, &request, sizeof request) != (ssize_t)sizeof request)
            return;
        struct pool_retirement_worn worn = {request.slot, request.pid, false};
        if (worn.slot < pool->table.slots && is_there(pool, &worn))
            add(pool, worn);
    }
}

int64_t pool_retirement_leaving(struct pool *pool)
{
    struct pool_retirement *r = &pool->retirement;
    int64_t most = retirement_overlap(pool->policy.target) - pool->table.released;
    int kept = 0;
    for (int i = 0; i < r->worn_count; i++)
        if (is_there(pool, &r->worn[i]))
            r->worn[kept++] = r->worn[i];
    r->worn_count = kept;
    return most < 0 ? 0 : kept < most ? kept : most;
}

int64_t pool_retirement_idle(const struct pool *pool, int64_t leaving)
{
    int64_t idle = 0;
    for (int i = 0; i < pool->retirement.worn_count && idle < leaving; i++)
        idle += !is_busy(pool, &pool->retirement.worn[i]);
    return idle;
}

typedef bool has_property(const struct pool *pool, const struct pool_retirement_worn *worn,
                          int64_t now_ms);
typedef void do_it(struct pool *pool, struct pool_retirement_worn *worn, int64_t now_ms);

/* To so many of those that are there, and have no permission. Returns to how many. */
static int64_t do_to(struct pool *pool, int64_t most, has_property *has, do_it *act, int64_t now_ms)
{
    struct pool_retirement *r = &pool->retirement;
    int64_t done = 0;
    for (int i = 0; i < r->worn_count && done < most; i++) {
        struct pool_retirement_worn *worn = &r->worn[i];
        if (!worn->may_leave && is_there(pool, worn) && has(pool, worn, now_ms)) {
            act(pool, worn, now_ms);
            done++;
        }
    }
    return done;
}

static bool is_leaving(const struct pool *pool, const struct pool_retirement_worn *worn,
                       int64_t now_ms)
{
    const struct scoreboard_slot *slot = &pool->plan.scoreboard->slots[worn->slot];
    (void)now_ms;
    return atomic_load(&slot->worker.phase) == SCOREBOARD_LEAVING; /* wear.c has the other half */
}

static bool is_idle(const struct pool *pool, const struct pool_retirement_worn *worn,
                    int64_t now_ms)
{
    (void)now_ms;
    return !is_busy(pool, worn);
}

static bool has_new_client(const struct pool *pool, const struct pool_retirement_worn *worn,
                           int64_t now_ms)
{
    const struct scoreboard_slot *slot = &pool->plan.scoreboard->slots[worn->slot];
    return now_ms - SCOREBOARD_LOAD(slot->worker.started_ms) < NEW_CLIENT_MS;
}

static bool is_any(const struct pool *pool, const struct pool_retirement_worn *worn, int64_t now_ms)
{
    (void)pool;
    (void)worn;
    (void)now_ms;
    return true;
}

/* A program that accepts by itself has graceful_timeout, as after a reload; nobody knows of its
 * clients. */
static void let_go(struct pool *pool, struct pool_retirement_worn *worn, int64_t now_ms)
{
    int64_t leave_by_ms = pool->service->kind == CONFIG_LISTEN
                              ? now_ms + pool->service->graceful_timeout
                              : CLOCK_NEVER;
    worker_leave_one(&pool->table, worn->slot, now_ms, leave_by_ms);
    pool->check_at_ms = now_ms; /* it is judged by other limits now */
}

static void permit(struct pool *pool, struct pool_retirement_worn *worn, int64_t now_ms)
{
    (void)now_ms;
    worn->may_leave = true;
    SCOREBOARD_STORE(pool->plan.scoreboard->slots[worn->slot].keeper.may_leave, worn->pid);
}

static void take_permissions_back(struct pool *pool)
{
    struct pool_retirement *r = &pool->retirement;
    for (int i = 0; i < r->worn_count; i++) {
        if (r->worn[i].may_leave)
            atomic_store(&pool->plan.scoreboard->slots[r->worn[i].slot].keeper.may_leave, 0);
        r->worn[i].may_leave = false;
    }
}

/* Under load one that asks has its next client before it is heard: it leaves after that one, unless
 * that stays. Those are taken in one order, or two that ask by turns would both stay. */
void pool_retirement_release(struct pool *pool, int64_t count, int64_t now_ms)
{
    take_permissions_back(pool);
    count -= do_to(pool, pool->retirement.worn_count, is_leaving, let_go, now_ms);
    count -= do_to(pool, count, is_idle, let_go, now_ms);
    count -= do_to(pool, count, has_new_client, permit, now_ms);
    do_to(pool, count, is_any, permit, now_ms);
}

int pool_retirement_init(struct pool *pool)
{
    struct pool_retirement *r = &pool->retirement;
    r->requests.ready = on_request;
    r->requests.owner = pool;
    return r->requests.fd < 0 ? 0 : loop_add(&pool->loop, &r->requests, EPOLLIN);
}
