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
 * FILE:LINE: text. True where all is well. Waits for each, start_timeout at most. */
bool check_handlers(const struct config *config);

#endif
