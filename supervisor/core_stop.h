/* SPDX-License-Identifier: MIT
 *
 * core_stop - stopping the daemon. Part of the core (core.h).
 *
 * Who was in the queue when the stop came is served (drain = "backlog"): first nobody can queue up
 * any more, then the queue is served, the last call, then the sockets are closed and the pools are
 * told to finish. All of it within graceful_timeout.
 */
#ifndef SUPERVISOR_CORE_STOP_H
#define SUPERVISOR_CORE_STOP_H

#include "supervisor/core.h"

/* STOP and STOP_NOW. */
void core_stop(struct core *core, const struct core_event *event, struct core_actions *actions);

/* A first start that cannot succeed ends the daemon; later the same is a hold-off. */
void core_stop_give_up(struct core *core, const struct core_service *service, const char *why,
                       int64_t now_ms, struct core_actions *actions);

/* End the last call of SERVICE where it is time. */
void core_stop_check(struct core *core, struct core_service *service, int64_t now_ms,
                     struct core_actions *actions);
void core_stop_end_last_call(struct core *core, struct core_service *service, int64_t now_ms,
                             struct core_actions *actions);

#endif
