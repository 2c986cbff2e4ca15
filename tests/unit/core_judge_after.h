/* SPDX-License-Identifier: MIT
 *
 * core_judge_after - for core_random_test: what holds when an event was dealt with.
 */
#ifndef TESTS_UNIT_CORE_JUDGE_AFTER_H
#define TESTS_UNIT_CORE_JUDGE_AFTER_H

#include "core_judge.h"

static inline enum core_pool_state judge_state(const struct model_pool *p)
{
    return p->killed                 ? CORE_POOL_KILLED
           : p->stopped              ? CORE_POOL_STOPPED
           : p->drained || p->leaves ? CORE_POOL_LEAVING
           : p->ready                ? CORE_POOL_READY
                                     : CORE_POOL_BORN;
}

static inline void judge_pools(struct model *m)
{
    demand(core.pool_count == m->pool_count, "the core has other pools than there are");
    for (size_t i = 0; i < m->pool_count; i++) {
        const struct model_pool *p = &m->pools[i];
        const struct core_pool *own = core_pool_find(&core, p->id);
        demand(own, "the core has other pools than there are");
        demand(own->service == (p->place < 0 ? 0 : m->services[p->place].id),
               "a pool is another service's");
        demand(own->state == judge_state(p), "the state of a pool is not what was said");
        const struct core_service *service = core_service_find(&core, own->service);
        bool matters = service && (service->current == p->id || service->coming == p->id);
        demand(matters || model_is_leaving(p), "a pool that nobody wants does not leave");
        demand((own->deadline_ms == CLOCK_NEVER) ==
                   (own->state == CORE_POOL_READY || own->state == CORE_POOL_KILLED),
               "a pool that leaves or gets ready has no deadline, or another one has");
    }
}

static inline void judge_service(struct model *m, const struct core_service *service)
{
    const struct model_service *known = model_service(m, service->id);
    const struct model_pool *coming = model_pool(m, service->coming);
    demand(known && known->serving == service->current, "another pool serves than was promoted");
    demand(service->current == 0 || service->current != service->coming,
           "the pool that is to come serves");
    demand(service->coming == 0 || (coming && m->services[coming->place].id == service->id),
           "a pool is to come that does not exist, or is another's");
    demand(!coming || !model_is_leaving(coming) || coming->killed, "a pool is to come that leaves");
    demand(!coming || !m->stopping, "a pool is to come after STOP");
    demand(!coming || service->reloading == coming->next, "a pool is taken for one of a change");
    demand(service->in_force == known->in_force, "a configuration is half in force");
    demand(m->stopping || service->current || service->coming || service->retry_ms != CLOCK_NEVER ||
               !service->in_force,
           "a service is given up");
}

static inline void judge_change(struct model *m)
{
    static const enum core_change changes[] = {
        [MODEL_NONE] = CORE_CHANGE_NONE,         [MODEL_READING] = CORE_CHANGE_READING,
        [MODEL_WAITING] = CORE_CHANGE_WAITING,   [MODEL_BINDING] = CORE_CHANGE_BINDING,
        [MODEL_STARTING] = CORE_CHANGE_STARTING, [MODEL_SETTLING] = CORE_CHANGE_SETTLING,
        [MODEL_CHECKING] = CORE_CHANGE_CHECKING, [MODEL_EXECUTING] = CORE_CHANGE_CHECKING};
    bool reload = m->change != MODEL_NONE && !m->upgrading;
    demand(m->change != MODEL_COMMITTING && m->change != MODEL_FAILED, "half a change");
    demand(core.change == changes[m->change], "the core is at another step of a change");
    demand(core_change_is_reload(&core) ==
               (core.change != CORE_CHANGE_NONE && core.change != CORE_CHANGE_CHECKING),
           "the core says of a change that there is none");
    demand(core.upgrading == m->upgrading, "a change is taken for an upgrade");
    demand(!m->asked[WAIT_RELOAD] || reload, "a reload is wanted and forgotten");
    demand(!m->asked[WAIT_NEXT_RELOAD] || core.reload_pending, "a reload is wanted and forgotten");
    demand(!m->asked[WAIT_UPGRADE] || core.upgrading || core.upgrade_pending,
           "an upgrade is wanted and forgotten");
    demand(!m->asked[WAIT_NEXT_UPGRADE] || core.upgrade_pending,
           "an upgrade is wanted and forgotten");
    demand(!m->stopping || m->change == MODEL_NONE, "a change goes on after STOP");
}

