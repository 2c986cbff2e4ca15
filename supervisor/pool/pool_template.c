/* SPDX-License-Identifier: MIT
 *
 * pool_template - see pool_template.h.
 */
#include "supervisor/pool/pool_template.h"

#include "lib/clock.h"
#include "lib/dice.h"
#include "supervisor/pool/obituary.h"
#include "supervisor/pool/worker_child.h"

#include <errno.h>

/* After a renewal that came to nothing. */
#define RENEW_AGAIN_MS 10000

/* The one that takes orders is pool->templates[pool->template]; the other one may be coming. */
static struct template *current(struct pool *pool)
{
    return &pool->templates[pool->template];
}

static struct template *other(struct pool *pool)
{
    return &pool->templates[!pool->template];
}

static void on_ready(struct template *t)
{
    struct pool *pool = t->owner;
    log_debug("template %d is ready after %lld ms", (int)t->child.pid,
              (long long)(clock_now_ms() - t->born_ms));
    pool->renew_ms = CLOCK_NEVER;
    if (worker_is_warm()) /* else what is the same in all copies ends with execve */
        pool->renew_ms = clock_deadline(t->born_ms, pool->service->program.warm_fork_max_age);
    if (t == current(pool))
        return;
    template_leave(current(pool));
    pool->template = !pool->template;
}

static void on_unfit(struct template *t, uint32_t threads, uint32_t written)
{
    struct pool *pool = t->owner;
    pool->template_refused = true;
    pool->table.order = NULL;
    template_leave(current(pool));
    if (threads > 1)
        log_warning("warm_fork is not possible: the program has %u threads; every worker starts it "
                    "for itself",
                    threads);
    else
        log_warning("warm_fork is not possible: the program has %u files open for writing, which "
                    "copies would share; every worker starts it for itself",
                    written);
}

static int number(const struct pool *pool, const struct template *t)
{
    return (int)(t - pool->templates);
}

/* The pool can fork the workers of a cold program itself, and does from now on where they cannot be
 * had in this way: the system does not allow it, or has no room for it. */
static bool can_do_without(const struct template *t)
{
    return !worker_is_warm() && !t->proved;
}

static void do_without(struct pool *pool, const char *why)
{
    pool->template_refused = true;
    template_leave(current(pool));
    log_warning("workers cannot be copies of a template (%s); the pool forks them itself", why);
}

/* As where a fork is refused: hold-off. Once for all orders that were open. */
static void on_copied(struct template *t, uint32_t slot, pid_t pid)
{
    struct pool *pool = t->owner;
    int64_t now = clock_now_ms();
    if (worker_child_copied(&pool->table, number(pool, t), slot, pid) == 0) {
        pool_policy_forked(&pool->policy);
        return;
    }
    if (pool->policy.stopping || pool_policy_held_until(&pool->policy, now) != CLOCK_NEVER)
        return;
    const char *why = strerror(errno);
    if (can_do_without(t) && pool_template_wanted(pool))
        do_without(pool, why);
    snprintf(pool->trouble, sizeof pool->trouble, "cannot copy a worker: %s", why);
    int64_t delay = pool_policy_failed(&pool->policy, true, now, dice_roll());
    log_warning("%s; next try in %lld ms", pool->trouble, (long long)delay);
}

/* One that was getting ready counts like a worker that was: hold-off. One that was killed by us
 * has done its work. */
static void on_ended(struct template *t, enum template_state state, const struct child_end *end)
{
    struct pool *pool = t->owner;
    char cause[OBITUARY_CAUSE_MAX];
    worker_child_uncopied(&pool->table, number(pool, t));
    if (state == TEMPLATE_LEAVING || pool->policy.stopping)
        return;
    obituary_cause(end, cause);
    if (t == other(pool)) {
        pool->renew_ms = clock_now_ms() + RENEW_AGAIN_MS;
        log_warning("the template that was to replace the present one ended by %s; the next try is "
                    "in %d ms",
                    cause, RENEW_AGAIN_MS);
        return;
    }
    if (can_do_without(t)) {
        do_without(pool, cause);
        return;
    }
    if (t->proved) {
        log_warning("the template of the workers ended by %s; the next one is started", cause);
        return;
    }
    int64_t delay = pool_policy_failed(&pool->policy, false, clock_now_ms(), dice_roll());
    snprintf(pool->trouble, sizeof pool->trouble,
             state == TEMPLATE_READY ? "the template of the workers ended by %s before it made any"
                                     : "the program ended by %s before it waited for a client",
             cause);
    log_warning("%s; next try in %lld ms", pool->trouble, (long long)delay);
}

