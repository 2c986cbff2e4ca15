/* SPDX-License-Identifier: MIT
 *
 * option - a handler's options: what the configuration says, checked against the handler's table.
 *
 * Runs in the pool. The configuration was read by the supervisor, which knows no handler's table:
 * it hands on what was written, with its kind and its place.
 */
#ifndef SERVER_OPTION_H
#define SERVER_OPTION_H

#include "lib/config.h"

#include <preforkd/handler.h>

struct preforkd_options {
    struct preforkd_option *table; /* ends with a row without a name; NULL: nothing was read */
    const char **texts;            /* a value for each row */
    int64_t *numbers;
};

/* Check SERVICE's options against the table of HANDLER, whose rows are as long as it says, and fill
 * OPTIONS. 0, or -1 with ERROR: a line "FILE:LINE: text" for each that is wrong. */
int option_read(struct preforkd_options *options, const struct preforkd_handler *handler,
                const struct config_service *service, struct error *error);

/* They are valid until then; the texts remain. Zeroed ones, too. */
void option_release(struct preforkd_options *options);

/* The host's functions. NULL and 0 where there is no such option, which is logged. */
const char *option_text(const struct preforkd_options *options, const char *name);
int64_t option_number(const struct preforkd_options *options, const char *name);

#endif
