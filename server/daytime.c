/* SPDX-License-Identifier: MIT
 *
 * daytime - the handler that tells the time in words and closes (RFC 867), in UTC:
 * "Friday, November 20, 2026 13:30:00-UTC".
 */
#include "server/handler.h"

#include "server/datagram_guard.h"

#include <time.h>

static size_t write_time(char *text, size_t size)
{
    struct tm now;
    time_t seconds = time(NULL);
    gmtime_r(&seconds, &now);
    return strftime(text, size, "%A, %B %d, %Y %H:%M:%S-UTC\r\n", &now);
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    char text[96];
    (void)state;
    host->write_all(connection, text, write_time(text, sizeof text));
    return PREFORKD_LINGER;
}

static void datagram(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    static char text[96]; /* until the reply is sent; the same for a whole batch */
    (void)state;
    if (datagram_guard_passes(d))
        host->datagram_reply(d, text, write_time(text, sizeof text));
}

const struct preforkd_handler handler_daytime = {
    PREFORKD_HANDLER("daytime"),
    .handle = handle,
    .datagram = datagram,
};
