/* SPDX-License-Identifier: MIT
 *
 * core_judge - for core_random_test: what each action must not do, before it is carried out; the
 * list is in supervisor/README.md. What holds after an event is in core_judge_after.h.
 */
#ifndef TESTS_UNIT_CORE_JUDGE_H
#define TESTS_UNIT_CORE_JUDGE_H

#include "core_model.h"

/* Leaves the function; the caller looks at m->broken. */
#define demand(condition, text)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            m->broken = text;                                                                      \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Before an action is carried out. */

static inline void judge_start_pool(struct model *m, const struct core_action *a)
{
    const struct model_service *service = model_service(m, a->service);
    demand(!m->stopping, "a pool is started after STOP");
    demand(service, "a pool is started for a service that does not exist");
    demand(a->pool > m->last_pool, "the number of a pool is used again");
    demand(!a->next || (m->change == MODEL_STARTING && service->in_next && service->changes),
           "a pool is started for a configuration that does not want it");
    demand(a->next || service->in_force, "a pool is started for a service that is not in force");
    for (size_t i = 0; i < m->pool_count; i++) {
        const struct model_pool *p = &m->pools[i];
        demand(p->place != model_place(m, a->service) || p->id == service->serving ||
                   model_is_leaving(p),
               "a second pool is to come");
    }
}

static inline void judge_promote(struct model *m, const struct core_action *a)
{
    const struct model_service *service = model_service(m, a->service);
    const struct model_pool *p = model_pool(m, a->pool);
    demand(!m->stopping, "a pool is promoted after STOP");
    demand(service && p && p->place == model_place(m, a->service),
           "a pool is promoted for a service that is not its own");
    demand(p->ready, "a pool serves that was not READY");
    demand(!model_is_leaving(p), "a pool is promoted that leaves");
    demand(p->next == (m->change == MODEL_COMMITTING) && p->next == a->next,
           "a pool of a change serves before COMMIT, or another one with it");
}

static inline bool judge_serves(struct model *m, const struct model_pool *p)
{
    return p->place >= 0 && m->services[p->place].serving == p->id;
}

static inline void judge_drain(struct model *m, const struct core_action *a)
{
    const struct model_pool *p = model_pool(m, a->pool);
    demand(p, "a pool is drained that does not exist");
    demand(!model_is_leaving(p), "a pool is drained that leaves already");
    demand(a->ms >= 0 && a->ms <= p->graceful_ms, "a pool gets more than graceful_timeout");
    if (judge_serves(m, p)) {
        const struct model_service *service = &m->services[p->place];
        bool dropped = m->change == MODEL_COMMITTING && !service->in_force;
        demand(dropped || (m->stopping && service->closed), "the pool that serves is drained");
    }
}

static inline void judge_stop_pool(struct model *m, const struct core_action *a)
{
    const struct model_pool *p = model_pool(m, a->pool);
    demand(m->stopping, "a pool is stopped, but the daemon is not");
    demand(p, "a pool is stopped that does not exist");
    demand(!p->stopped && !p->killed, "a pool is stopped twice, or after it was killed");
}

static inline void judge_kill(struct model *m, const struct core_action *a)
{
    const struct model_pool *p = model_pool(m, a->pool);
    demand(p, "a pool is killed that does not exist");
    demand(!p->killed, "a pool is killed twice");
    demand(p->flooded || now >= p->late_ms, "a pool is killed before its time");
}

static inline void judge_end(struct model *m, const struct core_action *a)
{
    demand(a->pool == m->ended, "a pool is mourned that lives");
    demand(a->type == CORE_DO_ADOPT ? !m->adopted : !m->mourned, "a pool is mourned twice");
}

static inline void judge_drop(struct model *m, const struct core_action *a)
{
    const struct model_service *service = model_service(m, a->service);
    demand(service && !service->in_force, "a service is dropped that is in force");
    for (size_t i = 0; i < m->pool_count; i++)
        demand(m->pools[i].place != model_place(m, a->service) || model_is_leaving(&m->pools[i]),
               "a service is dropped, and a pool of it stays");
}

static inline void judge_commit(struct model *m)
{
    demand(m->change == MODEL_STARTING, "COMMIT of what was not started");
    demand(!m->stopping, "COMMIT after STOP");
    for (int i = 0; i < PLACES; i++) {
        bool ready = !m->services[i].changes;
        for (size_t k = 0; k < m->pool_count; k++)
            ready = ready || (m->pools[k].place == i && m->pools[k].next && m->pools[k].ready &&
                              !model_is_leaving(&m->pools[k]));
        demand(ready, "COMMIT before all are READY");
    }
}

static inline void judge_committed(struct model *m)
{
    demand(m->change == MODEL_COMMITTING, "COMMITTED without COMMIT");
    for (size_t i = 0; i < m->pool_count; i++)
        demand(!m->pools[i].next || m->pools[i].place < 0 || model_is_leaving(&m->pools[i]),
               "a pool of the change does not serve after COMMITTED");
}

