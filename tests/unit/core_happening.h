/* SPDX-License-Identifier: MIT
 *
 * core_happening - for core_random_test: the happenings of core_record.h as events; the core is
 * told, and what it wants done is judged and carried out in core_model.h.
 */
#ifndef TESTS_UNIT_CORE_HAPPENING_H
#define TESTS_UNIT_CORE_HAPPENING_H

#include "core_judge_after.h"
#include "core_record.h"

static bool verbose;

/* One event: what is to be done is judged and carried out; starts that fail are told. */

static void show(const struct core_event *e, const struct core_actions *actions)
{
    static const char *const names[] = {
#define EVENT(id) [CORE_ON_##id] = #id,
        CORE_EVENTS(EVENT)
#undef EVENT
    };
    char what[32] = "";
    if (e->pool || e->service)
        snprintf(what, sizeof what, " %s%u", e->pool ? "p" : "s", e->pool ? e->pool : e->service);
    forget();
    for (size_t i = 0; i < actions->count; i++)
        describe_action(&actions->list[i]);
    fprintf(stderr, "    %8lld ms  %s%s%s: %s\n", (long long)now, names[e->type], what,
            e->well ? " well" : "", done);
}

static void carry_out(const struct core_event *e, const struct core_actions *actions)
{
    for (size_t i = 0; !model.broken && i < actions->count; i++) {
        judge_action(&model, e, &actions->list[i]);
        if (!model.broken)
            model_carry_out(&model, &actions->list[i]);
    }
}

static void happen(struct core_event event)
{
    static struct core_actions actions; /* kept: it would be allocated each time */
    if (model.broken)
        return;
    event.now_ms = now;
    actions.count = 0;
    core_step(&core, &event, &actions);
    if (verbose)
        show(&event, &actions);
    carry_out(&event, &actions);
    model.events++;
    for (size_t i = 0; !model.broken && i < model.pool_count; i++)
        if (!model.pools[i].started) {
            unsigned id = model.pools[i].id;
            model_forget_pool(&model, &model.pools[i]);
            happen((struct core_event){
                .type = CORE_ON_START_FAILED, .pool = id, .why = "fork", .dice = (uint32_t)now});
            return; /* the rest was looked at in there */
        }
    if (!model.broken)
        judge_after(&model, &event);
}

/* Happenings as events. */

static const struct core_settings variants[] = {
    {.start_timeout = 3000,
     .graceful_timeout = 1000,
     .kill_timeout = 500,
     .restart_delay = 100,
     .restart_delay_max = 1600,
     .fresh_after_crash = true,
     .drain_backlog = true},
    {.start_timeout = 10000,
     .graceful_timeout = 30000,
     .kill_timeout = 5000,
     .restart_delay = 100,
     .restart_delay_max = 30000,
     .fresh_after_crash = true,
     .drain_backlog = true},
    {.start_timeout = 3000,
     .graceful_timeout = 1,
     .kill_timeout = 1,
     .restart_delay = 1,
     .restart_delay_max = 1,
     .drain_backlog = true},
    {.start_timeout = 1000,
     .graceful_timeout = 60000,
     .kill_timeout = 1000,
     .restart_delay = 5000,
     .restart_delay_max = 5000,
     .fresh_after_crash = true},
};

/* VALUE: which places have a service, which of them are changed (3 bits each), and with which
 * settings (2 bits each). Returns how many. */
static size_t make_rows(uint32_t value, struct core_row rows[PLACES])
{
    size_t count = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        struct model_service *service = &model.services[i];
        if (!(value >> i & 1))
            continue;
        if (!service->id)
            service->id = ++model.last_service;
        service->in_next = true;
        service->next = variants[value >> (2 * PLACES + 2 * i) & 3];
        rows[count] = (struct core_row){.service = service->id, .settings = service->next};
        rows[count].changed =
            (value >> (PLACES + i) & 1) || core_service_restarts(&core, service->id);
        service->changes = rows[count++].changed || !service->in_force;
    }
    return count;
}

static void on_read(const struct record *r)
{
    struct core_row rows[PLACES];
    size_t count = r->well ? make_rows(r->value, rows) : 0;
    if (r->well)
        model.change = MODEL_WAITING;
    happen((struct core_event){.type = CORE_ON_READ,
                               .well = r->well,
                               .why = r->well ? NULL : "cannot be read",
                               .rows = rows,
                               .row_count = count});
}

