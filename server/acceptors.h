/* SPDX-License-Identifier: MIT
 *
 * acceptors - the worker's side of include/acceptors.h: a place in accept4(2), or being parked.
 *
 * Runs in the worker. Nothing here costs a system call unless a worker is parked or called.
 */
#ifndef SERVER_ACCEPTORS_H
#define SERVER_ACCEPTORS_H

#include "include/acceptors.h"

#include <signal.h>

/* First; where nobody is ever parked, the rest does nothing. SLOT: this worker's index in the
 * scoreboard, WORKER its half of it. */
void acceptors_use(const struct acceptors *acceptors, uint32_t slot,
                   struct scoreboard_worker *worker);

/* Before accept4: returns when this worker has a place, or is to leave (*STOPPING). WOKEN is called
 * when a signal came while it was parked; may be NULL. */
void acceptors_enter(const volatile sig_atomic_t *stopping, void (*woken)(void));

/* After accept4: this worker has a client, is to end, or does something else for a while. Calls
 * others where too few are left. */
void acceptors_leave(void);

/* In the handler of a signal that sets *STOPPING: a worker that is about to be parked is not. */
void acceptors_interrupt(void);

#endif
