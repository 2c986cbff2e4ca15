/* SPDX-License-Identifier: MIT
 *
 * reload_plan - what has to be done to get from one configuration to another. Pure.
 */
#ifndef SUPERVISOR_RELOAD_PLAN_H
#define SUPERVISOR_RELOAD_PLAN_H

#include "lib/config.h"

enum reload_action {
    RELOAD_KEEP,   /* nothing changed: its pool goes on */
    RELOAD_CHANGE, /* a new pool takes over from the old one */
    RELOAD_ADD,    /* there was no such service */
};

struct reload_plan {
    enum reload_action *actions; /* one per service of the new configuration */
    size_t added, changed, kept, removed;
};

/* Compare. Returns 0, or -1 with ERROR naming the key that cannot change while preforkd runs. */
int reload_plan_make(struct reload_plan *plan, const struct config *now, const struct config *next,
                     struct error *error);
/* Change service INDEX even where it is the same. */
void reload_plan_force(struct reload_plan *plan, size_t index);
void reload_plan_release(struct reload_plan *plan);

#endif
