/* SPDX-License-Identifier: MIT
 *
 * address_peer - a client's address as text; see address.h. By itself, because the preload library
 * has it, too, and of all that parses addresses nothing.
 */
#include "lib/address.h"

#include <arpa/inet.h>

static void print(const char *host, bool brackets, in_port_t number, char *text)
{
    snprintf(text, ADDRESS_TEXT_MAX, brackets ? "[%s]:%u" : "%s:%u", host, ntohs(number));
}

char *address_peer(const union socket_address *peer, char text[static ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN];
    if (peer->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &peer->in.sin_addr, host, sizeof host);
        print(host, false, peer->in.sin_port, text);
    } else if (peer->any.sa_family == AF_INET6) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&peer->in6.sin6_addr);
        inet_ntop(mapped ? AF_INET : AF_INET6, &peer->in6.sin6_addr.s6_addr[mapped ? 12 : 0], host,
                  sizeof host);
        print(host, !mapped, peer->in6.sin6_port, text);
    } else
        snprintf(text, ADDRESS_TEXT_MAX, "%s", peer->any.sa_family == AF_UNIX ? "unix" : "");
    return text;
}
