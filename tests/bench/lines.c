/* SPDX-License-Identifier: MIT
 *
 * lines - a plugin that sends back every line: what bench.py measures the built-in echo against. It
 * is etc/plugins/lines/lines.c, but for the end of a line, which is the one that was sent.
 */
#include <preforkd/handler.h>

static int handle(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    char line[4096];
    (void)state;
    while (host->read_line(client, line, sizeof line) > 0)
        if (host->print(client, "%s\n", line) < 0)
            break;
    return PREFORKD_CLOSE;
}

PREFORKD_PLUGIN = {PREFORKD_HANDLER("lines"), .handle = handle};
