/* SPDX-License-Identifier: MIT
 *
 * address - see address.h. tcp_* parse and resolve HOST:PORT, unix_* the two Unix forms.
 */
#include "lib/address.h"

#include "lib/quantity.h"
#include "lib/suggest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>

/* HOST:PORT cut in two; the brackets around an IPv6 host are gone. */
struct host_port {
    char host[256];
    in_port_t port; /* host byte order */
    bool bracketed;
};

static int tcp_port(const char *text, in_port_t *port, struct error *error)
{
    int64_t number;
    if (quantity_parse_count(text, &number) < 0)
        return error_set(error, EXIT_CODE_CONFIG, "the port \"%s\" is not a number", text);
    if (number < 0 || number > 65535)
        return error_set(error, EXIT_CODE_CONFIG, "port %s is out of range (0 to 65535)", text);
    *port = (in_port_t)number;
    return 0;
}

static int tcp_split(const char *rest, struct host_port *out, struct error *error)
{
    const char *host = rest;
    const char *end = strrchr(rest, ':');
    out->bracketed = rest[0] == '[';
    if (out->bracketed) {
        host = rest + 1;
        end = strchr(rest, ']');
        if (!end || end[1] != ':')
            return error_set(error, EXIT_CODE_CONFIG,
                             "\"%s\" has no \"]:PORT\"; write tcp://[::1]:7000", rest);
    } else if (!end) {
        return error_set(error, EXIT_CODE_CONFIG, "\"%s\" has no port; write tcp://HOST:PORT",
                         rest);
    } else if (memchr(rest, ':', (size_t)(end - rest))) {
        return error_set(error, EXIT_CODE_CONFIG,
                         "put an IPv6 address into brackets: tcp://[%.*s]:%s", (int)(end - rest),
                         rest, end + 1);
    }
    size_t length = (size_t)(end - host);
    if (length == 0 || length >= sizeof out->host)
        return error_set(error, EXIT_CODE_CONFIG,
                         "\"%s\" has no host; write tcp://*:PORT for every address", rest);
    memcpy(out->host, host, length);
    out->host[length] = '\0';
    return tcp_port(end + (out->bracketed ? 2 : 1), &out->port, error);
}

static void tcp_fill4(struct address *a, struct in_addr host, in_port_t port)
{
    *a = (struct address){.length = sizeof a->socket.in};
    a->socket.in.sin_family = AF_INET;
    a->socket.in.sin_addr = host;
    a->socket.in.sin_port = htons(port);
}

static void tcp_fill6(struct address *a, struct in6_addr host, in_port_t port)
{
    *a = (struct address){.length = sizeof a->socket.in6};
    a->socket.in6.sin6_family = AF_INET6;
    a->socket.in6.sin6_addr = host;
    a->socket.in6.sin6_port = htons(port);
}

/* True where HOST needs no name server. */
static bool tcp_numeric(const struct host_port *hp, struct address *a)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcmp(hp->host, "*") == 0) {
        tcp_fill6(a, in6addr_any, hp->port);
        a->dual_stack = true;
        return true;
    }
    if (!hp->bracketed && inet_pton(AF_INET, hp->host, &v4) == 1) {
        tcp_fill4(a, v4, hp->port);
        return true;
    }
    if (hp->bracketed && inet_pton(AF_INET6, hp->host, &v6) == 1) {
        tcp_fill6(a, v6, hp->port);
        return true;
    }
    return false;
}

