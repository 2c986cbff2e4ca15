/* SPDX-License-Identifier: MIT
 *
 * pool_listen - see pool_listen.h.
 */
#include "supervisor/pool/pool_listen.h"

#include "lib/clock.h"
#include "lib/scoreboard.h"
#include "supervisor/pool/worker_end.h"
#include "supervisor/pool/worker_leave.h"

#include <errno.h>
#include <unistd.h>

/* The worker that PID is, or in whose session it is. NULL: it is none of ours. */
static struct worker_entry *find_sender(struct pool *pool, pid_t pid)
{
    struct worker_entry *found = worker_table_find(&pool->table, pid);
    pid_t session = found ? -1 : getsid(pid);
    return session > 0 ? worker_table_find(&pool->table, session) : found;
}

/* Not a line for each: whoever may send may send a million. */
static void warn_of_stranger(struct rate *warnings, pid_t pid, const char *what)
{
    if (rate_take(warnings, 1, clock_now_ms()) > 0)
        log_warning("process %d, which is not of this service, sent %s; ignored", (int)pid, what);
}

static void on_said(void *owner, pid_t pid, const struct notify_message *message)
{
    struct pool *pool = owner;
    struct worker_entry *entry = find_sender(pool, pid);
    if (!entry) {
        warn_of_stranger(&pool->sd_notify.warnings, pid, "a notification");
        return;
    }
    uint32_t slot = worker_table_slot(&pool->table, entry);
    if (message->has_status)
        scoreboard_say(&pool->plan.scoreboard->slots[slot].worker, message->status);
    if (message->alive)
        entry->alive_ms = clock_now_ms();
    if (message->ready)
        worker_table_ready(&pool->table, slot);
    if (message->triggered)
        worker_leave_kill(&pool->table, slot, "reported its own failure (WATCHDOG=trigger)");
}

static void on_acknowledged(void *owner, pid_t pid)
{
    struct pool *pool = owner;
    struct worker_entry *entry = find_sender(pool, pid);
    if (entry)
        worker_table_ready(&pool->table, worker_table_slot(&pool->table, entry));
    else
        warn_of_stranger(&pool->einhorn.warnings, pid, "an acknowledgement");
}

int pool_listen_init(struct pool *pool, struct error *error)
{
    pool->programs_say = pool->service->kind == CONFIG_LISTEN;
    if (!pool->programs_say)
        return 0;
    if (notify_init(&pool->sd_notify, &pool->loop, on_said, pool) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot make the notify socket");
    pool->plan.notify_name = pool->sd_notify.name;
    pool->einhorn = (struct einhorn){.source = {.fd = -1}};
    if (!config_protocol(&pool->service->program, "einhorn"))
        return 0;
    if (einhorn_init(&pool->einhorn, &pool->loop, on_acknowledged, pool) == 0)
        pool->plan.einhorn_path = pool->einhorn.path;
    else
        log_warning("there will be no EINHORN_SOCK_PATH: %s", strerror(errno));
    return 0;
}

static int64_t check_ready(struct pool *pool, uint32_t slot, int64_t now_ms)
{
    const struct worker_entry *entry = &pool->table.entries[slot];
    int64_t due = clock_deadline(entry->born_ms, pool->service->program.ready_after);
    if (now_ms < due)
        return due;
    worker_table_ready(&pool->table, slot);
    return now_ms; /* another turn: there is something to report, and maybe to start */
}

static int64_t check_watchdog(struct pool *pool, uint32_t slot, int64_t now_ms)
{
    const struct worker_entry *entry = &pool->table.entries[slot];
    int64_t heard = entry->alive_ms > entry->ready_ms ? entry->alive_ms : entry->ready_ms;
    int64_t due = clock_deadline(heard, pool->service->program.watchdog);
    if (now_ms < due || entry->killed)
        return entry->killed ? CLOCK_NEVER : due;
    worker_leave_kill(&pool->table, slot, "did not say WATCHDOG=1 in time");
    return CLOCK_NEVER;
}

static int64_t check_proved(struct pool *pool, uint32_t slot, int64_t now_ms)
{
    const struct worker_entry *entry = &pool->table.entries[slot];
    if (entry->proved)
        return CLOCK_NEVER;
    if (now_ms < entry->ready_ms + LISTEN_PROVED_MS)
        return entry->ready_ms + LISTEN_PROVED_MS;
    worker_table_prove(&pool->table, slot);
    pool_policy_ready(&pool->policy);
    return now_ms; /* another turn: others may be started again */
}

int64_t pool_listen_unproved(const struct pool *pool)
{
    return pool->programs_say ? pool->table.unproved : 0;
}

bool pool_listen_lasts(const struct pool *pool)
{
    return !pool->programs_say || pool->plan.generation <= 1 ||
           (pool->table.ready > 0 && pool_listen_unproved(pool) == 0);
}

void pool_listen_expect(struct pool *pool, int64_t now_ms)
{
    const struct config_program *program = &pool->service->program;
    if (!pool->programs_say)
        return;
    int64_t first = clock_earlier(clock_deadline(now_ms, program->ready_after),
                                  clock_deadline(now_ms, program->watchdog));
    first = clock_earlier(first, now_ms + LISTEN_PROVED_MS);
    pool->listen_ms = clock_earlier(pool->listen_ms, first);
}

static int64_t check_all(struct pool *pool, int64_t now_ms)
{
    int64_t next = CLOCK_NEVER;
    for (uint32_t slot = 0; slot < pool->table.slots; slot++) {
        enum scoreboard_state state = pool->table.entries[slot].state;
        if (state == SCOREBOARD_STARTING) {
            next = clock_earlier(next, check_ready(pool, slot, now_ms));
        } else if (state == SCOREBOARD_READY) {
            next = clock_earlier(next, check_watchdog(pool, slot, now_ms));
            next = clock_earlier(next, check_proved(pool, slot, now_ms));
        }
    }
    return next;
}

int64_t pool_listen_check(struct pool *pool, int64_t now_ms)
{
    if (!pool->programs_say)
        return CLOCK_NEVER;
    if (now_ms >= pool->listen_ms)
        pool->listen_ms = check_all(pool, now_ms);
    return pool->plan.einhorn_path
               ? clock_earlier(pool->listen_ms, einhorn_check(&pool->einhorn, now_ms))
               : pool->listen_ms;
}
