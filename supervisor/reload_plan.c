/* SPDX-License-Identifier: MIT
 *
 * reload_plan - see reload_plan.h.
 */
#include "supervisor/reload_plan.h"

#include "lib/memory.h"

static bool same_word(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool unchanged(const struct config *now, const struct config_service *old,
                      const struct config *next, const struct config_service *new)
{
    struct buffer before = {0}, after = {0};
    config_print_fingerprint(now, old, &before);
    config_print_fingerprint(next, new, &after);
    bool same = strcmp(buffer_text(&before), buffer_text(&after)) == 0;
    buffer_release(&before);
    buffer_release(&after);
    return same;
}

static enum reload_action judge(const struct config *now, const struct config *next,
                                const struct config_service *service)
{
    const struct config_service *old = config_find(now, service->name);
    if (!old)
        return RELOAD_ADD;
    return unchanged(now, old, next, service) ? RELOAD_KEEP : RELOAD_CHANGE;
}

static int refuse_fixed(const struct config *now, const struct config *next, struct error *error)
{
    const struct {
        const char *key, *before, *after;
    } fixed[] = {{"control", now->control, next->control},
                 {"pid_file", now->pid_file, next->pid_file}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!same_word(fixed[i].before, fixed[i].after))
            return error_set(error, EXIT_CODE_CONFIG,
                             "%s: %s cannot change while preforkd runs (it is \"%s\"); restart it",
                             next->file, fixed[i].key, fixed[i].before ? fixed[i].before : "");
    if (now->log.file && !next->log.file)
        return error_set(error, EXIT_CODE_CONFIG,
                         "%s: log.file cannot be taken away while preforkd runs; restart it",
                         next->file);
    return 0;
}

int reload_plan_make(struct reload_plan *plan, const struct config *now, const struct config *next,
                     struct error *error)
{
    if (refuse_fixed(now, next, error) < 0)
        return -1;
    *plan = (struct reload_plan){0};
    plan->actions = memory_zeroed(next->service_count + 1, sizeof *plan->actions);
    for (size_t i = 0; i < next->service_count; i++) {
        plan->actions[i] = judge(now, next, &next->services[i]);
        plan->added += plan->actions[i] == RELOAD_ADD;
        plan->changed += plan->actions[i] == RELOAD_CHANGE;
        plan->kept += plan->actions[i] == RELOAD_KEEP;
    }
    for (size_t i = 0; i < now->service_count; i++)
        plan->removed += config_find(next, now->services[i].name) == NULL;
    return 0;
}

void reload_plan_force(struct reload_plan *plan, size_t index)
{
    if (plan->actions[index] != RELOAD_KEEP)
        return;
    plan->actions[index] = RELOAD_CHANGE;
    plan->kept--;
    plan->changed++;
}

void reload_plan_release(struct reload_plan *plan)
{
    free(plan->actions);
    *plan = (struct reload_plan){0};
}
