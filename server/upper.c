/* SPDX-License-Identifier: MIT
 *
 * upper - the handler that sends back each message in upper case (ASCII letters; every other byte
 * as it came, so that a message may be cut anywhere).
 */
#include "server/handler.h"

static enum preforkd_close handle(const struct preforkd_host *host,
                                  struct preforkd_connection *connection, void *state)
{
    static char bytes[16 * 1024];
    ptrdiff_t got;
    (void)state;
    while ((got = host->read_some(connection, bytes, sizeof bytes)) > 0) {
        for (ptrdiff_t i = 0; i < got; i++)
            if (bytes[i] >= 'a' && bytes[i] <= 'z')
                bytes[i] = (char)(bytes[i] - 'a' + 'A');
        if (host->write_all(connection, bytes, (size_t)got) < 0)
            break;
    }
    return PREFORKD_CLOSE;
}

const struct preforkd_handler handler_upper = {
    PREFORKD_HANDLER("upper"),
    .handle = handle,
};