void pool_template_init(struct pool *pool)
{
    static const struct template_events events = {on_ready, on_unfit, on_copied, on_ended};
    for (int i = 0; i < 2; i++)
        template_init(&pool->templates[i], &pool->loop, &pool->plan, &pool->table.error_budget,
                      &events, pool);
    pool->renew_ms = CLOCK_NEVER;
}

/* A cold program's worker is better born in its control group than moved there: the kernel makes
 * all forks of the machine wait for that. A warm one's template has to be elsewhere. */
bool pool_template_wanted(const struct pool *pool)
{
    return pool->service->kind == CONFIG_EXEC && !pool->template_refused && worker_is_copied() &&
           (worker_is_warm() || !cgroup_active(&pool->table.cgroup));
}

static void start(struct pool *pool)
{
    if (current(pool)->state != TEMPLATE_NONE || template_start(current(pool)) == 0)
        return;
    int64_t delay = pool_policy_failed(&pool->policy, true, clock_now_ms(), dice_roll());
    snprintf(pool->trouble, sizeof pool->trouble, "cannot start the program: %s", strerror(errno));
    log_warning("%s; next try in %lld ms", pool->trouble, (long long)delay);
}

bool pool_template_ready(struct pool *pool)
{
    bool wanted = pool_template_wanted(pool);
    pool->table.order = wanted ? pool_template_order : NULL;
    if (!wanted)
        return true;
    if (current(pool)->state != TEMPLATE_READY)
        start(pool);
    return current(pool)->state == TEMPLATE_READY;
}

int pool_template_order(struct worker_table *table, uint32_t slot, int error_fd)
{
    struct pool *pool = table->owner;
    int status = template_order(current(pool), slot, error_fd);
    return status < 0 ? -1 : pool->template;
}

/* A socket takes some 280 packets, and answers take as much room. */
#define ORDERS_MAX 64

int64_t pool_template_most(const struct pool *pool, int64_t count)
{
    int64_t room = ORDERS_MAX - pool->templates[pool->template].orders;
    return !pool->table.order || count < room ? count : room;
}

bool pool_template_is_deaf(const struct pool *pool, int number)
{
    return pool->table.order && (number == EPIPE || number == ECONNRESET || number == EAGAIN);
}

void pool_template_renew(struct pool *pool)
{
    if (worker_is_warm() && current(pool)->state == TEMPLATE_READY)
        pool->renew_ms = clock_earlier(pool->renew_ms, clock_now_ms());
}

/* To get ready, and to answer each order. */
static int64_t check_one(struct pool *pool, struct template *t, int64_t now_ms)
{
    bool starting = t->state == TEMPLATE_STARTING;
    int64_t due = (starting ? t->born_ms : t->asked_ms) + pool->limits.start_ms;
    if (t->overdue || (!starting && t->orders == 0))
        return CLOCK_NEVER;
    if (now_ms < due)
        return due;
    if (starting && worker_is_warm())
        log_warning("the program did not wait for a client in time (start_timeout), killing it; "
                    "does it use its standard input or output?");
    else
        log_warning("the template of the workers makes none (start_timeout), killing it");
    t->overdue = true;
    child_signal(&t->child, SIGKILL);
    return CLOCK_NEVER;
}

/* Workers go on coming from the present one, whatever becomes of this. Its success sets another
 * date. */
static void renew(struct pool *pool, int64_t now_ms)
{
    pool->renew_ms = now_ms + RENEW_AGAIN_MS;
    if (template_start(other(pool)) < 0)
        log_warning("cannot start another template: %s; next try in %d ms", strerror(errno),
                    RENEW_AGAIN_MS);
}

int64_t pool_template_check(struct pool *pool, int64_t now_ms)
{
    int64_t next = CLOCK_NEVER;
    for (int i = 0; i < 2; i++)
        next = clock_earlier(next, check_one(pool, &pool->templates[i], now_ms));
    if (current(pool)->state != TEMPLATE_READY || other(pool)->state != TEMPLATE_NONE ||
        pool->policy.stopping)
        return next;
    if (now_ms < pool->renew_ms)
        return clock_earlier(next, pool->renew_ms);
    renew(pool, now_ms);
    return clock_earlier(next, now_ms + pool->limits.start_ms);
}

void pool_template_leave(struct pool *pool)
{
    for (int i = 0; i < 2; i++)
        template_leave(&pool->templates[i]);
}

bool pool_template_alive(const struct pool *pool)
{
    return pool->templates[0].state != TEMPLATE_NONE || pool->templates[1].state != TEMPLATE_NONE;
}
