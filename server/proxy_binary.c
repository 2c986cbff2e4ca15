/* SPDX-License-Identifier: MIT
 *
 * proxy_binary - see proxy_binary.h.
 *
 * Where the header names nobody (LOCAL, or a family or transport that is UNSPEC) all behind the
 * first 16 bytes is skipped unseen: the specification leaves open what is there, and nothing of it
 * is used.
 */
#include "server/proxy_binary.h"

#include <arpa/inet.h>

#define HEAD          16
#define TLV_HEAD      3
#define TLV_CRC32C    0x03
#define CHECKSUM_SIZE 4

static const uint8_t SIGNATURE[] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                    '\n', 'Q',  'U',  'I',  'T',  '\n'};
enum { VERSION_COMMAND = sizeof SIGNATURE, FAMILY_TRANSPORT, LENGTH };

enum { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILY_COUNT };

/* Bytes of both addresses and their ports. */
static const size_t BLOCK[] = {[FAMILY_INET] = 12, [FAMILY_INET6] = 36, [FAMILY_UNIX] = 216};

static size_t number16(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 8 | bytes[1];
}

static enum proxy_header_reason judge_command(uint8_t byte, struct proxy_header *header)
{
    if (byte >> 4 != 2)
        return PROXY_HEADER_BAD_VERSION;
    if ((byte & 15) > 1)
        return PROXY_HEADER_BAD_COMMAND;
    header->command = byte & 15 ? PROXY_HEADER_PROXY : PROXY_HEADER_LOCAL;
    return PROXY_HEADER_BAD_NONE;
}

/* The family of the addresses that the header has to have is put in *FAMILY. */
static enum proxy_header_reason judge_family(uint8_t byte, struct proxy_header *header, int *family)
{
    if (header->command == PROXY_HEADER_LOCAL)
        return PROXY_HEADER_BAD_NONE; /* "including the family which is ignored" (2.2) */
    if (byte >> 4 >= FAMILY_COUNT || (byte & 15) > PROXY_HEADER_DGRAM)
        return PROXY_HEADER_BAD_FAMILY;
    header->transport = (enum proxy_header_transport)(byte & 15);
    if (header->transport != PROXY_HEADER_UNSPEC)
        *family = byte >> 4;
    return PROXY_HEADER_BAD_NONE;
}

/* The first bytes, as many as are there, each judged by itself. */
static enum proxy_header_reason judge_head(const uint8_t *bytes, size_t count,
                                           struct proxy_header *header, int *family)
{
    enum proxy_header_reason reason = PROXY_HEADER_BAD_NONE;
    if (memcmp(bytes, SIGNATURE, count < sizeof SIGNATURE ? count : sizeof SIGNATURE) != 0)
        return PROXY_HEADER_BAD_ABSENT;
    if (count > VERSION_COMMAND)
        reason = judge_command(bytes[VERSION_COMMAND], header);
    if (reason == PROXY_HEADER_BAD_NONE && count > FAMILY_TRANSPORT)
        reason = judge_family(bytes[FAMILY_TRANSPORT], header, family);
    return reason;
}

static void take_inet(union socket_address *a, const uint8_t *host, const uint8_t *port)
{
    a->in.sin_family = AF_INET;
    memcpy(&a->in.sin_addr, host, sizeof a->in.sin_addr);
    memcpy(&a->in.sin_port, port, sizeof a->in.sin_port);
}

static void take_inet6(union socket_address *a, const uint8_t *host, const uint8_t *port)
{
    a->in6.sin6_family = AF_INET6;
    memcpy(&a->in6.sin6_addr, host, sizeof a->in6.sin6_addr);
    memcpy(&a->in6.sin6_port, port, sizeof a->in6.sin6_port);
}

/* A path that fills its 108 bytes has no end, which nobody who prints it expects. */
static bool take_unix(union socket_address *a, const uint8_t *path)
{
    a->un.sun_family = AF_UNIX;
    memcpy(a->un.sun_path, path, sizeof a->un.sun_path);
    return memchr(path, '\0', sizeof a->un.sun_path) != NULL;
}
_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == 108, "as in the header");

