/* SPDX-License-Identifier: MIT
 *
 * orphans - see orphans.h.
 */
#include "supervisor/orphans.h"

#include "lib/clock.h"
#include "lib/memory.h"

#include <errno.h>

#define GIVE_UP_MS 1000 /* after SIGKILL */
#define AGAIN_MS   10   /* a pool has ended and was not reaped yet */

#define NO_SENTENCE ((struct orphans_sentence){CLOCK_NEVER, CLOCK_NEVER})

static void look(struct orphans *orphans, int64_t now_ms);

void orphans_init(struct orphans *orphans, bool (*is_held)(void *owner, pid_t pid), void *owner)
{
    *orphans = (struct orphans){.is_held = is_held,
                                .owner = owner,
                                .next = NO_SENTENCE,
                                .due_ms = CLOCK_NEVER,
                                .look_ms = INT64_MIN / 2};
    if (children_adopt_orphans() < 0)
        log_warning("cannot look after what a dead pool leaves behind: %s", strerror(errno));
    look(orphans, clock_now_ms());
}

void orphans_release(struct orphans *orphans)
{
    free(orphans->list);
    children_release(&orphans->children);
}

static struct orphan describe(const struct orphans *orphans, pid_t pid)
{
    const struct orphan *known = orphans->count == 0 ? NULL
                                                     : bsearch(&pid, orphans->list, orphans->count,
                                                               sizeof *known, children_compare);
    return known ? *known
                 : (struct orphan){.pid = pid,
                                   .foreign = orphans->next.term_ms == CLOCK_NEVER,
                                   .sentence = orphans->next,
                                   .give_up_ms = CLOCK_NEVER};
}

/* Its orphans are ours already, and would be taken for foreign. */
static bool a_pool_has_ended(const struct orphans *orphans)
{
    for (size_t i = 0; i < orphans->children.count; i++) {
        pid_t pid = orphans->children.pids[i];
        if (orphans->is_held(orphans->owner, pid) && children_has_ended(pid))
            return true;
    }
    return false;
}

/* Children that are held by nobody else, ended ones reaped, become the list. An entry and the
 * child of its pid are the same process, for those are reaped here only. */
static void see(struct orphans *orphans)
{
    struct orphan *list = memory_zeroed(orphans->children.count + 1, sizeof *list);
    size_t count = 0, ours = 0;
    for (size_t i = 0; i < orphans->children.count; i++) {
        pid_t pid = orphans->children.pids[i];
        if (orphans->is_held(orphans->owner, pid))
            continue;
        struct orphan orphan = describe(orphans, pid);
        ours += !orphan.foreign;
        if (children_reap(pid))
            orphans->owed = true; /* what it had started is ours now */
        else
            list[count++] = orphan;
    }
    free(orphans->list);
    orphans->list = list;
    orphans->count = count;
    if (ours == 0 && !orphans->stopping)
        orphans->next = NO_SENTENCE; /* the dead pools are wound up */
}

static void look(struct orphans *orphans, int64_t now_ms)
{
    orphans->look_ms = now_ms;
    orphans->due_ms = CLOCK_NEVER;
    orphans->owed = false;
    if (children_read(&orphans->children) < 0) {
        if (!orphans->blind)
            log_warning("cannot see what a dead pool leaves behind: %s", strerror(errno));
        orphans->blind = true;
        return;
    }
    orphans->blind = false;
    if (orphans->next.term_ms == CLOCK_NEVER && a_pool_has_ended(orphans)) {
        orphans->owed = true;
        orphans->due_ms = now_ms + AGAIN_MS;
        return;
    }
    see(orphans);
    if (orphans->owed)
        orphans_look(orphans, now_ms);
}

void orphans_look(struct orphans *orphans, int64_t now_ms)
{
    int64_t earliest = orphans->look_ms + ORPHANS_PAUSE_MS;
    orphans->owed = true;
    orphans->due_ms = clock_earlier(orphans->due_ms, earliest > now_ms ? earliest : now_ms);
}

/* Those of the list that are no children any more are gone with the next look. */
void orphans_restore(struct orphans *orphans, const struct orphan *list, size_t count,
                     struct orphans_sentence next, int64_t now_ms)
{
    orphans->list = memory_resize(orphans->list, (count + 1) * sizeof *list);
    if (count > 0)
        memcpy(orphans->list, list, count * sizeof *list);
    orphans->count = count;
    orphans->next = next;
    orphans->owed = true;
    orphans->due_ms = now_ms;
}

