/* SPDX-License-Identifier: MIT
 *
 * upgrade_exec - the step from one image to the next: the process stays, the program is another.
 */
#ifndef SUPERVISOR_UPGRADE_EXEC_H
#define SUPERVISOR_UPGRADE_EXEC_H

#include "supervisor/upgrade_state.h"

/* Execute PROGRAM (O_PATH) with ARGUMENTS and STATE, whose descriptors, and no others, stay open.
 * Returns only where that failed, -1 with ERROR: all is as before. */
int upgrade_exec(const struct upgrade_state *state, int program, char *const *arguments,
                 struct error *error);

#endif
