/* SPDX-License-Identifier: MIT
 *
 * stray_sight - see stray_sight.h.
 *
 * Invariant: an entry of the list and the child of its pid are the same process, because strays
 * are reaped here only, and an entry goes in the look in which its process was reaped. What turns
 * out to be a worker may be reaped by others: stray_sight_forget().
 */
#include "supervisor/pool/stray_sight.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define ENVIRONMENT_MAX 32768

/* The makers' counts are those of the time when the children were read: meanwhile nobody has
 * ordered, or heard, anything. */
static void ask_owner(struct strays *strays)
{
    struct stray_scene *scene = &strays->scene;
    scene->workers = strays->workers;
    scene->worker_count = strays->events->workers(strays->owner, strays->workers);
    strays->events->makers(strays->owner, scene->makers);
    assert(scene->worker_count <= strays->most_workers);
    scene->oldest_program_ms = CLOCK_NEVER;
    scene->newest_program_ms = INT64_MIN;
    for (size_t i = 0; i < scene->worker_count; i++) {
        int64_t since = strays->workers[i].program_ms;
        scene->oldest_program_ms = clock_earlier(scene->oldest_program_ms, since);
        if (since != CLOCK_NEVER && since > scene->newest_program_ms)
            scene->newest_program_ms = since;
    }
    if (scene->worker_count > 1)
        qsort(strays->workers, scene->worker_count, sizeof *strays->workers, children_compare);
    if (scene->ended_count > 1)
        qsort(strays->ended, scene->ended_count, sizeof *strays->ended, children_compare);
}

static size_t read_environment(pid_t pid, char *text, size_t size)
{
    char path[48];
    size_t length = 0;
    ssize_t got = 0;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && length < size && (got = read(fd, text + length, size - length)) > 0)
        length += (size_t)got;
    fds_close(&fd);
    return length;
}

/* A daemon: who started it? A worker that began later has nothing but the same number, or name. */
static void examine(const struct strays *strays, struct stray *stray)
{
    static char text[ENVIRONMENT_MAX];
    pid_t pid = 0;
    size_t length = read_environment(stray->pid, text, sizeof text);
    stray->examined = true;
    stray->named = strays->events->whose(strays->owner, text, length, &pid);
    const struct stray_worker *worker = stray_policy_worker(&strays->scene, pid);
    if (!stray->named || !worker || worker->program_ms > stray->seen_ms)
        return;
    stray->owner = pid;
    stray->owner_ms = worker->program_ms;
}

static struct stray *find(const struct strays *strays, pid_t pid)
{
    if (strays->count == 0)
        return NULL;
    return bsearch(&pid, strays->list, strays->count, sizeof *strays->list, children_compare);
}

void stray_sight_forget(struct strays *strays, pid_t pid)
{
    struct stray *stray = find(strays, pid);
    if (!stray)
        return;
    strays->count--;
    memmove(stray, stray + 1,
            (size_t)(strays->list + strays->count - stray) * sizeof *strays->list);
}

static void describe(const struct strays *strays, struct stray *stray, bool unsure)
{
    stray->group = getpgid(stray->pid);
    stray->session = getsid(stray->pid);
    if (!unsure && !stray_policy_settle(stray, &strays->scene) && !stray->named && !stray->examined)
        examine(strays, stray);
}

/* Children that are no workers, ended ones reaped, become the list. */
static void see(struct strays *strays, int64_t now_ms)
{
    struct stray *list = NULL;
    size_t count = 0, room = 0;
    for (size_t i = 0; i < strays->children.count; i++) {
        pid_t pid = strays->children.pids[i];
        if (stray_policy_worker(&strays->scene, pid))
            continue;
        const struct stray *known = find(strays, pid);
        struct stray stray = known ? *known : stray_policy_new(pid, &strays->scene, now_ms);
        bool unsure = stray_policy_unsure(&stray, &strays->scene);
        if (!unsure && children_reap(pid)) {
            strays->owed = true; /* what it had started is ours now */
            continue;
        }
        if (count == room) {
            room = room ? 2 * room : 16;
            list = memory_resize(list, room * sizeof *list);
        }
        describe(strays, &stray, unsure);
        list[count++] = stray;
    }
    free(strays->list);
    strays->list = list;
    strays->count = count;
    strays->room = room;
}

int stray_sight_look(struct strays *strays, int64_t now_ms)
{
    if (children_read(&strays->children) < 0) {
        if (!strays->blind)
            log_warning("cannot see what programs leave behind: %s", strerror(errno));
        strays->blind = true;
        strays->scene.ended_count = 0;
        return -1;
    }
    strays->blind = false;
    ask_owner(strays); /* now: whoever started one of these had its client before they were read */
    see(strays, now_ms);
    return 0;
}