static enum proxy_header_reason take_addresses(const uint8_t *block, int family,
                                               struct proxy_header *header)
{
    union socket_address *from = &header->source, *to = &header->destination;
    switch (family) {
    case FAMILY_INET:
        take_inet(from, block, block + 8);
        take_inet(to, block + 4, block + 10);
        break;
    case FAMILY_INET6:
        take_inet6(from, block, block + 32);
        take_inet6(to, block + 16, block + 34);
        break;
    case FAMILY_UNIX:
        if (!take_unix(from, block) || !take_unix(to, block + 108))
            return PROXY_HEADER_BAD_ADDRESS;
        break;
    }
    return PROXY_HEADER_BAD_NONE;
}

/* CRC32c (RFC 4960, appendix B), bit by bit: a header is short, and few have one. */
static uint32_t checksum_add(uint32_t sum, uint8_t byte)
{
    sum ^= byte;
    for (int bit = 0; bit < 8; bit++)
        sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0x82F63B78) : 0);
    return sum;
}

/* The sum is over the whole header, with zeros where the sum stands (2.2.3). */
static bool checksum_fits(const uint8_t *bytes, size_t length, size_t at)
{
    uint32_t sum = UINT32_MAX, told;
    for (size_t i = 0; i < length; i++)
        sum = checksum_add(sum, i - at < CHECKSUM_SIZE ? 0 : bytes[i]);
    memcpy(&told, bytes + at, sizeof told);
    return ~sum == ntohl(told);
}

/* A second checksum is refused: it cannot be told what each of them is over. */
static enum proxy_header_reason judge_tlvs(const uint8_t *bytes, size_t at, size_t length)
{
    size_t checksum = 0;
    while (at < length) {
        if (length - at < TLV_HEAD)
            return PROXY_HEADER_BAD_TLV;
        size_t size = number16(bytes + at + 1);
        if (length - at - TLV_HEAD < size)
            return PROXY_HEADER_BAD_TLV;
        if (bytes[at] == TLV_CRC32C) {
            if (size != CHECKSUM_SIZE || checksum != 0)
                return PROXY_HEADER_BAD_TLV;
            checksum = at + TLV_HEAD;
        }
        at += TLV_HEAD + size;
    }
    if (checksum != 0 && !checksum_fits(bytes, length, checksum))
        return PROXY_HEADER_BAD_CHECKSUM;
    return PROXY_HEADER_BAD_NONE;
}

enum proxy_header_state proxy_binary_parse(const uint8_t *bytes, size_t count,
                                           struct proxy_header *header)
{
    int family = FAMILY_UNSPEC;
    header->version = 2;
    enum proxy_header_reason reason = judge_head(bytes, count, header, &family);
    if (reason != PROXY_HEADER_BAD_NONE)
        return proxy_header_bad(header, reason);
    if (count < HEAD) /* a length that has no room for the addresses would be an error */
        return proxy_header_more(header, HEAD + BLOCK[family] - count);
    size_t length = HEAD + number16(bytes + LENGTH);
    if (length < HEAD + BLOCK[family])
        return proxy_header_bad(header, PROXY_HEADER_BAD_LENGTH);
    if (length > PROXY_HEADER_MAX)
        return proxy_header_bad(header, PROXY_HEADER_BAD_TOO_LONG);
    if (count < length)
        return proxy_header_more(header, length - count);
    if (family != FAMILY_UNSPEC) {
        reason = take_addresses(bytes + HEAD, family, header);
        if (reason == PROXY_HEADER_BAD_NONE)
            reason = judge_tlvs(bytes, HEAD + BLOCK[family], length);
    }
    return reason == PROXY_HEADER_BAD_NONE ? proxy_header_done(header, length)
                                           : proxy_header_bad(header, reason);
}
