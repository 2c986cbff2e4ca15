/* SPDX-License-Identifier: MIT
 *
 * cidr - see cidr.h.
 */
#include "lib/cidr.h"

#include <arpa/inet.h>

#define MAPPED 96 /* bits of ::ffff:0:0, behind which an IPv4 address stands */

static const uint8_t MAPPED_PREFIX[12] = {[10] = 0xff, [11] = 0xff};

static uint8_t width(sa_family_t family)
{
    return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

/* The bits of byte I that belong to a prefix of so many BITS. */
static uint8_t mask(uint8_t bits, int i)
{
    int left = bits - 8 * i;
    return (uint8_t)(left >= 8 ? 0xff : left <= 0 ? 0 : 0xff << (8 - left));
}

/* One host, of either family. */
static bool parse_host(const char *host, struct cidr *c)
{
    c->family = strchr(host, ':') ? AF_INET6 : AF_INET;
    c->bits = width(c->family);
    return inet_pton(c->family, host, c->bytes) == 1;
}

/* Decimal, without a sign, a blank or a zero in front; -1 where it is something else. */
static int parse_bits(const char *text)
{
    int bits = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0') || strlen(text) > 3)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        bits = bits * 10 + (*text - '0');
    }
    return bits;
}

static void clear_behind_prefix(struct cidr *c)
{
    for (int i = 0; i < 16; i++)
        c->bytes[i] &= mask(c->bits, i);
}

/* Most often a typing error, and too much would be trusted for it. */
static int check_behind_prefix(const char *text, const struct cidr *c, struct error *error)
{
    struct cidr network = *c, host = *c;
    char first[CIDR_TEXT_MAX], second[CIDR_TEXT_MAX];
    clear_behind_prefix(&network);
    if (memcmp(network.bytes, c->bytes, sizeof c->bytes) == 0)
        return 0;
    host.bits = width(c->family);
    return error_set(
        error, EXIT_CODE_CONFIG,
        "\"%s\" has bits behind its prefix; write \"%s\" for the network or \"%s\" for "
        "the host",
        text, cidr_print(&network, first), cidr_print(&host, second));
}

static void unmap(struct cidr *c)
{
    if (c->family != AF_INET6 || c->bits < MAPPED ||
        memcmp(c->bytes, MAPPED_PREFIX, sizeof MAPPED_PREFIX) != 0)
        return;
    struct cidr v4 = {.family = AF_INET, .bits = (uint8_t)(c->bits - MAPPED)};
    memcpy(v4.bytes, c->bytes + sizeof MAPPED_PREFIX, 4);
    *c = v4;
}

static int refuse(const char *text, struct error *error)
{
    return error_set(error, EXIT_CODE_CONFIG,
                     "\"%s\" is not a network; write \"10.0.0.0/8\", \"2001:db8::/32\", an address "
                     "without port and brackets, or \"unix\"",
                     text);
}

int cidr_parse(const char *text, struct cidr *out, struct error *error)
{
    struct cidr c = {.family = AF_UNIX};
    char host[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "/");
    if (strcmp(text, "unix") == 0) {
        *out = c;
        return 0;
    }
    if (length >= sizeof host)
        return refuse(text, error);
    memcpy(host, text, length);
    host[length] = '\0';
    if (!parse_host(host, &c))
        return refuse(text, error);
    if (text[length] == '/') {
        int bits = parse_bits(text + length + 1);
        if (bits < 0 || bits > width(c.family))
            return error_set(error, EXIT_CODE_CONFIG,
                             "the prefix of \"%s\" is not a number from 0 to %d", text,
                             width(c.family));
        c.bits = (uint8_t)bits;
    }
    if (check_behind_prefix(text, &c, error) < 0)
        return -1;
    unmap(&c);
    *out = c;
    return 0;
}

/* PEER as the network of one host. */
static struct cidr host_of(const union socket_address *peer)
{
    struct cidr c = {.family = peer->any.sa_family};
    c.bits = width(c.family);
    if (c.family == AF_INET)
        memcpy(c.bytes, &peer->in.sin_addr, 4);
    else if (c.family == AF_INET6)
        memcpy(c.bytes, &peer->in6.sin6_addr, 16);
    unmap(&c);
    return c;
}

static bool includes(const struct cidr *network, const struct cidr *host)
{
    int differs = 0;
    if (network->family != host->family)
        return false;
    for (int i = 0; i < 16; i++)
        differs |= (network->bytes[i] ^ host->bytes[i]) & mask(network->bits, i);
    return differs == 0;
}

bool cidr_match(const struct cidr *list, size_t count, const union socket_address *peer)
{
    struct cidr host = host_of(peer);
    for (size_t i = 0; i < count; i++)
        if (includes(&list[i], &host))
            return true;
    return false;
}

char *cidr_print(const struct cidr *c, char text[static CIDR_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN];
    if (c->family == AF_UNIX)
        snprintf(text, CIDR_TEXT_MAX, "unix");
    else if (!inet_ntop(c->family, c->bytes, host, sizeof host))
        text[0] = '\0';
    else if (c->bits == width(c->family))
        snprintf(text, CIDR_TEXT_MAX, "%s", host);
    else
        snprintf(text, CIDR_TEXT_MAX, "%s/%d", host, c->bits);
    return text;
}
