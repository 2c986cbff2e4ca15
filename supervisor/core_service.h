/* SPDX-License-Identifier: MIT
 *
 * core_service - which pool of a service serves, and when a lost one is replaced. Part of the core
 * (core.h).
 *
 * At most two pools matter: `current` serves, `coming` was started and does not serve yet. When it
 * takes over, the one before only has to leave. Death before READY: exponential hold-off. Death
 * after it: replaced at once, but not at any rate, so that nobody can switch a service off by
 * killing its pools. A pool in which a worker crashed is replaced, too, while it serves on: copies
 * share their address layout, and whoever crashes them one by one learns it.
 */
#ifndef SUPERVISOR_CORE_SERVICE_H
#define SUPERVISOR_CORE_SERVICE_H

#include "supervisor/core.h"

struct core_service *core_service_add(struct core *core, const struct core_row *row,
                                      int64_t now_ms);

/* It is no longer the daemon's affair; its pools leave. */
void core_service_drop(struct core *core, unsigned id, int64_t now_ms,
                       struct core_actions *actions);

/* Start its coming pool with the configuration in force, or with the next one. */
void core_service_start(struct core *core, struct core_service *service, bool next, int64_t now_ms,
                        struct core_actions *actions);

/* Its coming pool serves, the one before leaves. */
void core_service_promote(struct core *core, struct core_service *service, int64_t now_ms,
                          struct core_actions *actions);

/* Its coming pool is not wanted. */
void core_service_recall(struct core *core, struct core_service *service, int64_t now_ms,
                         struct core_actions *actions);

/* When its next pool is to be started; CLOCK_NEVER: not by the time alone. */
int64_t core_service_due_ms(const struct core *core, const struct core_service *service);

/* POOL_CRASHED of its current pool. */
void core_service_crashed(struct core_service *service);

/* Its current pool is lost: when is the next one started? */
enum core_sequel core_service_lost(struct core_service *service, int64_t now_ms);

/* Its coming pool died or could not be started, and belongs to no reload. The hold-off in ms. */
int64_t core_service_hold_off(struct core_service *service, int64_t now_ms, uint32_t dice);

#endif
