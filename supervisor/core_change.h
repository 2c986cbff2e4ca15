/* SPDX-License-Identifier: MIT
 *
 * core_change - reload and upgrade: one change at a time, as a whole or not at all. Part of the
 * core (core.h).
 *
 * Who asks while a change goes on gets the next one, once for all who asked. New pools are
 * started when, of the generations before the present one, not more than CORE_OLD_GENERATIONS still
 * finish what they have in hand, and take over when all of them are READY.
 */
#ifndef SUPERVISOR_CORE_CHANGE_H
#define SUPERVISOR_CORE_CHANGE_H

#include "supervisor/core.h"

void core_change_reload(struct core *core, struct core_actions *actions);
void core_change_upgrade(struct core *core, struct core_actions *actions);

/* The results of what the core had asked for. */
void core_change_read(struct core *core, const struct core_event *event,
                      struct core_actions *actions);
void core_change_bound(struct core *core, const struct core_event *event,
                       struct core_actions *actions);
void core_change_checked(struct core *core, const struct core_event *event,
                         struct core_actions *actions);

/* Take back what was prepared; WHY goes to who waits. */
void core_change_fail(struct core *core, const char *why, int64_t now_ms,
                      struct core_actions *actions);

/* The daemon stops: nothing is changed any more, whoever waits. */
void core_change_abandon(struct core *core, int64_t now_ms, struct core_actions *actions);

/* After each event: is the change complete? And where none goes on: the next one. */
void core_change_proceed(struct core *core, int64_t now_ms, struct core_actions *actions);

#endif
