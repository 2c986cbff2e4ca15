/* SPDX-License-Identifier: MIT
 *
 * pool_events - what pools say and how they end, as events for the core, and the log lines of it.
 */
#ifndef SUPERVISOR_POOL_EVENTS_H
#define SUPERVISOR_POOL_EVENTS_H

#include "supervisor/supervisor.h"

/* For pool_process_start(); the owner is the struct supervisor. */
extern const struct pool_process_events pool_events;

/* Action of the core (core.h): the obituary of a pool. */
void pool_events_mourn(struct supervisor *s, const struct core_action *action);

#endif
