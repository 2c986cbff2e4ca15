/* SPDX-License-Identifier: MIT
 *
 * stop - closing the listening sockets when the daemon stops: the last call of each service, so
 * that nobody who is in a queue already is turned away.
 */
#ifndef SUPERVISOR_STOP_H
#define SUPERVISOR_STOP_H

#include "supervisor/supervisor.h"

/* Actions of the core (core.h). */
void stop_begin(struct supervisor *s, const struct core_action *action);
void stop_last_call(struct supervisor *s, const struct core_action *action);
void stop_close(struct supervisor *s, const struct core_action *action);

/* In each turn of the loop: whose queue is empty? Returns when to call again. */
int64_t stop_check(struct supervisor *s, int64_t now_ms);

#endif