/* What was said before it is READY counts for nothing but this: READY is not heard any more. */
static void on_pool(struct model_pool *p, const struct record *r)
{
    struct core_event e = {.pool = p->id, .dice = r->value};
    switch (r->happening) {
    case HAPPENS_POOL_READY:
        e.type = CORE_ON_POOL_READY;
        if (p->deaf)
            return;
        if (!p->ready && !model_is_leaving(p)) {
            p->ready = true;
            p->late_ms = CLOCK_NEVER;
        }
        break;
    case HAPPENS_POOL_LEAVING:
        e.type = CORE_ON_POOL_LEAVING;
        e.why = "the present one leaves";
        p->deaf = true;
        if (!p->ready || model_is_leaving(p))
            break;
        p->leaves = true;
        p->late_ms = model_leave_ms(p, p->graceful_ms);
        if (p->place >= 0 && model.services[p->place].serving == p->id)
            model.services[p->place].serving = 0;
        break;
    case HAPPENS_POOL_DRAINED:
        e.type = CORE_ON_POOL_DRAINED;
        p->accepts = p->accepts && !model_is_leaving(p);
        break;
    case HAPPENS_POOL_CRASHED:
        e.type = CORE_ON_POOL_CRASHED;
        p->stale = judge_serves(&model, p) && model.services[p->place].settings.fresh_after_crash;
        break;
    default:
        e.type = CORE_ON_POOL_FLOODS;
        p->flooded = true;
    }
    happen(e);
}

static void on_pool_ended(struct model_pool *p, const struct record *r)
{
    int place = p->place;
    model.ended = p->id;
    model.mourned = model.adopted = false;
    if (place >= 0 && model.services[place].serving == p->id)
        model.services[place].serving = 0;
    model_forget_pool(&model, p);
    happen((struct core_event){.type = CORE_ON_POOL_ENDED,
                               .pool = model.ended,
                               .well = r->well,
                               .said = r->said,
                               .why = "has ended",
                               .dice = r->value});
    if (!model.broken && !(model.mourned && model.adopted))
        model.broken = "a pool has ended and is not mourned";
    if (!model.broken)
        judge_sequel(&model, place < 0 ? NULL : core_service_find(&core, model.services[place].id));
    model.ended = 0;
}

static void on_request(enum core_event_type type)
{
    if (type == CORE_ON_UPGRADE)
        model.asked[core.upgrading && core.change != CORE_CHANGE_CHECKING ? WAIT_NEXT_UPGRADE
                                                                          : WAIT_UPGRADE] = true;
    else if (core.change != CORE_CHANGE_NONE || core.phase == CORE_STARTING)
        model.asked[WAIT_NEXT_RELOAD] = true;
    else
        model.asked[WAIT_RELOAD] = true;
    happen((struct core_event){.type = type});
}

static void on_restart(const struct record *r)
{
    model.services[r->place].restart = core.last_pool + 1;
    happen((struct core_event){.type = CORE_ON_RESTART, .service = model.services[r->place].id});
    on_request(CORE_ON_RELOAD);
}

/* The new program has services and pools as they were, with other numbers. */
static void adopt_all(const struct core *before)
{
    core_init(&core, NULL, 0, now);
    for (size_t i = 0; i < before->service_count; i++) {
        const struct core_service *service = &before->services[i];
        const struct core_row row = {.service = service->id, .settings = service->settings};
        core_service_adopt(&core, &row, service, now);
    }
    for (size_t i = 0; i < model.pool_count; i++) {
        struct model_pool *p = &model.pools[i];
        const struct core_pool *pool = core_pool_find(before, p->id);
        const struct core_service *service = core_service_find(before, pool->service);
        enum core_place place = CORE_PLACE_NONE;
        if (service && service->current == p->id)
            place = CORE_PLACE_CURRENT;
        else if (service && service->coming == p->id)
            place = CORE_PLACE_COMING;
        p->id = core_pool_adopt(&core, pool, place);
        if (place == CORE_PLACE_CURRENT) /* a killed one is as good as gone */
            model.services[p->place].serving = p->killed ? 0 : p->id;
    }
    model.last_pool = model.upgraded = core.last_pool;
    for (int i = 0; i < PLACES; i++)
        if (model.services[i].restart)
            model.services[i].restart = core.last_pool + 1;
}

static void on_executed(void)
{
    struct core before = core;
    struct core_actions actions = {0};
    adopt_all(&before);
    model.change = MODEL_NONE;
    model.upgrading = true;
    core_change_resume_upgrade(&core, now, &actions);
    carry_out(&(struct core_event){.type = CORE_ON_CHECKED}, &actions);
    core_actions_release(&actions);
    if (before.reload_pending)
        happen((struct core_event){.type = CORE_ON_RELOAD});
    core_release(&before);
}

