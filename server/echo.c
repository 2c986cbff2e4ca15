/* SPDX-License-Identifier: MIT
 *
 * echo - the handler that sends back every byte, until the client leaves (RFC 862).
 */
#include "server/handler.h"

#include "server/bulk.h"
#include "server/datagram_guard.h"

/* A record is answered by one, and streams are served well by it (tests/bench/README.md). A worker
 * has one client; only pages that are used cost memory. */
static char bytes[PREFORKD_RECORD_MAX];

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    struct bulk bulk = {0};
    ptrdiff_t got;
    (void)state;
    while ((got = host->read_some(connection, bytes, sizeof bytes)) > 0) {
        bulk_note(&bulk, (size_t)got);
        if (host->write_all(connection, bytes, (size_t)got) < 0)
            break;
    }
    bulk_end(&bulk);
    return PREFORKD_CLOSE;
}

/* The same bytes back: never more than was sent. */
static void datagram(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    size_t size;
    const void *sent = host->datagram_bytes(d, &size);
    (void)state;
    if (datagram_guard_passes(d))
        host->datagram_reply(d, sent, size);
}

const struct preforkd_handler handler_echo = {
    PREFORKD_HANDLER("echo"),
    .handle = handle,
    .datagram = datagram,
};
