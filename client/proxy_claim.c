/* SPDX-License-Identifier: MIT
 *
 * proxy_claim - see proxy_claim.h. The format:
 * https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
 */
#include "client/proxy_claim.h"

#include "lib/memory.h"

#include <arpa/inet.h>
#include <errno.h>

#define EXAMPLE "192.0.2.1:4711-192.0.2.2:80"

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_LOCAL     '\x20'
#define V2_PROXY     '\x21'
#define V2_TCP4      '\x11'
#define V2_TCP6      '\x21'

static int parse_one(const char *text, size_t length, union socket_address *out,
                     struct error *error)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    struct error why;
    char *full = memory_printf("tcp://%.*s", (int)length, text);
    bool numeric = strspn(full + 6, "0123456789abcdefABCDEF.:[]") == length;
    int count = numeric ? address_parse(full, found, &why) : -1;
    free(full);
    if (count != 1)
        return error_set(
            error, EXIT_CODE_USAGE,
            "--proxy: \"%.*s\" is not a numeric HOST:PORT; write for example v2:" EXAMPLE,
            (int)length, text);
    *out = found[0].socket;
    return 0;
}

static int parse_pair(const char *text, struct proxy_claim *p, struct error *error)
{
    const char *dash = strchr(text, '-');
    if (!dash)
        return error_set(error, EXIT_CODE_USAGE,
                         "--proxy \"v%d:%s\" is not v%d:SRC-DST; write for example v%d:" EXAMPLE,
                         p->version, text, p->version, p->version);
    if (parse_one(text, (size_t)(dash - text), &p->source, error) < 0 ||
        parse_one(dash + 1, strlen(dash + 1), &p->destination, error) < 0)
        return -1;
    if (p->source.any.sa_family != p->destination.any.sa_family)
        return error_set(error, EXIT_CODE_USAGE,
                         "--proxy: \"%s\" has one IPv4 and one IPv6 address; both must be of one "
                         "kind",
                         text);
    p->kind = PROXY_CLAIM_GIVEN;
    return 0;
}

int proxy_claim_parse(const char *text, struct proxy_claim *p, struct error *error)
{
    *p = (struct proxy_claim){.kind = PROXY_CLAIM_OF_SOCKET};
    if ((text[0] != 'v' || (text[1] != '1' && text[1] != '2')) ||
        (text[2] != ':' && text[2] != '\0'))
        return error_set(
            error, EXIT_CODE_USAGE,
            "--proxy \"%s\" is not a version; write v1, v2, or for example v2:" EXAMPLE, text);
    p->version = text[1] - '0';
    if (text[2] == '\0')
        return 0;
    if (strcmp(text + 3, p->version == 1 ? "unknown" : "local") != 0)
        return parse_pair(text + 3, p, error);
    p->kind = PROXY_CLAIM_UNKNOWN;
    return 0;
}

int proxy_claim_check(const struct proxy_claim *p, const struct address *a, struct error *error)
{
    if (p->version == 0 || a->type != SOCK_DGRAM)
        return 0;
    return error_set(error, EXIT_CODE_USAGE,
                     "--proxy is for connections; write a tcp://, unix: or seqpacket: address");
}

/* Host as text and port in host byte order of an IPv4 or IPv6 address. */
static unsigned show(const union socket_address *s, char host[static INET6_ADDRSTRLEN])
{
    if (s->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &s->in.sin_addr, host, INET6_ADDRSTRLEN);
        return ntohs(s->in.sin_port);
    }
    inet_ntop(AF_INET6, &s->in6.sin6_addr, host, INET6_ADDRSTRLEN);
    return ntohs(s->in6.sin6_port);
}

static size_t write_v1(const struct proxy_claim *p, char *out)
{
    char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
    if (p->kind == PROXY_CLAIM_UNKNOWN)
        return (size_t)snprintf(out, PROXY_CLAIM_MAX, "PROXY UNKNOWN\r\n");
    unsigned from = show(&p->source, source), to = show(&p->destination, destination);
    return (size_t)snprintf(out, PROXY_CLAIM_MAX, "PROXY %s %s %s %u %u\r\n",
                            p->source.any.sa_family == AF_INET ? "TCP4" : "TCP6", source,
                            destination, from, to);
}

static char *append(char *to, const void *bytes, size_t length)
{
    memcpy(to, bytes, length);
    return to + length;
}

static size_t write_v2(const struct proxy_claim *p, char *out)
{
    bool v4 = p->source.any.sa_family == AF_INET, known = p->kind != PROXY_CLAIM_UNKNOWN;
    char family = !known ? '\0' : v4 ? V2_TCP4 : V2_TCP6;
    uint16_t length = htons(!known ? 0 : v4 ? 12 : 36);
    char *end = append(out, V2_SIGNATURE, 12);
    *end++ = known ? V2_PROXY : V2_LOCAL;
    *end++ = family;
    end = append(end, &length, 2);
    if (known && v4) {
        end = append(end, &p->source.in.sin_addr, 4);
        end = append(end, &p->destination.in.sin_addr, 4);
        end = append(end, &p->source.in.sin_port, 2);
        end = append(end, &p->destination.in.sin_port, 2);
    } else if (known) {
        end = append(end, &p->source.in6.sin6_addr, 16);
        end = append(end, &p->destination.in6.sin6_addr, 16);
        end = append(end, &p->source.in6.sin6_port, 2);
        end = append(end, &p->destination.in6.sin6_port, 2);
    }
    return (size_t)(end - out);
}

/* The addresses that the socket has; -1 where it is not connected yet. */
static int ask_socket(struct proxy_claim *p, int fd)
{
    socklen_t length = sizeof p->source;
    if (getsockname(fd, &p->source.any, &length) < 0)
        return -1;
    length = sizeof p->destination;
    if (getpeername(fd, &p->destination.any, &length) < 0)
        return -1;
    if (p->source.any.sa_family != AF_INET && p->source.any.sa_family != AF_INET6)
        p->kind = PROXY_CLAIM_UNKNOWN;
    return 0;
}

size_t proxy_claim_write(const struct proxy_claim *p, int fd, char out[static PROXY_CLAIM_MAX])
{
    struct proxy_claim said = *p;
    if (p->kind == PROXY_CLAIM_OF_SOCKET && ask_socket(&said, fd) < 0)
        return 0;
    return p->version == 1 ? write_v1(&said, out) : write_v2(&said, out);
}

/* Why there are no addresses: a connection that failed, or is on the way. */
static int why_unconnected(int fd)
{
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    return failure ? failure : EAGAIN;
}

/* It is short, and the first on its connection: it goes as a whole or not at all. */
int proxy_claim_send(const struct proxy_claim *p, int fd, int flags)
{
    char bytes[PROXY_CLAIM_MAX];
    if (p->version == 0)
        return 0;
    size_t length = proxy_claim_write(p, fd, bytes);
    if (length == 0) {
        errno = why_unconnected(fd);
        return -1;
    }
    return send(fd, bytes, length, flags | MSG_NOSIGNAL) < 0 ? -1 : 0;
}
