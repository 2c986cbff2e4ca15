/* SPDX-License-Identifier: MIT
 *
 * pool_events - what READY, trouble and the end of a pool mean for its service, the reload and the
 * start of the daemon.
 */
#ifndef SUPERVISOR_POOL_EVENTS_H
#define SUPERVISOR_POOL_EVENTS_H

#include "supervisor/supervisor.h"

/* For pool_process_start(); the owner is the struct supervisor. */
extern const struct pool_process_events pool_events;

/* A first start that cannot succeed ends the daemon with CODE; later the same is a hold-off, and
 * this does nothing. */
void pool_events_give_up(struct supervisor *s, struct service *service, enum exit_code code,
                         const char *why);

#endif
