/* SPDX-License-Identifier: MIT
 *
 * upgrade_adopt - the first steps of a new image: what the one before it held is taken over.
 *
 * Each descriptor is looked at before it is used, and is close-on-exec again. What is not as the
 * state says is left out, with a warning: a pool is closed its channel, finishes what it has in
 * hand and leaves; a socket is bound anew.
 */
#ifndef SUPERVISOR_UPGRADE_ADOPT_H
#define SUPERVISOR_UPGRADE_ADOPT_H

#include "supervisor/supervisor.h"
#include "supervisor/upgrade_state.h"

/* Name of the variable that tells a new image the descriptor of its state. */
#define UPGRADE_ADOPT_VARIABLE "PREFORKD_STATE_FD"

/* The first lines of main() in such an image; the variable is unset. Returns the state, NULL where
 * this is an ordinary start, and exits where there is a state that cannot be used. Descriptors that
 * the state does not name are closed, signals stay blocked. */
struct upgrade_state *upgrade_adopt_begin(void);

/* The configuration that was in force. The caller's; NULL with ERRORS. */
struct config *upgrade_adopt_config(const struct upgrade_state *state, struct buffer *errors);

/* The steps of supervisor_init() that are others, in this order: S has its configuration and its
 * loop; its services, and a core without any; orphans_init() has looked; everything. */
void upgrade_adopt_sockets(struct supervisor *s, const struct upgrade_state *state);
void upgrade_adopt_pools(struct supervisor *s, const struct upgrade_state *state);
void upgrade_adopt_orphans(struct supervisor *s, const struct upgrade_state *state);
void upgrade_adopt_clients(struct supervisor *s, const struct upgrade_state *state);

#endif
