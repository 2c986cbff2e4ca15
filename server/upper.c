/* SPDX-License-Identifier: MIT
 *
 * upper - the handler that sends back each message in upper case (ASCII letters; every other byte
 * as it came, so that a message may be cut anywhere).
 */
#include "server/handler.h"

#include "server/datagram_guard.h"

static void raise_case(char *bytes, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++)
        if (bytes[i] >= 'a' && bytes[i] <= 'z')
            bytes[i] = (char)(bytes[i] - 'a' + 'A');
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    static char bytes[PREFORKD_RECORD_MAX]; /* a record is answered by one */
    ptrdiff_t got;
    (void)state;
    while ((got = host->read_some(connection, bytes, sizeof bytes)) > 0) {
        raise_case(bytes, got);
        if (host->write_all(connection, bytes, (size_t)got) < 0)
            break;
    }
    return PREFORKD_CLOSE;
}

static void datagram(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    size_t size;
    /* The bytes are this datagram's alone; they are changed where they lie. */
    char *bytes = (char *)(uintptr_t)host->datagram_bytes(d, &size);
    (void)state;
    raise_case(bytes, (ptrdiff_t)size);
    if (datagram_guard_passes(d))
        host->datagram_reply(d, bytes, size);
}

const struct preforkd_handler handler_upper = {
    PREFORKD_HANDLER("upper"),
    .handle = handle,
    .datagram = datagram,
};
