/* SPDX-License-Identifier: MIT
 *
 * plugin - a handler in a shared object: opening it, and saying what is wrong with it.
 *
 * Runs in the pool, as the service's user; the supervisor never maps one.
 */
#ifndef SERVER_PLUGIN_H
#define SERVER_PLUGIN_H

#include "lib/error.h"

#include <preforkd/handler.h>

#define PLUGIN_SYMBOL "preforkd_handler"

/* Load PATH and find its handler; it stays loaded. NULL with ERROR, which tells what was found and
 * what was expected. */
const struct preforkd_handler *plugin_open(const char *path, struct error *error);

/* Is this a handler that we can host? 0, or -1 with ERROR. WHERE names it. */
int plugin_check(const struct preforkd_handler *handler, const char *where, struct error *error);

#endif
