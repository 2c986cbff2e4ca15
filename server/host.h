/* SPDX-License-Identifier: MIT
 *
 * host - the functions a handler is given (struct preforkd_host); runs in pool and worker.
 */
#ifndef SERVER_HOST_H
#define SERVER_HOST_H

#include "lib/scoreboard.h"

#include <preforkd/handler.h>
#include <signal.h>

extern const struct preforkd_host host_functions;

/* In the pool, before any fork: where a worker will put its slot, to which status and counters go,
 * and what will tell it that it has to leave. */
void host_begin(struct scoreboard_worker *const *slot, const volatile sig_atomic_t *stopping);

/* The connection is over: what the handler said of it holds no more. */
void host_forget_status(void);

#endif