/* What a pool's end was said to lead to. */
static inline void judge_sequel(struct model *m, const struct core_service *service)
{
    bool waits = service && service->retry_ms != CLOCK_NEVER;
    switch (m->sequel) {
    case CORE_SEQUEL_COMING:
        demand(service && service->coming, "another pool is said to come, and none is");
        break;
    case CORE_SEQUEL_AT_ONCE:
        demand(waits && service->retry_ms <= now, "a pool is said to be replaced at once");
        break;
    case CORE_SEQUEL_RATED:
    case CORE_SEQUEL_HOLD_OFF:
        demand(waits && service->retry_ms >= now, "a pool is said to be replaced");
        break;
    case CORE_SEQUEL_GIVE_UP:
        demand(m->gave_up, "the daemon is said to give up");
        break;
    case CORE_SEQUEL_CHANGE_FAILED:
        demand(!service || !service->reloading, "a change is said to have failed");
        break;
    case CORE_SEQUEL_STOPPING:
        demand(m->stopping, "the daemon is said to stop");
        break;
    case CORE_SEQUEL_NOBODY:
    case CORE_SEQUEL_LEFT:
        break;
    }
}

/* When something is to be done at the latest, as far as the model knows. */
static inline int64_t judge_due_ms(const struct model *m)
{
    int64_t due = m->change == MODEL_SETTLING ? m->settle_ms : CLOCK_NEVER;
    for (size_t i = 0; i < m->pool_count; i++)
        due = clock_earlier(due, m->pools[i].late_ms);
    for (int i = 0; i < PLACES; i++) {
        const struct model_service *service = &m->services[i];
        if (service->last_call)
            due = clock_earlier(due, m->stop_ms + service->settings.graceful_timeout);
        if (service->id && !m->ready && !m->stopping && !service->was_ready)
            due = clock_earlier(due, m->start_ms + service->settings.start_timeout);
    }
    return due;
}

/* What was due is done, and what will be is waited for. */
static inline void judge_tick(struct model *m)
{
    for (size_t i = 0; i < m->pool_count; i++)
        demand(now < m->pools[i].late_ms, "a pool is late and lives");
    for (int i = 0; i < PLACES; i++) {
        const struct model_service *service = &m->services[i];
        const struct model_pool *p = model_pool(m, service->serving);
        demand(!service->last_call || (p && !model_is_leaving(p) &&
                                       now < m->stop_ms + service->settings.graceful_timeout),
               "a last call goes on that is over");
    }
    demand(m->change != MODEL_SETTLING || now < m->settle_ms, "who waits is kept waiting");
    demand(core.phase != CORE_RUNNING || core.change != CORE_CHANGE_NONE ||
               (!core.reload_pending && !core.upgrade_pending),
           "a change is wanted and not begun");
    demand(core_next_ms(&core) > now || core_is_finished(&core), "what is due was not done");
    demand(core_next_ms(&core) <= judge_due_ms(m), "something will be due before anybody looks");
    for (size_t i = 0; i < core.service_count && !m->stopping; i++)
        demand(core.services[i].current || core.services[i].coming || !core.services[i].in_force ||
                   core_next_ms(&core) != CLOCK_NEVER,
               "the next try of a service will be forgotten");
}

static inline void judge_after(struct model *m, const struct core_event *e)
{
    size_t count = 0;
    demand(m->stopping == (core.phase == CORE_STOPPING), "the core is in another phase");
    demand(m->stopping || m->ready == (core.phase == CORE_RUNNING), "the core is in another phase");
    demand(core_is_finished(&core) == (m->stopping && m->pool_count == 0),
           "the core is finished too early, or never");
    for (int i = 0; i < PLACES; i++)
        count += m->services[i].id != 0;
    demand(core.service_count == count, "the core has other services than there are");
    judge_pools(m);
    for (size_t i = 0; !m->broken && i < core.service_count; i++)
        judge_service(m, &core.services[i]);
    if (!m->broken)
        judge_change(m);
    if (!m->broken && e->type == CORE_ON_TICK)
        judge_tick(m);
}

#endif
