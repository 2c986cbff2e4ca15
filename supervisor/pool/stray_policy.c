/* SPDX-License-Identifier: MIT
 *
 * stray_policy - see stray_policy.h.
 */
#include "supervisor/pool/stray_policy.h"

#include "lib/children.h"
#include "lib/clock.h"

const struct stray_worker *stray_policy_worker(const struct stray_scene *scene, pid_t pid)
{
    if (scene->worker_count == 0)
        return NULL;
    return bsearch(&pid, scene->workers, scene->worker_count, sizeof *scene->workers,
                   children_compare);
}

const struct stray_ended *stray_policy_ended(const struct stray_scene *scene, pid_t pid)
{
    if (scene->ended_count == 0)
        return NULL;
    return bsearch(&pid, scene->ended, scene->ended_count, sizeof *scene->ended, children_compare);
}

/* Whoever runs now may have started it, also one that began after NOW_MS was read. */
struct stray stray_policy_new(pid_t pid, const struct stray_scene *scene, int64_t now_ms)
{
    struct stray stray = {.pid = pid, .term_ms = CLOCK_NEVER, .killed_ms = CLOCK_NEVER};
    stray.seen_ms = scene->newest_program_ms > now_ms ? scene->newest_program_ms : now_ms;
    for (int i = 0; i < STRAY_MAKERS; i++)
        stray.unsure_until[i] = scene->makers[i].ordered;
    return stray;
}

bool stray_policy_unsure(const struct stray *stray, const struct stray_scene *scene)
{
    for (int i = 0; i < STRAY_MAKERS; i++)
        if (scene->makers[i].settled < stray->unsure_until[i])
            return true;
    return false;
}

/* A living worker's number is asked for first: that of an ended one may have become its pid. */
bool stray_policy_settle(struct stray *stray, const struct stray_scene *scene)
{
    const struct stray_worker *worker = stray_policy_worker(scene, stray->session);
    if (!worker)
        worker = stray_policy_worker(scene, stray->group);
    if (worker) {
        stray->named = true;
        stray->owner = worker->pid;
        stray->owner_ms = worker->program_ms;
    }
    return worker || stray_policy_ended(scene, stray->session) ||
           stray_policy_ended(scene, stray->group);
}

static const struct stray_worker *owner_of(const struct stray *stray,
                                           const struct stray_scene *scene)
{
    const struct stray_worker *worker = stray_policy_worker(scene, stray->owner);
    /* The pid may be another worker's by now. */
    return stray->named && worker && worker->program_ms == stray->owner_ms ? worker : NULL;
}

/* How its connection is doing; *KILL_MS gets earlier where that is known. */
static enum stray_force sentence(const struct stray *stray, const struct stray_scene *scene,
                                 int64_t *kill_ms)
{
    const struct stray_worker *owner = owner_of(stray, scene);
    if (owner)
        return owner->force;
    const struct stray_ended *ended = stray_policy_ended(scene, stray->session);
    if (!ended)
        ended = stray_policy_ended(scene, stray->group);
    if (ended)
        *kill_ms = clock_earlier(*kill_ms, ended->kill_ms);
    if (ended || stray->named)
        return STRAY_TERM;
    return scene->oldest_program_ms <= stray->seen_ms ? STRAY_LIVES : STRAY_TERM;
}

static struct stray_verdict after_kill(const struct stray *stray, int64_t now_ms)
{
    int64_t give_up = stray->killed_ms + STRAY_GIVE_UP_MS;
    return (struct stray_verdict){.sentenced = true,
                                  .next_ms = !stray->untouchable && now_ms < give_up ? give_up
                                                                                     : CLOCK_NEVER};
}

/* Until when it is let finish by itself; 0: it is not. */
static int64_t spared_until(const struct stray *stray, const struct stray_scene *scene)
{
    const struct stray_ended *ended = stray_policy_ended(scene, stray->session);
    if (!ended)
        ended = stray_policy_ended(scene, stray->group);
    return ended && !owner_of(stray, scene) && scene->stop != STRAY_KILL ? ended->spare_ms : 0;
}

/* Once SIGTERM was sent the sentence stands, whatever the stray does to change its looks. */
struct stray_verdict stray_policy_judge(const struct stray *stray, const struct stray_scene *scene,
                                        int64_t now_ms)
{
    if (stray_policy_unsure(stray, scene))
        return (struct stray_verdict){STRAY_LIVES, false, CLOCK_NEVER};
    bool termed = stray->term_ms != CLOCK_NEVER;
    int64_t kill_ms = clock_deadline(termed ? stray->term_ms : now_ms, scene->kill_timeout_ms);
    enum stray_force force = sentence(stray, scene, &kill_ms);
    if (force < scene->stop)
        force = scene->stop;
    if (stray->untouchable || stray->killed_ms != CLOCK_NEVER)
        return after_kill(stray, now_ms);
    if (force == STRAY_LIVES && !termed)
        return (struct stray_verdict){STRAY_LIVES, false, CLOCK_NEVER};
    if (!termed && force == STRAY_TERM && now_ms < spared_until(stray, scene))
        return (struct stray_verdict){STRAY_LIVES, true, spared_until(stray, scene)};
    if (scene->stop != STRAY_LIVES)
        kill_ms = clock_earlier(kill_ms, scene->stop_kill_ms);
    if (force == STRAY_KILL || kill_ms <= now_ms)
        return (struct stray_verdict){STRAY_KILL, true, now_ms + STRAY_GIVE_UP_MS};
    return (struct stray_verdict){termed ? STRAY_LIVES : STRAY_TERM, true, kill_ms};
}

const char *stray_policy_variable(const char *environment, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    while (length > 0) {
        const char *end = memchr(environment, '\0', length);
        if (!end)
            return NULL; /* cut */
        size_t entry = (size_t)(end - environment);
        if (entry > name_length + 1 && environment[name_length] == '=' &&
            memcmp(environment, name, name_length) == 0)
            return environment + name_length + 1;
        environment = end + 1;
        length -= entry + 1;
    }
    return NULL;
}
