/* SPDX-License-Identifier: MIT
 *
 * slot - the worker's half of its place in the scoreboard; runs in the worker, its only writer.
 *
 * No function makes a system call (the coarse clock is read from the vDSO), so that counters,
 * status and deadlines cost the accept path nothing that strace(1) would show. The exception is
 * slot_begin() in an elastic pool, when it has to tell that too few workers are idle.
 */
#ifndef SERVER_SLOT_H
#define SERVER_SLOT_H

#include "include/scoreboard.h"
#include "lib/address.h"

/* Before the first connection: in an elastic pool the worker counts as idle or not in BOARD, and
 * says on NOTIFY_FD when too few are. */
void slot_join(struct scoreboard *board, int notify_fd);

void slot_set_phase(struct scoreboard_worker *slot, enum scoreboard_phase phase);

/* The client is another one than who connected: PEER came by PROXY. */
void slot_set_client(struct scoreboard_worker *slot, const union socket_address *peer,
                     const union socket_address *proxy);

/* A connection was accepted / is over. */
void slot_begin(struct scoreboard_worker *slot, const union socket_address *peer);
void slot_end(struct scoreboard_worker *slot);

/* Bytes were read / written. */
void slot_moved_in(struct scoreboard_worker *slot, size_t count);
void slot_moved_out(struct scoreboard_worker *slot, size_t count);

#endif
