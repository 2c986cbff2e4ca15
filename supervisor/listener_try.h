/* SPDX-License-Identifier: MIT
 *
 * listener_try - could the addresses of a configuration be bound?
 */
#ifndef SUPERVISOR_LISTENER_TRY_H
#define SUPERVISOR_LISTENER_TRY_H

#include "supervisor/listener.h"

/* Bind each address of CONFIG that LIVE does not have, and let it go again: it never listens, so
 * nobody can connect. A socket file that a crash has left at such a path is gone afterwards. 0, or
 * -1 with ERROR as of listener_open_all(). */
int listener_try(const struct listener_table *live, const struct config *config,
                 struct error *error);

#endif
