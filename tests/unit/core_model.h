/* SPDX-License-Identifier: MIT
 *
 * core_model - for core_random_test: the world around the core, as the core's actions make it and
 * its events tell of it. Knows by itself which pools there are, what was said to them, who waits
 * for an answer, and which results are owed. What must hold is in core_judge.h.
 */
#ifndef TESTS_UNIT_CORE_MODEL_H
#define TESTS_UNIT_CORE_MODEL_H

#include "core_drive.h"

#define PLACES    3  /* a configuration has a service in some of them */
#define POOLS_MAX 48 /* from there on they only end */

enum model_change {
    MODEL_NONE,
    MODEL_READING,
    MODEL_WAITING,
    MODEL_BINDING,
    MODEL_STARTING,
    MODEL_COMMITTING, /* between two actions of one event */
    MODEL_SETTLING,
    MODEL_FAILED, /* between two actions of one event */
    MODEL_CHECKING,
    MODEL_EXECUTING,
};

/* Who waits for an answer; see enum control_wait. */
enum model_wait { WAIT_RELOAD, WAIT_NEXT_RELOAD, WAIT_UPGRADE, WAIT_NEXT_UPGRADE, WAITS };

struct model_pool {
    unsigned id;
    int place;        /* of its service; -1: that is gone */
    bool started;     /* else START_FAILED is owed */
    bool next;        /* for a configuration that is not in force yet */
    bool ready, deaf; /* it said READY; that it leaves, before it was READY */
    bool served;      /* it was promoted, */
    bool accepts;     /* and takes clients */
    bool stale;       /* a worker crashed, and that is reason for another pool */
    bool leaves;      /* it said so */
    bool drained, stopped, killed, flooded;
    int64_t graceful_ms, kill_ms;
    int64_t late_ms; /* then it has to be killed, and not before */
};

struct model_service {
    unsigned id; /* 0: there is none */
    bool in_force, in_next, changes, was_ready;
    bool last_call, closed;
    unsigned serving;
    unsigned restart, restarting; /* is wanted: the first pool that counts; 0: it is not */
    struct core_settings settings, next;
};

struct model {
    const char *broken; /* what did not hold */
    struct model_pool pools[POOLS_MAX + 16];
    size_t pool_count;
    struct model_service services[PLACES];
    unsigned ended; /* the pool whose end the event that goes on tells; 0: none's */
    bool mourned, adopted;
    unsigned last_pool, last_service;
    bool forks_fail;
    bool ready, gave_up, stopping;
    enum model_change change;
    bool upgrading;
    unsigned upgraded; /* the last pool of the old program */
    bool asked[WAITS];
    int64_t start_ms, settle_ms, stop_ms;
    const char *why;         /* of the event that goes on */
    enum core_sequel sequel; /* that its MOURN told */
    size_t events, sequences;
    size_t actions[32], sequels[16]; /* how often each was wanted */
};

#define MODEL_ACTIONS (CORE_DO_STOPPING + 1)
#define MODEL_SEQUELS (CORE_SEQUEL_GIVE_UP + 1)

static inline struct model_pool *model_pool(struct model *m, unsigned id)
{
    for (size_t i = 0; id != 0 && i < m->pool_count; i++)
        if (m->pools[i].id == id)
            return &m->pools[i];
    return NULL;
}

static inline int model_place(const struct model *m, unsigned service)
{
    for (int i = 0; i < PLACES; i++)
        if (service != 0 && m->services[i].id == service)
            return i;
    return -1;
}

static inline struct model_service *model_service(struct model *m, unsigned id)
{
    int place = model_place(m, id);
    return place < 0 ? NULL : &m->services[place];
}

/* Was it told to end, or did it say that it does? */
static inline bool model_is_leaving(const struct model_pool *p)
{
    return p->drained || p->leaves || p->stopped || p->killed;
}

static inline void model_forget_pool(struct model *m, struct model_pool *p)
{
    size_t after = (size_t)(&m->pools[--m->pool_count] - p);
    memmove(p, p + 1, after * sizeof *p);
}

/* What the actions do to the world. */

static inline void model_start_pool(struct model *m, const struct core_action *a)
{
    const struct model_service *service = model_service(m, a->service);
    const struct core_settings *settings = a->next ? &service->next : &service->settings;
    m->last_pool = a->pool;
    m->pools[m->pool_count++] = (struct model_pool){.id = a->pool,
                                                    .place = model_place(m, a->service),
                                                    .started = !m->forks_fail,
                                                    .next = a->next,
                                                    .graceful_ms = settings->graceful_timeout,
                                                    .kill_ms = settings->kill_timeout,
                                                    .late_ms = now + settings->start_timeout};
}

static inline void model_promote(struct model *m, const struct core_action *a)
{
    struct model_service *service = model_service(m, a->service);
    struct model_pool *p = model_pool(m, a->pool);
    service->serving = p->id;
    service->was_ready = p->served = p->accepts = true;
    p->next = false;
}