static void on_wait(const struct record *r)
{
    happen((struct core_event){.type = CORE_ON_TICK});
    int64_t next = core_next_ms(&core);
    if (r->well && next != CLOCK_NEVER)
        now = next > now ? next : now;
    else
        now += r->value;
}

/* Could that happen now? */
static bool is_possible(const struct record *r)
{
    const struct model_service *service = &model.services[r->place % PLACES];
    switch (r->happening) {
    case HAPPENS_READ:
        return model.change == MODEL_READING;
    case HAPPENS_BOUND:
        return model.change == MODEL_BINDING;
    case HAPPENS_CHECKED:
        return model.change == MODEL_CHECKING;
    case HAPPENS_EXECUTED:
    case HAPPENS_EXECUTE_FAILED:
        return model.change == MODEL_EXECUTING;
    case HAPPENS_RESTART:
        return service->in_force;
    case HAPPENS_QUEUE_EMPTY:
        return service->last_call;
    default:
        return happenings[r->happening].has[0] != 'p' || find_pool(r);
    }
}

static void heal(void);

static void apply(const struct record *r)
{
    if (model.broken || core_is_finished(&core) || !is_possible(r))
        return;
    switch (r->happening) {
    case HAPPENS_RELOAD:
        on_request(CORE_ON_RELOAD);
        break;
    case HAPPENS_RESTART:
        on_restart(r);
        break;
    case HAPPENS_READ:
        on_read(r);
        break;
    case HAPPENS_BOUND:
        model.change = r->well ? MODEL_STARTING : model.change;
        happen((struct core_event){.type = CORE_ON_BOUND, .well = r->well, .why = "in use"});
        break;
    case HAPPENS_UPGRADE:
        on_request(CORE_ON_UPGRADE);
        break;
    case HAPPENS_CHECKED:
        happen((struct core_event){.type = CORE_ON_CHECKED, .well = r->well, .why = "cannot"});
        break;
    case HAPPENS_EXECUTE_FAILED:
        happen((struct core_event){.type = CORE_ON_EXECUTE_FAILED, .why = "cannot"});
        break;
    case HAPPENS_EXECUTED:
        on_executed();
        break;
    case HAPPENS_QUEUE_EMPTY:
        happen((struct core_event){.type = CORE_ON_QUEUE_EMPTY,
                                   .service = model.services[r->place].id});
        break;
    case HAPPENS_FORKS:
        model.forks_fail = !r->well;
        break;
    case HAPPENS_WAIT:
        on_wait(r);
        break;
    case HAPPENS_STOP:
        happen((struct core_event){.type = CORE_ON_STOP});
        break;
    case HAPPENS_STOP_NOW:
        happen((struct core_event){.type = CORE_ON_STOP_NOW});
        break;
    case HAPPENS_HEAL:
        heal();
        break;
    case HAPPENS_POOL_ENDED:
        on_pool_ended(find_pool(r), r);
        break;
    default:
        on_pool(find_pool(r), r);
    }
}

static void apply_to_pool(enum happening happening, const struct model_pool *p, bool well)
{
    struct record r = of_pool(happening, p);
    r.well = well;
    apply(&r);
}

/* What is not as it has to become where all goes well; NULL: nothing. */
static const char *ailment(void)
{
    if (model.stopping)
        return NULL;
    for (int i = 0; i < PLACES; i++) {
        const struct model_pool *p = model_pool(&model, model.services[i].serving);
        if (model.services[i].id && !p)
            return "a service is not served any more";
        if (p && p->stale)
            return "a pool whose address layout is known serves on";
    }
    for (int i = 0; i < WAITS; i++)
        if (model.asked[i])
            return "somebody waits for ever";
    return model.change == MODEL_NONE && model.ready ? NULL : "a change does not come to its end";
}

static void heal(void)
{
    static const struct record well[] = {
        {.happening = HAPPENS_FORKS, .well = true},
        {.happening = HAPPENS_READ, .well = true, .value = 1},
        {.happening = HAPPENS_BOUND, .well = true},
        {.happening = HAPPENS_CHECKED, .well = true},
        {.happening = HAPPENS_EXECUTED},
        {.happening = HAPPENS_WAIT, .well = true, .value = 60000},
    };
    for (int turn = 0; turn < 40 && ailment(); turn++) {
        for (size_t i = 0; i < sizeof well / sizeof *well; i++)
            apply(&well[i]);
        for (size_t i = model.pool_count; i-- > 0 && i < model.pool_count;) {
            const struct model_pool *p = &model.pools[i];
            bool ends = model_is_leaving(p) || p->deaf;
            apply_to_pool(ends ? HAPPENS_POOL_ENDED : HAPPENS_POOL_READY, p, true);
        }
    }
    if (!model.broken)
        model.broken = ailment();
}

#endif
