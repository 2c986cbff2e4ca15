/* SPDX-License-Identifier: MIT
 *
 * reopening - the log file anew, after it was moved away: here and in every pool.
 */
#ifndef SUPERVISOR_REOPENING_H
#define SUPERVISOR_REOPENING_H

#include "supervisor/supervisor.h"

/* Open it here and hand it to the pools. 0, or -1 with ERROR. */
int reopening_begin(struct supervisor *s, struct error *error);

/* Answer who waits for it, where every pool has done it. */
void reopening_check(struct supervisor *s);

#endif
