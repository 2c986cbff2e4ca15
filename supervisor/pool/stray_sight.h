/* SPDX-License-Identifier: MIT
 *
 * stray_sight - the part of stray.h that sees: who is there, and what that tells of each.
 */
#ifndef POOL_STRAY_SIGHT_H
#define POOL_STRAY_SIGHT_H

#include "supervisor/pool/stray.h"

/* Read the children, and ask the owner for the living workers; children that are none become the
 * list, ended ones are reaped. 0, or -1: it cannot be done (said once), the list is the old one. */
int stray_sight_look(struct strays *strays, int64_t now_ms);

/* The worker of that pid was reaped: no entry is about it. */
void stray_sight_forget(struct strays *strays, pid_t pid);

#endif