static inline void judge_success(struct model *m, const struct core_action *a)
{
    demand(m->change == MODEL_SETTLING, "a change succeeds that is not in force");
    demand(a->upgrade == m->upgrading, "the wrong ones are answered");
    for (size_t i = 0; i < m->pool_count && now < m->settle_ms && !m->stopping; i++)
        demand(!m->pools[i].accepts || !model_is_leaving(&m->pools[i]),
               "who waits is told of success while an old pool takes clients");
    for (int i = 0; i < PLACES; i++) {
        const struct model_service *service = &m->services[i];
        demand(service->serving == 0 || service->serving >= service->restarting,
               "a restart has succeeded and the old pool serves");
        demand(!a->upgrade || service->serving == 0 || service->serving > m->upgraded,
               "an upgrade has succeeded and a pool of the old program serves");
    }
}

static inline void judge_answer(struct model *m, const struct core_action *a)
{
    demand(m->asked[a->upgrade ? WAIT_UPGRADE : WAIT_RELOAD] || (a->upgrade && m->stopping),
           "an answer that nobody waits for");
    if (!a->why) {
        judge_success(m, a);
    } else if (m->change != MODEL_NONE) {
        demand(m->change == MODEL_FAILED || m->change == MODEL_CHECKING ||
                   m->change == MODEL_EXECUTING,
               "a change fails that goes on");
        demand(a->upgrade == m->upgrading, "the wrong ones are answered");
    } else {
        demand(m->stopping, "a change fails that was not begun");
    }
}

static inline void judge_begin(struct model *m)
{
    demand(m->ready && !m->stopping, "a change begins before READY or after STOP");
    demand(m->change == MODEL_NONE, "two changes at once");
}

/* Of those that served, besides the one that does. */
static inline size_t judge_older(const struct model *m, int place)
{
    size_t older = 0;
    for (size_t i = 0; i < m->pool_count; i++)
        older += m->pools[i].place == place && m->pools[i].id != m->services[place].serving &&
                 m->pools[i].served && model_is_leaving(&m->pools[i]);
    return older;
}

/* When pools of the change may be started. */
static inline void judge_bind(struct model *m)
{
    demand(m->change == MODEL_WAITING, "a wrong BIND");
    for (int i = 0; i < PLACES; i++) {
        const struct model_service *service = &m->services[i];
        demand(!service->in_next || !service->changes || service->serving == 0 ||
                   judge_older(m, i) <= CORE_OLD_GENERATIONS,
               "a generation is started while too many older ones are there");
    }
}

static inline void judge_last_call(struct model *m, const struct core_action *a)
{
    const struct model_service *service = model_service(m, a->service);
    demand(m->stopping && service && !service->closed && !service->last_call,
           "a last call out of place");
    demand(service->serving && service->settings.drain_backlog, "a last call that nobody serves");
}

static inline void judge_action(struct model *m, const struct core_event *e,
                                const struct core_action *a)
{
    const struct model_pool *p = model_pool(m, a->pool);
    const struct model_service *service = model_service(m, a->service);
    switch (a->type) {
    case CORE_DO_START_POOL:
        judge_start_pool(m, a);
        break;
    case CORE_DO_PROMOTE:
        judge_promote(m, a);
        break;
    case CORE_DO_DRAIN_POOL:
        judge_drain(m, a);
        break;
    case CORE_DO_STOP_POOL:
        judge_stop_pool(m, a);
        break;
    case CORE_DO_KILL_POOL:
        judge_kill(m, a);
        break;
    case CORE_DO_MOURN:
    case CORE_DO_ADOPT:
        judge_end(m, a);
        break;
    case CORE_DO_HOLD_OFF:
        demand(e->type == CORE_ON_START_FAILED && service && !m->stopping, "a wrong hold-off");
        break;
    case CORE_DO_DROP:
        judge_drop(m, a);
        break;
    case CORE_DO_READ:
    case CORE_DO_CHECK:
        judge_begin(m);
        break;
    case CORE_DO_BIND:
        judge_bind(m);
        break;
    case CORE_DO_COMMIT:
        judge_commit(m);
        break;
    case CORE_DO_COMMITTED:
        judge_committed(m);
        break;
    case CORE_DO_ROLL_BACK:
        demand(m->change >= MODEL_READING && m->change <= MODEL_STARTING, "a wrong ROLL_BACK");
        demand(a->why, "nobody knows why a change failed");
        break;
    case CORE_DO_EXECUTE:
        demand(m->change == MODEL_CHECKING && e->well, "EXECUTE without CHECKED");
        break;
    case CORE_DO_ANSWER:
        judge_answer(m, a);
        break;
    case CORE_DO_ADVANCE:
        demand(m->change == MODEL_NONE, "who waits for the next change gets this one's answer");
        break;
    case CORE_DO_WAITING:
        demand(p && model_is_leaving(p) && m->change == MODEL_WAITING, "a wrong WAITING");
        break;
    case CORE_DO_READY:
        demand(!m->ready && !m->stopping, "READY twice, or after STOP");
        for (int i = 0; i < PLACES; i++)
            demand(!m->services[i].id || m->services[i].was_ready, "READY before all were");
        break;
    case CORE_DO_GIVE_UP:
        demand(!m->ready && !m->stopping && service && !service->was_ready,
               "the start is given up of what has started");
        break;
    case CORE_DO_LAST_CALL:
        judge_last_call(m, a);
        break;
    case CORE_DO_CLOSE:
        demand(m->stopping && service, "sockets are closed without a stop");
        break;
    case CORE_DO_STOPPING:
        demand(e->type == CORE_ON_STOP || e->type == CORE_ON_STOP_NOW || m->gave_up,
               "a stop that nobody wants");
        break;
    }
}

#endif
