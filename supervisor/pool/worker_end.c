/* SPDX-License-Identifier: MIT
 *
 * worker_end - see worker_end.h.
 */
#include "supervisor/pool/worker_end.h"

#include "lib/clock.h"
#include "lib/dice.h"
#include "supervisor/pool/obituary.h"
#include "supervisor/pool/orders.h"
#include "supervisor/pool/pool_elastic.h"
#include "supervisor/pool/pool_strays.h"
#include "supervisor/pool/pool_template.h"

static bool exited_with(const struct child_end *end, enum worker_exit status)
{
    return !end->signalled && end->number == (int)status;
}

static bool left(const struct worker_end_facts *f)
{
    if (f->kind == CONFIG_LISTEN)
        return f->state == SCOREBOARD_DRAINING; /* how it ends is its own affair */
    return (f->phase == SCOREBOARD_LEAVING && exited_with(&f->end, WORKER_EXIT_LEFT)) ||
           (f->told && (f->stopping || f->state == SCOREBOARD_DRAINING));
}

/* SIGPIPE is how programs end whose client has left: nothing that a client does is a crash. */
static bool program_crashed(const struct worker_end_facts *f)
{
    return f->end.signalled && f->end.number != SIGPIPE && !f->told;
}

/* Statuses of ours mean nothing where a program of somebody else's exits with them. */
static bool has_no_socket(const struct worker_end_facts *f)
{
    return f->kind != CONFIG_LISTEN && exited_with(&f->end, WORKER_EXIT_SOCKET);
}

enum worker_end_kind worker_end_judge(const struct worker_end_facts *f)
{
    if (f->phase == SCOREBOARD_PROGRAM)
        return program_crashed(f) ? WORKER_END_KIND_CRASHED : WORKER_END_KIND_SERVED;
    if (left(f))
        return WORKER_END_KIND_LEFT;
    if (f->state == SCOREBOARD_DRAINING || f->stopping)
        return WORKER_END_KIND_CRASHED;
    if (f->state == SCOREBOARD_STARTING || has_no_socket(f) ||
        (f->kind == CONFIG_EXEC && exited_with(&f->end, WORKER_EXIT_EXEC)) ||
        (f->kind == CONFIG_LISTEN && f->ready_ms < LISTEN_PROVED_MS))
        return WORKER_END_KIND_FAILED;
    return WORKER_END_KIND_CRASHED;
}

/* Why it failed, for status and log. */
static void describe_failure(struct pool *pool, const struct worker_end_facts *f)
{
    char cause[OBITUARY_CAUSE_MAX];
    if (has_no_socket(f))
        snprintf(pool->trouble, sizeof pool->trouble, "the listening socket is unusable");
    else if (f->kind == CONFIG_EXEC && exited_with(&f->end, WORKER_EXIT_EXEC)) {
        worker_tell_failure(pool->trouble, sizeof pool->trouble);
        log_error("%s", pool->trouble);
    } else if (f->state == SCOREBOARD_READY)
        snprintf(pool->trouble, sizeof pool->trouble,
                 "a worker ended by %s as soon as it was ready", obituary_cause(&f->end, cause));
    else
        snprintf(pool->trouble, sizeof pool->trouble, "a worker ended by %s before it was ready",
                 obituary_cause(&f->end, cause));
}

/* Workers are copies of this process and share where everything lies in memory; what makes one
 * crash may have been a guess at that. Being killed was not, and programs have a layout of their
 * own. */
static void tell_of_crash(struct pool *pool, const struct worker_end_facts *f)
{
    bool guess = f->end.signalled && f->end.number != SIGKILL && !config_is_program(pool->service);
    if (guess && !pool->crash_said)
        pool->crash_said = orders_report(pool, CHANNEL_CRASHED, NULL) == 0;
}

