/* SPDX-License-Identifier: MIT
 *
 * handler - see handler.h.
 */
#include "server/handler.h"

static const struct preforkd_handler *const BUILT_IN[] = {
#define HANDLER(name, text) &handler_##name,
    HANDLERS(HANDLER)
#undef HANDLER
};

const struct preforkd_handler *handler_find(const char *name)
{
    for (size_t i = 0; i < sizeof BUILT_IN / sizeof *BUILT_IN; i++)
        if (strcmp(BUILT_IN[i]->name, name) == 0)
            return BUILT_IN[i];
    return NULL;
}