static int64_t later(int64_t a, int64_t b)
{
    return a == CLOCK_NEVER || (b != CLOCK_NEVER && b > a) ? b : a;
}

/* Those that are new now are this pool's; whose those are that come up later nobody can tell. */
void orphans_pool_died(struct orphans *orphans, int64_t graceful_ms, int64_t kill_ms,
                       int64_t now_ms)
{
    struct orphans_sentence others = orphans->next;
    int64_t term_ms = now_ms + (orphans->stopping ? 0 : graceful_ms);
    orphans->next = (struct orphans_sentence){term_ms, term_ms + (orphans->stopping ? 0 : kill_ms)};
    look(orphans, now_ms);
    if (orphans->next.term_ms == CLOCK_NEVER)
        return;
    orphans->next.term_ms = later(orphans->next.term_ms, others.term_ms);
    orphans->next.kill_ms = later(orphans->next.kill_ms, others.kill_ms);
}

/* What is due for one; counted in TOLD[1] where it was SIGKILL. Returns when to come again. */
static int64_t judge(struct orphan *orphan, int64_t now_ms, struct children_tally told[2])
{
    struct orphans_sentence *due = &orphan->sentence;
    bool kill = due->kill_ms <= now_ms;
    orphan->left = orphan->left || orphan->give_up_ms <= now_ms;
    if (orphan->foreign || orphan->left)
        return CLOCK_NEVER;
    if (!kill && due->term_ms > now_ms)
        return clock_earlier(clock_earlier(due->term_ms, due->kill_ms), orphan->give_up_ms);
    due->term_ms = CLOCK_NEVER;
    if (kill) {
        due->kill_ms = CLOCK_NEVER;
        orphan->give_up_ms = now_ms + GIVE_UP_MS;
    }
    if (children_signal(orphan->pid, kill ? SIGKILL : SIGTERM) < 0 && errno == EPERM)
        orphan->left = true;
    else
        children_tally_add(&told[kill], orphan->pid);
    return clock_earlier(due->kill_ms, orphan->give_up_ms);
}

int64_t orphans_check(struct orphans *orphans, int64_t now_ms)
{
    struct children_tally told[2] = {0};
    int64_t next = CLOCK_NEVER;
    if (orphans->owed && now_ms >= orphans->due_ms)
        look(orphans, now_ms);
    for (size_t i = 0; i < orphans->count; i++)
        next = clock_earlier(next, judge(&orphans->list[i], now_ms, told));
    children_tally_log(&told[0], LOG_LEVEL_WARNING, "ended what was left behind", SIGTERM);
    children_tally_log(&told[1], LOG_LEVEL_WARNING, "ended what was left behind", SIGKILL);
    return orphans->owed ? clock_earlier(next, orphans->due_ms) : next;
}

void orphans_take_foreign(struct orphans *orphans, int64_t kill_ms, int64_t now_ms)
{
    look(orphans, now_ms);
    for (size_t i = 0; i < orphans->count; i++) {
        struct orphan *orphan = &orphans->list[i];
        if (!orphan->foreign)
            continue;
        orphan->foreign = false;
        orphan->sentence = (struct orphans_sentence){now_ms, now_ms + kill_ms};
        if (orphans->next.term_ms == CLOCK_NEVER) /* what it has started, and leaves to us */
            orphans->next = orphan->sentence;
    }
}

void orphans_stop(struct orphans *orphans, int64_t now_ms)
{
    orphans->stopping = true;
    orphans->next = (struct orphans_sentence){now_ms, now_ms};
    for (size_t i = 0; i < orphans->count; i++)
        if (orphans->list[i].give_up_ms == CLOCK_NEVER)
            orphans->list[i].sentence = orphans->next;
    orphans->due_ms = now_ms;
    orphans->owed = true;
}

size_t orphans_count(const struct orphans *orphans)
{
    size_t count = orphans->owed ? 1 : 0;
    for (size_t i = 0; i < orphans->count; i++)
        count += !orphans->list[i].foreign && !orphans->list[i].left;
    return count;
}
