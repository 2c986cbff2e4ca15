/* SPDX-License-Identifier: MIT
 *
 * check - `preforkd -t` beyond the file's own words: each service's handler is asked, in a scratch
 * process that runs as the service's user. Programs are found and tried, plugins loaded and their
 * options checked there; the supervisor's process stays free of them.
 */
#ifndef SUPERVISOR_CHECK_H
#define SUPERVISOR_CHECK_H

#include "lib/config.h"

/* Ask all handlers of CONFIG, one after the other. What is wrong is on standard error, as
 * FILE:LINE: text. True where all is well. Waits for each, start_timeout at most; where a signal
 * tells us to stop meanwhile, it is *STOPPED (else 0), and the others are not asked. All signals
 * must be blocked. */
bool check_handlers(const struct config *config, int *stopped);

#endif
