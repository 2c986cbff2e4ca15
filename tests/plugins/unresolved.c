/* SPDX-License-Identifier: MIT
 *
 * unresolved - a plugin that needs a function which is nowhere.
 */
#include <preforkd/handler.h>

int function_of_a_library_that_was_forgotten(const struct preforkd_host *host,
                                             struct preforkd_connection *client, void *state);

PREFORKD_PLUGIN = {PREFORKD_HANDLER("unresolved"),
                   .handle = function_of_a_library_that_was_forgotten};
