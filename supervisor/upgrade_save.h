/* SPDX-License-Identifier: MIT
 *
 * upgrade_save - what the supervisor knows and holds, as the state of an upgrade. Changes nothing.
 */
#ifndef SUPERVISOR_UPGRADE_SAVE_H
#define SUPERVISOR_UPGRADE_SAVE_H

#include "supervisor/supervisor.h"
#include "supervisor/upgrade_state.h"

/* The caller's. Its descriptors stay those of S. */
struct upgrade_state *upgrade_save(const struct supervisor *s);

#endif
