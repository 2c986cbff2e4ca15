/* SPDX-License-Identifier: MIT
 *
 * chargen - the handler that sends characters until the client leaves (RFC 864): lines of 72 of the
 * 95 printable ASCII characters, each beginning one further. What the client sends is not read.
 *
 * A datagram is answered with as many characters as it had bytes, never more: longer answers, which
 * the RFC allows, made this service a weapon.
 */
#include "server/handler.h"

#include "server/datagram_guard.h"

#define PRINTABLE  95
#define LINE       72
#define LINE_BYTES (LINE + 2)

#define PATTERN_BYTES (PRINTABLE * LINE_BYTES)

/* One whole turn of lines; made when first asked for. */
static const char *pattern(void)
{
    static char characters[PATTERN_BYTES];
    for (int line = 0; line < PRINTABLE && characters[0] == '\0'; line++) {
        char *at = characters + (PRINTABLE - 1 - line) * LINE_BYTES; /* the first one last */
        for (int i = 0; i < LINE; i++)
            at[i] = (char)(' ' + (PRINTABLE - 1 - line + i) % PRINTABLE);
        at[LINE] = '\r';
        at[LINE + 1] = '\n';
    }
    return characters;
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    (void)state;
    while (!host->stopping() &&
           host->write_all(connection, pattern(), PATTERN_BYTES) == PREFORKD_OK)
        ;
    return PREFORKD_CLOSE;
}

static void datagram(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    size_t size;
    host->datagram_bytes(d, &size);
    (void)state;
    if (datagram_guard_passes(d))
        host->datagram_reply(d, pattern(), size < PATTERN_BYTES ? size : PATTERN_BYTES);
}

const struct preforkd_handler handler_chargen = {
    PREFORKD_HANDLER("chargen"),
    .handle = handle,
    .datagram = datagram,
};