/* The words for the obituary. */
static const char *go_on(struct pool *pool, const struct worker_end_facts *f,
                         enum worker_end_kind kind, char text[static 96])
{
    if (pool->policy.stopping)
        return "none, the pool is stopping";
    if (f->state == SCOREBOARD_DRAINING)
        return "none, it was leaving";
    if (kind == WORKER_END_KIND_CRASHED) {
        pool_policy_crashed(&pool->policy);
        tell_of_crash(pool, f);
        pool_template_renew(pool);
        pool_elastic_crashed(pool);
    }
    if (kind != WORKER_END_KIND_FAILED)
        return "replaced at once";
    int64_t delay = pool_policy_failed(&pool->policy, false, clock_now_ms(), dice_roll());
    describe_failure(pool, f);
    snprintf(text, 96, "%s: next try in %lld ms",
             f->state == SCOREBOARD_READY ? "cannot serve" : "died before it was ready",
             (long long)delay);
    return text;
}

/* The one line per connection that a worker of ours writes itself; said in the same words. Its
 * buffer stays off the stack of the others: with every fork each page of it is copied anew. */
__attribute__((noinline)) static void log_connection(struct pool *pool, const struct obituary *o,
                                                     const struct worker_entry *ended,
                                                     enum worker_end_kind kind)
{
    struct log_line line;
    char proxy[ADDRESS_TEXT_MAX];
    const struct scoreboard_slot *slot = &pool->plan.scoreboard->slots[o->slot];
    const struct scoreboard_worker *shown = &slot->worker;
    enum worker_end reason = ended->notice.given ? ended->notice.reason : WORKER_END_PROGRAM;
    bool crashed = kind == WORKER_END_KIND_CRASHED;
    if (!pool->service->access_log && reason == WORKER_END_PROGRAM && !crashed)
        return;
    log_begin(&line, crashed ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "connection");
    log_text(&line, "peer", o->peer);
    if (scoreboard_proxy(slot, proxy)[0] != '\0')
        log_text(&line, "proxy", proxy);
    log_int(&line, "worker_pid", o->pid);
    log_seconds(&line, "duration_s", clock_now_us() - SCOREBOARD_LOAD(shown->started_us));
    log_text(&line, "end", worker_end_names[reason]);
    child_log_end(&line, &o->end);
    log_seconds(&line, "user_s", o->end.user_us);
    log_seconds(&line, "system_s", o->end.system_us);
    log_int(&line, "max_rss_kib", o->end.max_rss_kib);
    log_end(&line);
}

void worker_end_account(struct worker_table *table, uint32_t slot, const struct worker_entry *ended,
                        const struct child_end *end)
{
    struct pool *pool = table->owner;
    const struct scoreboard_slot *shown = &pool->plan.scoreboard->slots[slot];
    char peer[ADDRESS_TEXT_MAX], said[SCOREBOARD_SAID_MAX], text[96];
    int64_t now = clock_now_ms();
    struct worker_end_facts facts = {.state = ended->state,
                                     .phase = SCOREBOARD_LOAD(shown->worker.phase),
                                     .kind = pool->service->kind,
                                     .end = *end,
                                     .told = ended->killed || ended->notice.given,
                                     .stopping = pool->policy.stopping,
                                     .ready_ms = now - ended->ready_ms};
    enum worker_end_kind kind = worker_end_judge(&facts);
    struct obituary obituary = {
        .slot = slot,
        .pid = (int)ended->child.pid,
        .age_ms = now - ended->born_ms,
        .connections = shown->worker.connections,
        .peer = scoreboard_peer(shown, peer),
        .said = scoreboard_said(shown, said),
        .end = *end,
        .expected = kind == WORKER_END_KIND_LEFT,
    };
    if (kind == WORKER_END_KIND_CRASHED || kind == WORKER_END_KIND_FAILED)
        SCOREBOARD_ADD(pool->plan.scoreboard->header.crashes, 1);
    obituary.next = go_on(pool, &facts, kind, text);
    pool_strays_ended(pool, ended);
    if (facts.phase == SCOREBOARD_PROGRAM)
        log_connection(pool, &obituary, ended, kind);
    else
        obituary_write(&obituary);
}
