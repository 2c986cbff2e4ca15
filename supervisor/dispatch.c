/* SPDX-License-Identifier: MIT
 *
 * dispatch - see dispatch.h.
 */
#include "supervisor/dispatch.h"

#include "lib/clock.h"
#include "lib/dice.h"
#include "lib/memory.h"
#include "supervisor/pool_events.h"
#include "supervisor/service_manager.h"
#include "supervisor/services.h"
#include "supervisor/stop.h"
#include "supervisor/supervisor.h"

typedef void action_function(struct supervisor *s, const struct core_action *action);

/* A pool that could not be started is one to the core until it has come to START_FAILED, which is
 * in the queue: there is nobody to tell. */

static void drain_pool(struct supervisor *s, const struct core_action *action)
{
    struct pool_process *pool = services_find_pool(s, action->pool);
    if (pool)
        pool_process_drain(pool, action->ms);
}

static void stop_pool(struct supervisor *s, const struct core_action *action)
{
    struct pool_process *pool = services_find_pool(s, action->pool);
    if (pool)
        pool_process_stop(pool);
}

static void kill_pool(struct supervisor *s, const struct core_action *action)
{
    struct pool_process *pool = services_find_pool(s, action->pool);
    if (pool)
        pool_process_kill(pool, action->why);
}

static void adopt(struct supervisor *s, const struct core_action *action)
{
    orphans_pool_died(&s->orphans, action->ms, action->kill_ms, clock_now_ms());
}

static void answer(struct supervisor *s, const struct core_action *action)
{
    if (action->upgrade) {
        upgrade_conclude(s, action->why);
        return;
    }
    service_manager_reloaded(action->why);
    control_answer_waiting(&s->control, CONTROL_WAIT_RELOAD, action->why);
}

static void advance(struct supervisor *s, const struct core_action *action)
{
    (void)action;
    control_advance_waiting(&s->control, CONTROL_WAIT_NEXT_RELOAD, CONTROL_WAIT_RELOAD);
}

static action_function *const FUNCTIONS[] = {
    [CORE_DO_START_POOL] = services_start_pool,
    [CORE_DO_PROMOTE] = services_promote,
    [CORE_DO_DRAIN_POOL] = drain_pool,
    [CORE_DO_STOP_POOL] = stop_pool,
    [CORE_DO_KILL_POOL] = kill_pool,
    [CORE_DO_MOURN] = pool_events_mourn,
    [CORE_DO_ADOPT] = adopt,
    [CORE_DO_HOLD_OFF] = services_held_off,
    [CORE_DO_DROP] = services_drop,
    [CORE_DO_READ] = reload_read,
    [CORE_DO_BIND] = reload_bind,
    [CORE_DO_COMMIT] = reload_commit,
    [CORE_DO_COMMITTED] = reload_committed,
    [CORE_DO_ROLL_BACK] = reload_roll_back,
    [CORE_DO_CHECK] = upgrade_check,
    [CORE_DO_EXECUTE] = upgrade_execute,
    [CORE_DO_ANSWER] = answer,
    [CORE_DO_ADVANCE] = advance,
    [CORE_DO_WAITING] = reload_waits,
    [CORE_DO_READY] = supervisor_ready,
    [CORE_DO_GIVE_UP] = services_give_up,
    [CORE_DO_LAST_CALL] = stop_last_call,
    [CORE_DO_CLOSE] = stop_close,
    [CORE_DO_STOPPING] = stop_begin,
};

static void enqueue(struct dispatch *d, const struct core_event *event)
{
    d->queue = memory_resize(d->queue, (d->count + 1) * sizeof *d->queue);
    d->queue[d->count] = *event;
    d->queue[d->count++].why = memory_string(event->why);
}

static struct core_event take(struct dispatch *d)
{
    struct core_event event = d->queue[0];
    memmove(d->queue, d->queue + 1, --d->count * sizeof *d->queue);
    return event;
}

static void carry_out(struct supervisor *s, struct core_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++)
        FUNCTIONS[actions->list[i].type](s, &actions->list[i]);
    core_actions_release(actions);
}

static void step(struct supervisor *s, struct core_event event)
{
    struct core_actions actions = {0};
    event.now_ms = clock_now_ms();
    event.dice = dice_roll();
    core_step(&s->core, &event, &actions);
    carry_out(s, &actions);
    free((char *)(uintptr_t)event.why);
}

void dispatch_event(struct supervisor *s, struct core_event event)
{
    struct dispatch *d = &s->dispatch;
    enqueue(d, &event);
    if (d->busy)
        return;
    d->busy = true;
    while (d->count > 0)
        step(s, take(d));
    d->busy = false;
}

/* What follows from it are events. */
void dispatch_resume_upgrade(struct supervisor *s)
{
    struct core_actions actions = {0};
    s->dispatch.busy = true;
    core_change_resume_upgrade(&s->core, clock_now_ms(), &actions);
    carry_out(s, &actions);
    s->dispatch.busy = false;
    dispatch_event(s, (struct core_event){.type = CORE_ON_TICK});
}

void dispatch_release(struct dispatch *d)
{
    free(d->queue);
    *d = (struct dispatch){0};
}
