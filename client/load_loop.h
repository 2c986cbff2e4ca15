/* SPDX-License-Identifier: MIT
 *
 * load_loop - runs a load: one epoll loop over all its connections.
 *
 * A connection whose attempt failed waits 10 ms before the next, so that a server that is down is
 * not asked a hundred thousand times a second. SIGINT and SIGTERM end the run early: nothing more
 * is begun, what is under way gets its outcome. A second one ends the process.
 */
#ifndef CLIENT_LOAD_LOOP_H
#define CLIENT_LOAD_LOOP_H

#include "client/load.h"

/* Run LOAD, whose plan, address, payload and scratch are set, until it is over; its report is then
 * complete. 0, or -1 with errno set where there is no epoll to be had. */
int load_loop(struct load *load);

#endif
