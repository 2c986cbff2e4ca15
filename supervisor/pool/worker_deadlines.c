/* SPDX-License-Identifier: MIT
 *
 * worker_deadlines - see worker_deadlines.h.
 */
#include "supervisor/pool/worker_deadlines.h"

#include "supervisor/pool/program_socket.h"
#include "supervisor/pool/stray.h"
#include "supervisor/pool/worker_leave.h"

#include <stdio.h>

static const char *overdue(const struct worker_entry *entry, const struct scoreboard_view *view)
{
    if (view->phase == SCOREBOARD_UNBORN && entry->state == SCOREBOARD_STARTING)
        return "become ready";
    return scoreboard_is_busy(view->phase) ? "end its connection" : "leave";
}

static void carry_out(struct worker_table *table, struct worker_entry *entry,
                      const struct scoreboard_view *view, struct deadline_verdict verdict)
{
    if (verdict.action == DEADLINE_CUT && worker_table_is_program(table, view->phase)) {
        stray_end_group(entry->child.pid, SIGTERM);
    } else if (verdict.action == DEADLINE_CUT) {
        child_signal_value(&entry->child, WORKER_CUT,
                           worker_cut_value(view->sequence, verdict.reason));
    } else if (verdict.action == DEADLINE_KILL && !entry->killed) {
        char why[64];
        snprintf(why, sizeof why, "did not %s in time", overdue(entry, view));
        worker_leave_kill(table, worker_table_slot(table, entry), why);
    }
}

/* Nobody writes down when bytes move on a program's connection; it is asked when it matters. What
 * cannot be found out counts as moving. */
static void refresh(struct worker_table *table, uint32_t slot, struct scoreboard_view *view,
                    const struct deadline_limits *limits, int64_t now_ms)
{
    if (view->phase != SCOREBOARD_PROGRAM || limits->idle_ms == 0 ||
        view->moved_ms + limits->idle_ms > now_ms)
        return;
    int64_t idle = program_socket_idle_ms(&table->entries[slot].child);
    view->moved_ms = now_ms - (idle < 0 ? 0 : idle);
    SCOREBOARD_STORE(table->plan->scoreboard->slots[slot].worker.moved_ms, view->moved_ms);
}

/* A look costs some 7 ns for each slot. Where thousands of deadlines come one after another, those
 * of a few milliseconds are looked at together, so that this is never more than a few hundredths of
 * a processor. */
#define SLOTS_A_MS 4096

int64_t worker_deadlines_check(struct worker_table *table, const struct deadline_limits *limits,
                               int64_t now_ms)
{
    int64_t next = deadline_horizon(limits, now_ms);
    for (uint32_t slot = 0; slot < table->slots; slot++) {
        struct worker_entry *entry = &table->entries[slot];
        struct scoreboard_view view;
        if (entry->state == SCOREBOARD_FREE)
            continue;
        scoreboard_read(&table->plan->scoreboard->slots[slot], &view);
        view.state = entry->state;
        view.born_ms = entry->born_ms;
        refresh(table, slot, &view, limits, now_ms);
        struct deadline_verdict verdict = deadline_judge(&view, limits, &entry->notice, now_ms);
        carry_out(table, entry, &view, verdict);
        if (verdict.next_ms < next)
            next = verdict.next_ms;
    }
    int64_t earliest = now_ms + table->slots / SLOTS_A_MS;
    return next > earliest ? next : earliest;
}
