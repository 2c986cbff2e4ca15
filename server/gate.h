/* SPDX-License-Identifier: MIT
 *
 * gate - what a worker does between its preparation and its first client: it says READY, and waits
 * until its configuration is in force.
 *
 * Runs in every kind of worker, in the memory of a template and inside programs, too.
 */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include "include/scoreboard.h"

/* To the pool, by the slot and its eventfd NOTIFY_FD. */
void gate_say_ready(struct scoreboard_worker *slot, int notify_fd);

/* Return when there is something to read at FD, or its end: the pool has opened it, or a drain has
 * put another descriptor in its place. Nothing is taken: it is open for all. */
void gate_wait(int fd);

#endif