static int tcp_resolve(const struct host_port *hp, struct address *found, struct error *error)
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
            tcp_fill4(&a, ((struct sockaddr_in *)(void *)i->ai_addr)->sin_addr, hp->port);
        else if (i->ai_family == AF_INET6) {
            tcp_fill6(&a, ((struct sockaddr_in6 *)(void *)i->ai_addr)->sin6_addr, hp->port);
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

static int tcp_parse(const char *rest, bool resolve, struct address *found, struct error *error)
{
    struct host_port hp;
    if (tcp_split(rest, &hp, error) < 0)
        return -1;
    if (tcp_numeric(&hp, &found[0]))
        return 1;
    if (hp.bracketed)
        return error_set(error, EXIT_CODE_CONFIG, "\"%s\" is not an IPv6 address", hp.host);
    return resolve ? tcp_resolve(&hp, found, error) : 1;
}

static int unix_fill(const char *name, bool abstract, struct address *a, struct error *error)
{
    size_t length = strlen(name);
    *a = (struct address){0};
    a->socket.un.sun_family = AF_UNIX;
    if (length == 0)
        return error_set(error, EXIT_CODE_CONFIG, "the name of the Unix socket is empty");
    if (length + 1 > sizeof a->socket.un.sun_path)
        return error_set(error, EXIT_CODE_CONFIG,
                         "\"%s\" is too long for a Unix socket (%zu of %zu bytes)", name, length,
                         sizeof a->socket.un.sun_path - 1);
    /* An abstract name starts with a NUL byte and has none at its end. */
    memcpy(a->socket.un.sun_path + (abstract ? 1 : 0), name, length);
    a->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 1;
}

static int unix_parse(const char *text, struct address *found, struct error *error)
{
    if (strncmp(text, "unix:@", 6) == 0)
        return unix_fill(text + 6, true, &found[0], error);
    if (strncmp(text, "unix:///", 8) == 0)
        return unix_fill(text + 7, false, &found[0], error);
    return error_set(error, EXIT_CODE_CONFIG,
                     "\"%s\" is not a Unix address; write unix:///absolute/path or unix:@name",
                     text);
}

static const char *const SCHEMES[] = {"tcp://", "unix:///", "unix:@", "seqpacket://",
                                      "udp://", "fd://",    NULL};

static int parse(const char *text, bool resolve, struct address *found, struct error *error)
{
    if (strncmp(text, "tcp://", 6) == 0)
        return tcp_parse(text + 6, resolve, found, error);
    if (strncmp(text, "unix:", 5) == 0)
        return unix_parse(text, found, error);
    for (const char *const *later = SCHEMES + 3; *later; later++)
        if (strncmp(text, *later, strlen(*later)) == 0)
            return error_set(
                error, EXIT_CODE_CONFIG,
                "%s addresses are not served by this version; use tcp:// or unix:", *later);
    char scheme[32];
    const char *slashes = strstr(text, "//");
    size_t length = slashes ? (size_t)(slashes - text) + 2 : strcspn(text, "/@");
    snprintf(scheme, sizeof scheme, "%.*s", (int)length, text);
    const char *near = suggest_nearest(scheme, SCHEMES);
    return error_set(error, EXIT_CODE_CONFIG,
                     "\"%s\" is not an address; write tcp://HOST:PORT or unix:///path%s%s%s", text,
                     near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

int address_parse(const char *text, struct address found[ADDRESS_RESOLVED_MAX], struct error *error)
{
    return parse(text, true, found, error);
}

int address_check(const char *text, struct error *error)
{
    struct address ignored[ADDRESS_RESOLVED_MAX];
    return parse(text, false, ignored, error) < 0 ? -1 : 0;
}

static void print_ip(const union socket_address *s, char *text)
{
    char host[INET6_ADDRSTRLEN];
    if (s->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &s->in.sin_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_MAX - 8, "%s:%u", host, ntohs(s->in.sin_port));
        return;
    }
    if (IN6_IS_ADDR_V4MAPPED(&s->in6.sin6_addr)) {
        inet_ntop(AF_INET, &s->in6.sin6_addr.s6_addr[12], host, sizeof host);
        snprintf(text, ADDRESS_TEXT_MAX - 8, "%s:%u", host, ntohs(s->in6.sin6_port));
        return;
    }
    inet_ntop(AF_INET6, &s->in6.sin6_addr, host, sizeof host);
    snprintf(text, ADDRESS_TEXT_MAX - 8, "[%s]:%u", host, ntohs(s->in6.sin6_port));
}

char *address_print(const struct address *a, char text[static ADDRESS_TEXT_MAX])
{
    const struct sockaddr_un *un = &a->socket.un;
    if (a->socket.any.sa_family == AF_UNIX) {
        size_t name = a->length - offsetof(struct sockaddr_un, sun_path);
        if (un->sun_path[0] == '\0' && name > 1)
            snprintf(text, ADDRESS_TEXT_MAX, "unix:@%.*s", (int)(name - 1), un->sun_path + 1);
        else
            snprintf(text, ADDRESS_TEXT_MAX, "unix://%s", un->sun_path);
    } else if (a->dual_stack) {
        snprintf(text, ADDRESS_TEXT_MAX, "tcp://*:%u", ntohs(a->socket.in6.sin6_port));
    } else {
        memcpy(text, "tcp://", 6);
        print_ip(&a->socket, text + 6);
    }
    return text;
}

char *address_peer(const union socket_address *peer, char text[static ADDRESS_TEXT_MAX])
{
    if (peer->any.sa_family == AF_INET || peer->any.sa_family == AF_INET6)
        print_ip(peer, text);
    else
        snprintf(text, ADDRESS_TEXT_MAX, "%s", peer->any.sa_family == AF_UNIX ? "unix" : "");
    return text;
}

bool address_is_ephemeral(const struct address *a)
{
    return (a->socket.any.sa_family == AF_INET && a->socket.in.sin_port == 0) ||
           (a->socket.any.sa_family == AF_INET6 && a->socket.in6.sin6_port == 0);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->length == b->length && memcmp(&a->socket, &b->socket, a->length) == 0 &&
           a->dual_stack == b->dual_stack && !address_is_ephemeral(a);
}

const char *address_path(const struct address *a)
{
    if (a->socket.any.sa_family != AF_UNIX || a->socket.un.sun_path[0] == '\0')
        return NULL;
    return a->socket.un.sun_path;
}
