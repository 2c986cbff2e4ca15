/* SPDX-License-Identifier: MIT
 *
 * address_inet - see address_inet.h.
 */
#include "lib/address_inet.h"

#include "lib/quantity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>

/* HOST:PORT cut in two; the brackets around an IPv6 host are gone. */
struct host_port {
    char host[256];
    in_port_t port; /* host byte order */
    bool bracketed;
};

static int port_of(const char *text, in_port_t *port, struct error *error)
{
    int64_t number;
    if (quantity_parse_count(text, &number) < 0)
        return error_set(error, EXIT_CODE_CONFIG, "the port \"%s\" is not a number", text);
    if (number < 0 || number > 65535)
        return error_set(error, EXIT_CODE_CONFIG, "port %s is out of range (0 to 65535)", text);
    *port = (in_port_t)number;
    return 0;
}

static int split(const char *scheme, const char *rest, struct host_port *out, struct error *error)
{
    const char *host = rest;
    const char *end = strrchr(rest, ':');
    out->bracketed = rest[0] == '[';
    if (out->bracketed) {
        host = rest + 1;
        end = strchr(rest, ']');
        if (!end || end[1] != ':')
            return error_set(error, EXIT_CODE_CONFIG,
                             "\"%s\" has no \"]:PORT\"; write %s[::1]:7000", rest, scheme);
    } else if (!end) {
        return error_set(error, EXIT_CODE_CONFIG, "\"%s\" has no port; write %sHOST:PORT", rest,
                         scheme);
    } else if (memchr(rest, ':', (size_t)(end - rest))) {
        return error_set(error, EXIT_CODE_CONFIG, "put an IPv6 address into brackets: %s[%.*s]:%s",
                         scheme, (int)(end - rest), rest, end + 1);
    }
    size_t length = (size_t)(end - host);
    if (length == 0 || length >= sizeof out->host)
        return error_set(error, EXIT_CODE_CONFIG,
                         "\"%s\" has no host; write %s*:PORT for every address", rest, scheme);
    memcpy(out->host, host, length);
    out->host[length] = '\0';
    return port_of(end + (out->bracketed ? 2 : 1), &out->port, error);
}

static void fill4(struct address *a, struct in_addr host, in_port_t port)
{
    *a = (struct address){.length = sizeof a->socket.in};
    a->socket.in.sin_family = AF_INET;
    a->socket.in.sin_addr = host;
    a->socket.in.sin_port = htons(port);
}

static void fill6(struct address *a, struct in6_addr host, in_port_t port)
{
    *a = (struct address){.length = sizeof a->socket.in6};
    a->socket.in6.sin6_family = AF_INET6;
    a->socket.in6.sin6_addr = host;
    a->socket.in6.sin6_port = htons(port);
}

/* True where HOST needs no name server. */
static bool numeric(const struct host_port *hp, struct address *a)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcmp(hp->host, "*") == 0) {
        fill6(a, in6addr_any, hp->port);
        a->dual_stack = true;
        return true;
    }
    if (!hp->bracketed && inet_pton(AF_INET, hp->host, &v4) == 1) {
        fill4(a, v4, hp->port);
        return true;
    }
    if (hp->bracketed && inet_pton(AF_INET6, hp->host, &v6) == 1) {
        fill6(a, v6, hp->port);
        return true;
    }
    return false;
}

static int resolve_name(const struct host_port *hp, struct address *found, struct error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list;
    int status = getaddrinfo(hp->host, NULL, &hints, &list);
    if (status != 0)
        return error_set(error, EXIT_CODE_CONFIG, "cannot resolve \"%s\": %s", hp->host,
                         status == EAI_SYSTEM ? strerror(errno) : gai_strerror(status));
    int count = 0;
    for (struct addrinfo *i = list; i && count < ADDRESS_RESOLVED_MAX; i = i->ai_next) {
        struct address a;
        if (i->ai_family == AF_INET)
            fill4(&a, ((struct sockaddr_in *)(void *)i->ai_addr)->sin_addr, hp->port);
        else if (i->ai_family == AF_INET6) {
            fill6(&a, ((struct sockaddr_in6 *)(void *)i->ai_addr)->sin6_addr, hp->port);
            /* A link-local address means nothing without its interface. */
            a.socket.in6.sin6_scope_id = ((struct sockaddr_in6 *)(void *)i->ai_addr)->sin6_scope_id;
        } else
            continue;
        bool seen = false;
        for (int k = 0; k < count; k++)
            seen = seen || memcmp(&found[k].socket, &a.socket, a.length) == 0;
        if (!seen)
            found[count++] = a;
    }
    freeaddrinfo(list);
    if (count == 0)
        return error_set(error, EXIT_CODE_CONFIG, "\"%s\" has no IPv4 or IPv6 address", hp->host);
    return count;
}

int address_inet_parse(const char *scheme, int type, const char *rest, bool resolve,
                       struct address found[ADDRESS_RESOLVED_MAX], struct error *error)
{
    struct host_port hp;
    int count = 1;
    if (split(scheme, rest, &hp, error) < 0)
        return -1;
    if (!numeric(&hp, &found[0])) {
        if (hp.bracketed)
            return error_set(error, EXIT_CODE_CONFIG, "\"%s\" is not an IPv6 address", hp.host);
        if (!resolve)
            return 0;
        count = resolve_name(&hp, found, error);
    }
    for (int i = 0; i < count; i++)
        found[i].type = type;
    return count;
}
