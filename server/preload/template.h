/* SPDX-License-Identifier: MIT
 *
 * template - a program at its waiting point, of which workers are copies.
 */
#ifndef SERVER_PRELOAD_TEMPLATE_H
#define SERVER_PRELOAD_TEMPLATE_H

#include "include/warm.h"

#include <signal.h>

/* Make copies as the pool orders them, with all signals blocked but those that MASK lets through
 * while there is nothing to do. Returns only in a copy, all signals blocked, PLAN being that of a
 * worker; ends the process when the pool closes its line. */
void template_serve(struct warm_plan *plan, const sigset_t *mask);

#endif
