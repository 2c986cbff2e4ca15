/* SPDX-License-Identifier: MIT
 *
 * deadline - see deadline.h.
 */
#include "supervisor/pool/deadline.h"

#include "lib/clock.h"

/* When the connection in hand is due, and why; CLOCK_NEVER where no limit applies. */
static int64_t connection_due(const struct scoreboard_view *worker,
                              const struct deadline_limits *limits,
                              const struct deadline_notice *notice, enum worker_end *reason)
{
    int64_t idle = clock_deadline(worker->moved_ms, limits->idle_ms);
    int64_t lifetime = clock_deadline(worker->started_ms, limits->lifetime_ms);
    int64_t due = clock_earlier(idle, lifetime);
    *reason = idle < lifetime ? WORKER_END_IDLE : WORKER_END_LIFETIME;
    if (notice->leave_by_ms <= due) {
        *reason = WORKER_END_GRACEFUL;
        due = notice->leave_by_ms;
    }
    return due;
}

static struct deadline_verdict until(int64_t due_ms, int64_t now_ms, enum deadline_action action)
{
    return (struct deadline_verdict){.action = due_ms <= now_ms ? action : DEADLINE_NONE,
                                     .next_ms = due_ms <= now_ms ? CLOCK_NEVER : due_ms};
}

/* The notice stands for the same connection and reason; one for idleness only until a byte moves.
 */
static bool stands(const struct deadline_notice *notice, const struct scoreboard_view *worker,
                   enum worker_end reason)
{
    return notice->given && notice->sequence == worker->sequence && notice->reason == reason &&
           (reason != WORKER_END_IDLE || notice->moved_ms == worker->moved_ms);
}

/* The first time: a notice, and a date. Later: the date. */
static struct deadline_verdict give_notice(const struct scoreboard_view *worker,
                                           const struct deadline_limits *limits,
                                           struct deadline_notice *notice, enum worker_end reason,
                                           int64_t now_ms)
{
    if (stands(notice, worker, reason))
        return until(notice->kill_at_ms, now_ms, DEADLINE_KILL);
    notice->given = true;
    notice->sequence = worker->sequence;
    notice->reason = reason;
    notice->moved_ms = worker->moved_ms;
    notice->kill_at_ms = now_ms + limits->kill_ms;
    /* A worker may find that bytes moved after all, and says so in its slot. */
    int64_t next = reason == WORKER_END_IDLE
                       ? clock_earlier(notice->kill_at_ms, now_ms + DEADLINE_LOOK_AGAIN_MS)
                       : notice->kill_at_ms;
    return (struct deadline_verdict){DEADLINE_CUT, reason, next};
}

/* It has nobody in hand: what it is told it may not hear while its program starts. */
static int64_t unready_due(const struct scoreboard_view *worker,
                           const struct deadline_limits *limits,
                           const struct deadline_notice *notice)
{
    int64_t due = clock_earlier(notice->leave_by_ms, worker->born_ms + limits->start_ms);
    return clock_earlier(due, clock_deadline(notice->told_ms, limits->unready_ms));
}

/* One that was released may finish with the client that it took at that moment, however long that
 * takes; without one it has nothing to finish. */
static int64_t idle_due(const struct deadline_limits *limits, const struct deadline_notice *notice)
{
    return notice->leave_by_ms == CLOCK_NEVER ? clock_deadline(notice->told_ms, limits->kill_ms)
                                              : notice->leave_by_ms;
}

struct deadline_verdict deadline_judge(const struct scoreboard_view *worker,
                                       const struct deadline_limits *limits,
                                       struct deadline_notice *notice, int64_t now_ms)
{
    enum worker_end reason = WORKER_END_GRACEFUL;
    int64_t due = idle_due(limits, notice);
    if (worker->phase == SCOREBOARD_UNBORN)
        return until(unready_due(worker, limits, notice), now_ms, DEADLINE_KILL);
    if (scoreboard_is_busy(worker->phase))
        due = connection_due(worker, limits, notice, &reason);
    if (due <= now_ms)
        return give_notice(worker, limits, notice, reason, now_ms);
    notice->given = false;
    return until(due, now_ms, DEADLINE_NONE);
}

int64_t deadline_horizon(const struct deadline_limits *limits, int64_t now_ms)
{
    return clock_earlier(clock_deadline(now_ms, limits->idle_ms),
                         clock_deadline(now_ms, limits->lifetime_ms));
}
