/* SPDX-License-Identifier: MIT
 *
 * chargen - the handler that sends characters until the client leaves (RFC 864): lines of 72 of the
 * 95 printable ASCII characters, each beginning one further. What the client sends is not read.
 *
 * A datagram is answered with as many characters as it had bytes, never more: longer answers, which
 * the RFC allows, made this service a weapon.
 */
#include "server/handler.h"

#include "server/datagram.h"

#define PRINTABLE  95
#define LINE       72
#define LINE_BYTES (LINE + 2)

static char pattern[PRINTABLE * LINE_BYTES]; /* one whole turn */

static int worker_init(const struct preforkd_host *host, void **state, char *reason,
                       size_t reason_size)
{
    (void)host;
    (void)state;
    (void)reason;
    (void)reason_size;
    for (int line = 0; line < PRINTABLE; line++) {
        char *at = pattern + line * LINE_BYTES;
        for (int i = 0; i < LINE; i++)
            at[i] = (char)(' ' + (line + i) % PRINTABLE);
        at[LINE] = '\r';
        at[LINE + 1] = '\n';
    }
    return 0;
}

static enum preforkd_close handle(const struct preforkd_host *host,
                                  struct preforkd_connection *connection, void *state)
{
    (void)state;
    while (!host->stopping() && host->write_all(connection, pattern, sizeof pattern) == PREFORKD_OK)
        ;
    return PREFORKD_CLOSE;
}

static void datagram(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    size_t size;
    host->datagram_bytes(d, &size);
    (void)state;
    if (datagram_is_from_client(d))
        host->datagram_reply(d, pattern, size < sizeof pattern ? size : sizeof pattern);
}

const struct preforkd_handler handler_chargen = {
    PREFORKD_HANDLER("chargen"),
    .worker_init = worker_init,
    .handle = handle,
    .datagram = datagram,
};
