/* SPDX-License-Identifier: MIT
 *
 * core_record - for core_random_test: what can happen, and a note of it that makes sense in other
 * circumstances, too: pools are named by what they are and not by number. So a part of a sequence
 * can be left out, and what is not possible any more is skipped.
 */
#ifndef TESTS_UNIT_CORE_RECORD_H
#define TESTS_UNIT_CORE_RECORD_H

#include "core_model.h"

/* What can happen; a letter for each thing it has: p(ool), s(ervice), w(ell), e(xplained: said),
 * v(alue). */
#define HAPPENINGS(HAPPENS)                                                                        \
    HAPPENS(POOL_READY, "p")                                                                       \
    HAPPENS(POOL_LEAVING, "p")                                                                     \
    HAPPENS(POOL_DRAINED, "p")                                                                     \
    HAPPENS(POOL_CRASHED, "p")                                                                     \
    HAPPENS(POOL_FLOODS, "p")                                                                      \
    HAPPENS(POOL_ENDED, "pwe")                                                                     \
    HAPPENS(RELOAD, "")                                                                            \
    HAPPENS(RESTART, "s") /* and RELOAD */                                                         \
    HAPPENS(READ, "wv")                                                                            \
    HAPPENS(BOUND, "w")                                                                            \
    HAPPENS(UPGRADE, "")                                                                           \
    HAPPENS(CHECKED, "w")                                                                          \
    HAPPENS(EXECUTE_FAILED, "")                                                                    \
    HAPPENS(EXECUTED, "") /* another core goes on */                                               \
    HAPPENS(QUEUE_EMPTY, "s")                                                                      \
    HAPPENS(FORKS, "w")                                                                            \
    HAPPENS(WAIT, "wv") /* TICK, then until something is due, or for that long */                  \
    HAPPENS(STOP, "")                                                                              \
    HAPPENS(STOP_NOW, "")                                                                          \
    HAPPENS(HEAL, "") /* all goes well from now on, and then all has to be well */

enum happening {
#define HAPPENS(id, has) HAPPENS_##id,
    HAPPENINGS(HAPPENS)
#undef HAPPENS
        HAPPENINGS_COUNT
};

static const struct {
    const char *name, *has;
} happenings[] = {
#define HAPPENS(id, has) {#id, has},
    HAPPENINGS(HAPPENS)
#undef HAPPENS
};

enum role { SERVES, COMES, OTHER }; /* OTHER: the place is its index among all such */

struct record {
    enum happening happening;
    enum role role;
    int place;
    bool well, said;
    uint32_t value; /* of READ: see make_rows(); of WAIT: milliseconds; else dice */
};

static struct model model;

static inline enum role role_of(const struct model_pool *p, int *place)
{
    const struct core_pool *own = core_pool_find(&core, p->id);
    const struct core_service *service = own ? core_service_find(&core, own->service) : NULL;
    *place = p->place;
    if (service && service->current == p->id)
        return SERVES;
    if (service && service->coming == p->id)
        return COMES;
    *place = 0;
    for (const struct model_pool *before = model.pools; before < p; before++) {
        int ignored;
        *place += role_of(before, &ignored) == OTHER;
    }
    return OTHER;
}

static inline struct model_pool *find_pool(const struct record *r)
{
    for (size_t i = 0; i < model.pool_count; i++) {
        int place;
        if (role_of(&model.pools[i], &place) == r->role && place == r->place)
            return &model.pools[i];
    }
    return NULL;
}

static inline struct record of_pool(enum happening happening, const struct model_pool *p)
{
    struct record r = {.happening = happening};
    r.role = role_of(p, &r.place);
    return r;
}

static inline void print_record(const struct record *r)
{
    static const char *const roles[] = {"that serves at", "to come at", "of no use, number"};
    const char *has = happenings[r->happening].has;
    fprintf(stderr, "%s", happenings[r->happening].name);
    if (strchr(has, 'p'))
        fprintf(stderr, " of the one %s %d", roles[r->role], r->place);
    if (strchr(has, 's'))
        fprintf(stderr, " at %d", r->place);
    if (strchr(has, 'w'))
        fprintf(stderr, "%s", r->well ? " well" : " not well");
    if (strchr(has, 'e'))
        fprintf(stderr, "%s", r->said ? " said" : "");
    if (strchr(has, 'v'))
        fprintf(stderr, " %u", r->value);
    fprintf(stderr, "\n");
}

#endif
