/* SPDX-License-Identifier: MIT
 *
 * time - the handler that tells the time as a number and closes: seconds since 1900 in 32 bits,
 * most significant byte first (RFC 868; the number begins anew in 2036).
 */
#include "server/handler.h"

#include "server/datagram_guard.h"

#include <arpa/inet.h>
#include <time.h>

#define SECONDS_1900_TO_1970 2208988800u

static uint32_t number(void)
{
    return htonl((uint32_t)((uint64_t)time(NULL) + SECONDS_1900_TO_1970));
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    uint32_t now = number();
    (void)state;
    host->write_all(connection, &now, sizeof now);
    return PREFORKD_LINGER;
}

static void datagram(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    static uint32_t now; /* until the reply is sent; the same for a whole batch */
    (void)state;
    now = number();
    if (datagram_guard_passes(d))
        host->datagram_reply(d, &now, sizeof now);
}

const struct preforkd_handler handler_time = {
    PREFORKD_HANDLER("time"),
    .handle = handle,
    .datagram = datagram,
};
