/* SPDX-License-Identifier: MIT
 *
 * discard - the handler that reads and says nothing (RFC 863).
 */
#include "server/handler.h"

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    static char bytes[64 * 1024];
    (void)state;
    while (host->read_some(connection, bytes, sizeof bytes) > 0)
        ;
    return PREFORKD_CLOSE;
}

static void datagram(const struct preforkd_host *host, struct preforkd_datagram *datagram,
                     void *state)
{
    (void)host;
    (void)datagram;
    (void)state;
}

const struct preforkd_handler handler_discard = {
    PREFORKD_HANDLER("discard"),
    .handle = handle,
    .datagram = datagram,
};
