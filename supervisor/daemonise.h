/* SPDX-License-Identifier: MIT
 *
 * daemonise - `preforkd -d`: into the background, while the command waits for the outcome.
 */
#ifndef SUPERVISOR_DAEMONISE_H
#define SUPERVISOR_DAEMONISE_H

#include "lib/error.h"

#include <stdbool.h>

/* Fork into the background. Returns in the daemon: a session of its own, in / (or, with STAY, where
 * we are: programs of the command line have relative arguments), descriptors 0 and 1
 * on /dev/null, 2 as well unless it is a regular file. The command itself waits for
 * daemonise_report(), prints the text where there is one, and exits with its code (70 where the
 * daemon died without a word). */
void daemonise_begin(bool stay);

/* Tell the waiting command how the start went; TEXT "" where it is fine. Does nothing without
 * daemonise_begin(), and the second time. */
void daemonise_report(enum exit_code code, const char *text);

#endif
