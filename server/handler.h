/* SPDX-License-Identifier: MIT
 *
 * handler - the built-in handlers by name.
 */
#ifndef SERVER_HANDLER_H
#define SERVER_HANDLER_H

#include "include/handlers.h"

#include <preforkd/handler.h>

#define HANDLER(name, text) extern const struct preforkd_handler handler_##name;
HANDLERS(HANDLER)
#undef HANDLER

/* NULL where there is none of that name. */
const struct preforkd_handler *handler_find(const char *name);

#endif
