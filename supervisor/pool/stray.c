/* SPDX-License-Identifier: MIT
 *
 * stray - see stray.h.
 */
#include "supervisor/pool/stray.h"

#include "lib/clock.h"
#include "lib/memory.h"
#include "supervisor/pool/stray_sight.h"

#include <assert.h>
#include <errno.h>

#define STOP_PAUSE_MS 10   /* between two looks while the pool waits to exit */
#define AGAIN_MS      1000 /* for sentenced ones, should a signal get lost */

void stray_init(struct strays *strays, const struct stray_events *events, void *owner,
                size_t most_workers, int64_t kill_timeout_ms)
{
    *strays = (struct strays){
        .events = events,
        .owner = owner,
        .most_workers = most_workers,
        .scene = {.kill_timeout_ms = kill_timeout_ms, .stop_kill_ms = CLOCK_NEVER},
        .due_ms = CLOCK_NEVER,
        .look_ms = INT64_MIN / 2,
    };
    strays->workers = memory_zeroed(most_workers, sizeof *strays->workers);
    if (children_adopt_orphans() < 0)
        log_warning("cannot look after what programs leave behind: %s", strerror(errno));
}

void stray_release(struct strays *strays)
{
    free(strays->workers);
    free(strays->ended);
    free(strays->list);
    children_release(&strays->children);
}

/* Between two looks. */
static int64_t pause_ms(const struct strays *strays)
{
    return strays->scene.stop == STRAY_LIVES ? STRAY_PAUSE_MS : STOP_PAUSE_MS;
}

void stray_due(struct strays *strays, int64_t now_ms)
{
    int64_t earliest = strays->look_ms + pause_ms(strays);
    strays->owed = true;
    strays->due_ms = clock_earlier(strays->due_ms, earliest > now_ms ? earliest : now_ms);
}

void stray_ended(struct strays *strays, pid_t worker, int64_t kill_ms, int64_t now_ms)
{
    struct stray_scene *scene = &strays->scene;
    if (scene->ended_count == strays->ended_room) {
        strays->ended_room = strays->ended_room ? 2 * strays->ended_room : 64;
        strays->ended = memory_resize(strays->ended, strays->ended_room * sizeof *strays->ended);
        scene->ended = strays->ended;
    }
    struct stray_ended ended = {.pid = worker, .spare_ms = now_ms, .kill_ms = kill_ms};
    if (kill_ms == CLOCK_NEVER) {
        ended.spare_ms += STRAY_SPARE_MS;
        ended.kill_ms = clock_deadline(ended.spare_ms, scene->kill_timeout_ms);
    }
    strays->ended[scene->ended_count++] = ended;
    stray_sight_forget(strays, worker);
    stray_due(strays, now_ms);
}

void stray_end_group(pid_t leader, int signal)
{
    assert(leader > 1);
    kill(-leader, signal);
}

void stray_stop_all(struct strays *strays, bool now, int64_t now_ms)
{
    enum stray_force force = now ? STRAY_KILL : STRAY_TERM;
    if (strays->scene.stop >= force)
        return;
    if (strays->scene.stop == STRAY_LIVES)
        strays->scene.stop_kill_ms = clock_deadline(now_ms, strays->scene.kill_timeout_ms);
    strays->scene.stop = force;
    strays->owed = true;
    strays->due_ms = now_ms;
}

size_t stray_count(const struct strays *strays)
{
    size_t count = strays->owed ? 1 : 0;
    for (size_t i = 0; i < strays->count; i++) {
        const struct stray *stray = &strays->list[i];
        bool given_up = stray->killed_ms != CLOCK_NEVER &&
                        stray->killed_ms + STRAY_GIVE_UP_MS <= strays->look_ms;
        count += !stray->untouchable && !given_up;
    }
    return count;
}

static void end(struct stray *stray, enum stray_force force, int64_t now_ms,
                struct children_tally *tally)
{
    bool refused =
        children_signal(stray->pid, force == STRAY_KILL ? SIGKILL : SIGTERM) < 0 && errno == EPERM;
    if (force == STRAY_KILL)
        stray->killed_ms = now_ms;
    stray->term_ms = clock_earlier(stray->term_ms, now_ms);
    if (refused) {
        log_warning("process %d, left behind by a program, takes no signals from this user",
                    (int)stray->pid);
        stray->untouchable = true;
        return;
    }
    children_tally_add(tally, stray->pid);
}

/* The number of an ended worker means it as long as somebody is in its session or group; after
 * that it may become anybody's. */
static void forget_ended(struct strays *strays)
{
    size_t kept = 0;
    for (size_t i = 0; i < strays->scene.ended_count; i++)
        if (strays->ended[i].in_use) {
            strays->ended[kept] = strays->ended[i];
            strays->ended[kept++].in_use = false;
        }
    strays->scene.ended_count = kept;
}

static void mark_in_use(struct strays *strays, pid_t number)
{
    const struct stray_ended *ended = stray_policy_ended(&strays->scene, number);
    if (ended)
        strays->ended[ended - strays->ended].in_use = true;
}

static int64_t judge_all(struct strays *strays, int64_t now_ms)
{
    struct children_tally told[STRAY_KILL + 1] = {0};
    int64_t next = CLOCK_NEVER;
    for (size_t i = 0; i < strays->count; i++) {
        struct stray *stray = &strays->list[i];
        struct stray_verdict verdict = stray_policy_judge(stray, &strays->scene, now_ms);
        if (verdict.action != STRAY_LIVES)
            end(stray, verdict.action, now_ms, &told[verdict.action]);
        mark_in_use(strays, stray->session);
        mark_in_use(strays, stray->group);
        next = clock_earlier(next, verdict.next_ms);
        if (stray_policy_unsure(stray, &strays->scene))
            next = clock_earlier(next, now_ms + pause_ms(strays));
        if (verdict.sentenced && verdict.next_ms != CLOCK_NEVER)
            next = clock_earlier(next, now_ms + AGAIN_MS);
    }
    children_tally_log(&told[STRAY_TERM], LOG_LEVEL_INFO, "ended what a program left behind",
                       SIGTERM);
    children_tally_log(&told[STRAY_KILL], LOG_LEVEL_WARNING, "ended what a program left behind",
                       SIGKILL);
    forget_ended(strays);
    return next;
}

int64_t stray_check(struct strays *strays, int64_t now_ms)
{
    if (now_ms < strays->due_ms)
        return strays->due_ms;
    strays->look_ms = now_ms;
    strays->owed = false;
    if (stray_sight_look(strays, now_ms) < 0) {
        strays->due_ms = strays->count > 0 ? now_ms + AGAIN_MS : CLOCK_NEVER;
        return strays->due_ms;
    }
    strays->due_ms = judge_all(strays, now_ms);
    if (strays->owed)
        stray_due(strays, now_ms);
    return strays->due_ms;
}
