/* SPDX-License-Identifier: MIT
 *
 * reload_plan - see reload_plan.h.
 */
#include "supervisor/reload_plan.h"

#include "lib/memory.h"

/* Keys outside of services that pools do not know. */
static bool is_ours(const struct config_change *change)
{
    static const char *const keys[] = {"control", "pid_file", "allow_root"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(change->key, keys[i]) == 0)
            return true;
    return false;
}

/* What is wrong with such a change while we run; NULL: nothing. */
static const char *objection(const struct config_change *change)
{
    if (strcmp(change->key, "control") == 0 || strcmp(change->key, "pid_file") == 0)
        return "cannot change";
    if (strcmp(change->key, "log.file") == 0 && !change->after)
        return "cannot be taken away";
    return NULL;
}

static int refuse_fixed(const struct config_changes *changes, const char *file, struct error *error)
{
    struct buffer text = {0};
    for (size_t i = 0; i < changes->count; i++) {
        const struct config_change *change = &changes->list[i];
        const char *problem = objection(change);
        if (problem)
            buffer_printf(&text, "%s%s: %s %s while preforkd runs (it is %s); restart it",
                          text.length > 0 ? "\n" : "", file, change->key, problem,
                          change->before ? change->before : "\"\"");
    }
    int status = text.length > 0 ? error_set(error, EXIT_CODE_CONFIG, "%s", buffer_text(&text)) : 0;
    buffer_release(&text);
    return status;
}

static bool concerns_pools(const struct config_changes *global)
{
    for (size_t i = 0; i < global->count; i++)
        if (!is_ours(&global->list[i]))
            return true;
    return false;
}

static void judge(struct reload_plan *plan, const struct config *now,
                  const struct config_service *service, size_t index)
{
    const struct config_service *old = config_find(now, service->name);
    enum reload_action action = RELOAD_ADD;
    if (old) {
        config_diff_service(old, service, &plan->changes[index]);
        bool same = plan->changes[index].count == 0 && !concerns_pools(&plan->global);
        action = same ? RELOAD_KEEP : RELOAD_CHANGE;
    }
    plan->actions[index] = action;
    plan->added += action == RELOAD_ADD;
    plan->changed += action == RELOAD_CHANGE;
    plan->kept += action == RELOAD_KEEP;
}

int reload_plan_make(struct reload_plan *plan, const struct config *now, const struct config *next,
                     struct error *error)
{
    *plan = (struct reload_plan){.service_count = next->service_count};
    config_diff_global(now, next, &plan->global);
    if (refuse_fixed(&plan->global, next->file, error) < 0) {
        reload_plan_release(plan);
        return -1;
    }
    plan->actions = memory_zeroed(next->service_count + 1, sizeof *plan->actions);
    plan->changes = memory_zeroed(next->service_count + 1, sizeof *plan->changes);
    for (size_t i = 0; i < next->service_count; i++)
        judge(plan, now, &next->services[i], i);
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
    for (size_t i = 0; plan->changes && i < plan->service_count; i++)
        config_changes_release(&plan->changes[i]);
    config_changes_release(&plan->global);
    free(plan->changes);
    free(plan->actions);
    *plan = (struct reload_plan){0};
}
