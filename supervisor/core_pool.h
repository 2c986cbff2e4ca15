/* SPDX-License-Identifier: MIT
 *
 * core_pool - a pool from birth to end: its state and its deadline. Part of the core (core.h).
 */
#ifndef SUPERVISOR_CORE_POOL_H
#define SUPERVISOR_CORE_POOL_H

#include "supervisor/core.h"

/* The one place that sets the state. */
void core_pool_enter(struct core_pool *pool, enum core_pool_state state, int64_t deadline_ms);

/* BORN, for SERVICE, which it is `coming` of. Returns its number. */
unsigned core_pool_add(struct core *core, unsigned service, const struct core_settings *settings,
                       int64_t now_ms);
void core_pool_remove(struct core *core, unsigned id);

/* LEAVING: it is told to finish what it has in hand within MS milliseconds; nothing where it leaves
 * already. */
void core_pool_drain(struct core *core, unsigned id, int64_t ms, int64_t now_ms,
                     struct core_actions *actions);

/* LEAVING by itself. */
void core_pool_leaves(struct core_pool *pool, int64_t now_ms);

/* STOPPED. */
void core_pool_stop(struct core_pool *pool, int64_t now_ms, struct core_actions *actions);

/* KILLED, with its workers. */
void core_pool_kill(struct core_pool *pool, const char *why, struct core_actions *actions);

/* The same, for all whose deadline has passed. */
void core_pool_check(struct core *core, int64_t now_ms, struct core_actions *actions);

/* How many pools of SERVICE are leaving, and the oldest of them; 0: there is none. */
unsigned core_pool_count_leaving(const struct core *core, unsigned service, unsigned *oldest);

#endif
