/* SPDX-License-Identifier: MIT
 *
 * reload_plan - what has to be done to get from one configuration to another. Pure.
 */
#ifndef SUPERVISOR_RELOAD_PLAN_H
#define SUPERVISOR_RELOAD_PLAN_H

#include "lib/config_diff.h"

enum reload_action {
    RELOAD_KEEP,   /* nothing changed: its pool goes on */
    RELOAD_CHANGE, /* a new pool takes over from the old one */
    RELOAD_ADD,    /* there was no such service */
};

struct reload_plan {
    struct config_changes global; /* keys outside of services */
    /* One of each per service of the new configuration. */
    enum reload_action *actions;
    struct config_changes *changes; /* of its own keys; none but for RELOAD_CHANGE */
    size_t service_count;
    size_t added, changed, kept, removed;
};

/* Compare. Returns 0, or -1 with ERROR naming each key that cannot change while preforkd runs; PLAN
 * is empty then. */
int reload_plan_make(struct reload_plan *plan, const struct config *now, const struct config *next,
                     struct error *error);
/* Change service INDEX even where it is the same. */
void reload_plan_force(struct reload_plan *plan, size_t index);
void reload_plan_release(struct reload_plan *plan);

#endif
