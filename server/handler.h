/* SPDX-License-Identifier: MIT
 *
 * handler - the handler of a service, built-in or from a plugin, and its initialisation.
 */
#ifndef SERVER_HANDLER_H
#define SERVER_HANDLER_H

#include "include/handlers.h"
#include "include/scoreboard.h"
#include "lib/config.h"

#include <preforkd/handler.h>

#define HANDLER(name, text) extern const struct preforkd_handler handler_##name;
HANDLERS(HANDLER)
#undef HANDLER

/* The built-in one of that name, NULL where there is none. */
const struct preforkd_handler *handler_find(const char *name);

/* In the pool: find SERVICE's handler, check the configuration with it. NULL with ERROR. */
const struct preforkd_handler *handler_check(const struct config_service *service,
                                             struct error *error);

/* The same, and initialise it for workers to come: *STATE is its state, the header of BOARD gets
 * the names of its counters. */
const struct preforkd_handler *handler_init(const struct config_service *service,
                                            struct scoreboard *board, void **state,
                                            struct error *error);

#endif
