/* SPDX-License-Identifier: MIT
 *
 * pool_strays - see pool_strays.h.
 */
#include "supervisor/pool/pool_strays.h"

#include "lib/clock.h"

static bool has_strays(const struct pool *pool)
{
    return config_is_program(pool->service);
}

/* Since when it may have started processes. One that accepts by itself does so from its birth. Any
 * other has started nobody before it has a client, warm ones included: fork(2) and its kin make
 * those take their client first (server/preload/hook_process.c). What a warm one makes by a bare
 * clone(2) nevertheless is known by its session, or is nobody's. */
static int64_t program_since(const struct pool *pool, const struct worker_entry *entry,
                             const struct scoreboard_worker *shown)
{
    if (pool->service->kind == CONFIG_LISTEN)
        return entry->born_ms;
    /* The worker sets the time before the phase. */
    bool program = atomic_load_explicit(&shown->phase, memory_order_acquire) == SCOREBOARD_PROGRAM;
    return program ? SCOREBOARD_LOAD(shown->started_ms) : CLOCK_NEVER;
}

static size_t list_workers(void *owner, struct stray_worker *workers)
{
    const struct pool *pool = owner;
    size_t count = 0;
    for (int i = 0; i < 2; i++)
        if (pool->templates[i].state != TEMPLATE_NONE)
            workers[count++] =
                (struct stray_worker){.pid = pool->templates[i].child.pid,
                                      .slot = UINT32_MAX,
                                      .program_ms = CLOCK_NEVER}; /* it never has a client */
    for (uint32_t slot = 0; slot < pool->table.slots; slot++) {
        const struct worker_entry *entry = &pool->table.entries[slot];
        if (entry->child.pidfd < 0)
            continue;
        workers[count++] = (struct stray_worker){
            .pid = entry->child.pid,
            .slot = slot,
            .program_ms = program_since(pool, entry, &pool->plan.scoreboard->slots[slot].worker),
            .force = entry->killed         ? STRAY_KILL
                     : entry->notice.given ? STRAY_TERM
                                           : STRAY_LIVES,
        };
    }
    return count;
}

static void list_makers(void *owner, struct stray_maker makers[static STRAY_MAKERS])
{
    const struct pool *pool = owner;
    for (int i = 0; i < STRAY_MAKERS; i++) {
        const struct template *t = &pool->templates[i];
        makers[i] = (struct stray_maker){.ordered = t->settled + t->orders, .settled = t->settled};
    }
}

static bool is_client(const struct pool *pool, uint32_t slot, const char *name)
{
    const struct scoreboard_slot *shown = &pool->plan.scoreboard->slots[slot];
    char peer[ADDRESS_TEXT_MAX];
    return SCOREBOARD_LOAD(shown->worker.phase) == SCOREBOARD_PROGRAM &&
           strcmp(scoreboard_peer(shown, peer), name) == 0;
}

/* A program per connection: by the client that it had when the process was started. */
static bool by_client(const struct pool *pool, const char *environment, size_t length,
                      pid_t *worker)
{
    char name[ADDRESS_TEXT_MAX];
    const char *ip = stray_policy_variable(environment, length, "TCPREMOTEIP");
    const char *port = stray_policy_variable(environment, length, "TCPREMOTEPORT");
    if (!ip || !port)
        return false;
    snprintf(name, sizeof name, strchr(ip, ':') ? "[%s]:%s" : "%s:%s", ip, port);
    for (uint32_t slot = 0; slot < pool->table.slots; slot++) {
        const struct worker_entry *entry = &pool->table.entries[slot];
        if (entry->child.pidfd >= 0 && is_client(pool, slot, name))
            *worker = entry->child.pid;
    }
    return true;
}

/* One that accepts by itself: by its pid. Clients that it names are its own affair. */
static bool by_worker(const char *environment, size_t length, pid_t *worker)
{
    const char *text = stray_policy_variable(environment, length, WORKER_VARIABLE);
    if (!text)
        return false;
    long pid = strtol(text, NULL, 10);
    *worker = pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
    return true;
}

static bool whose(void *owner, const char *environment, size_t length, pid_t *worker)
{
    const struct pool *pool = owner;
    if (pool->service->kind == CONFIG_LISTEN)
        return by_worker(environment, length, worker);
    return by_client(pool, environment, length, worker);
}

void pool_strays_init(struct pool *pool)
{
    static const struct stray_events events = {list_workers, list_makers, whose};
    if (has_strays(pool))
        stray_init(&pool->strays, &events, pool, pool->table.slots + 2,
                   pool->service->kill_timeout);
}

void pool_strays_ended(struct pool *pool, const struct worker_entry *ended)
{
    int64_t kill_ms = ended->notice.given ? ended->notice.kill_at_ms : CLOCK_NEVER;
    if (has_strays(pool))
        stray_ended(&pool->strays, ended->child.pid, kill_ms, clock_now_ms());
}

void pool_strays_due(struct pool *pool)
{
    if (has_strays(pool))
        stray_due(&pool->strays, clock_now_ms());
}

int64_t pool_strays_check(struct pool *pool, int64_t now_ms)
{
    if (!has_strays(pool))
        return CLOCK_NEVER;
    if (pool->policy.stopping && worker_table_count(&pool->table) == 0)
        stray_stop_all(&pool->strays, false, now_ms);
    return stray_check(&pool->strays, now_ms);
}

void pool_strays_kill(struct pool *pool)
{
    if (has_strays(pool))
        stray_stop_all(&pool->strays, true, clock_now_ms());
}

bool pool_strays_left(const struct pool *pool)
{
    return has_strays(pool) && stray_count(&pool->strays) > 0;
}
