/* SPDX-License-Identifier: MIT
 *
 * signal_events - commands that come as signals, as events for the core or carried out at once.
 */
#ifndef SUPERVISOR_SIGNAL_EVENTS_H
#define SUPERVISOR_SIGNAL_EVENTS_H

#include "supervisor/supervisor.h"

/* Take all that the signalfd of SOURCE has; its owner is the struct supervisor. */
void signal_events_read(struct loop_source *source, uint32_t events);

#endif