static inline int64_t model_leave_ms(const struct model_pool *p, int64_t ms)
{
    return now + ms + 2 * p->kill_ms + CORE_LEAVE_SPARE_MS;
}

static inline void model_stop_pool(struct model_pool *p)
{
    int64_t soon = now + CORE_LEAVE_SPARE_MS;
    p->late_ms = model_is_leaving(p) ? clock_earlier(p->late_ms, soon) : soon;
    p->stopped = true;
}

static inline void model_drop(struct model *m, unsigned id)
{
    int place = model_place(m, id);
    for (size_t i = 0; i < m->pool_count; i++)
        if (m->pools[i].place == place)
            m->pools[i].place = -1;
    m->services[place] = (struct model_service){0};
}

static inline void model_commit(struct model *m)
{
    for (int i = 0; i < PLACES; i++) {
        struct model_service *service = &m->services[i];
        service->in_force = service->in_next;
        service->settings = service->next;
    }
    m->change = MODEL_COMMITTING;
}

static inline void model_roll_back(struct model *m)
{
    for (int i = 0; i < PLACES; i++)
        m->services[i].in_next = m->services[i].changes = false;
    m->change = MODEL_FAILED;
}

static inline void model_committed(struct model *m)
{
    for (int i = 0; i < PLACES; i++)
        m->services[i].in_next = m->services[i].changes = false;
    m->change = MODEL_SETTLING;
    m->settle_ms = now + CORE_SETTLE_MS;
}

static inline void model_move_up(struct model *m, enum model_wait from, enum model_wait to)
{
    m->asked[to] = m->asked[to] || m->asked[from];
    m->asked[from] = false;
}

static inline void model_answer(struct model *m, const struct core_action *a)
{
    if (a->upgrade && m->stopping)
        model_move_up(m, WAIT_NEXT_UPGRADE, WAIT_UPGRADE);
    m->asked[a->upgrade ? WAIT_UPGRADE : WAIT_RELOAD] = false;
    for (int i = 0; i < PLACES; i++)
        m->services[i].restarting = 0;
    m->change = MODEL_NONE;
    m->upgrading = false;
}

static inline void model_advance(struct model *m)
{
    model_move_up(m, WAIT_NEXT_RELOAD, WAIT_RELOAD);
    for (int i = 0; i < PLACES; i++) {
        m->services[i].restarting = m->services[i].restart;
        m->services[i].restart = 0;
    }
}

static inline void model_carry_out(struct model *m, const struct core_action *a)
{
    struct model_pool *p = model_pool(m, a->pool);
    struct model_service *service = model_service(m, a->service);
    m->actions[a->type]++;
    switch (a->type) {
    case CORE_DO_START_POOL:
        model_start_pool(m, a);
        break;
    case CORE_DO_PROMOTE:
        model_promote(m, a);
        break;
    case CORE_DO_DRAIN_POOL:
        p->late_ms = model_leave_ms(p, a->ms);
        p->drained = true;
        break;
    case CORE_DO_STOP_POOL:
        model_stop_pool(p);
        break;
    case CORE_DO_KILL_POOL:
        p->killed = true;
        p->late_ms = CLOCK_NEVER;
        break;
    case CORE_DO_MOURN:
        m->mourned = true;
        m->sequel = a->sequel;
        m->sequels[a->sequel]++;
        break;
    case CORE_DO_ADOPT:
        m->adopted = true;
        break;
    case CORE_DO_DROP:
        model_drop(m, a->service);
        break;
    case CORE_DO_READ:
        m->change = MODEL_READING;
        break;
    case CORE_DO_BIND:
        m->change = MODEL_BINDING;
        break;
    case CORE_DO_COMMIT:
        model_commit(m);
        break;
    case CORE_DO_COMMITTED:
        model_committed(m);
        break;
    case CORE_DO_ROLL_BACK:
        model_roll_back(m);
        break;
    case CORE_DO_CHECK:
        model_move_up(m, WAIT_NEXT_UPGRADE, WAIT_UPGRADE);
        m->change = MODEL_CHECKING;
        m->upgrading = true;
        break;
    case CORE_DO_EXECUTE:
        m->change = MODEL_EXECUTING;
        break;
    case CORE_DO_ANSWER:
        model_answer(m, a);
        break;
    case CORE_DO_ADVANCE:
        model_advance(m);
        break;
    case CORE_DO_READY:
        m->ready = true;
        break;
    case CORE_DO_GIVE_UP:
        m->gave_up = true;
        break;
    case CORE_DO_LAST_CALL:
        service->last_call = true;
        break;
    case CORE_DO_CLOSE:
        service->last_call = false;
        service->closed = true;
        break;
    case CORE_DO_STOPPING:
        if (!m->stopping)
            m->stop_ms = now;
        m->stopping = true;
        break;
    case CORE_DO_HOLD_OFF:
    case CORE_DO_WAITING:
        break;
    }
}

#endif
