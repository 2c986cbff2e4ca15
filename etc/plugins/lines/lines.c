/* SPDX-License-Identifier: MIT */
/* lines - sends back every line. */
#include <preforkd/handler.h>

static int handle(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    char line[4096];
    (void)state;
    while (host->read_line(client, line, sizeof line) > 0)
        if (host->print(client, "%s\r\n", line) < 0)
            break;
    return PREFORKD_CLOSE;
}

PREFORKD_PLUGIN = {PREFORKD_HANDLER("lines"), .handle = handle};
