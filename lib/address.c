/* SPDX-License-Identifier: MIT
 *
 * address - see address.h. What follows a scheme is for address_inet.c and address_unix.c.
 */
#include "lib/address.h"

#include "lib/address_inet.h"
#include "lib/address_unix.h"
#include "lib/memory.h"
#include "lib/quantity.h"
#include "lib/suggest.h"

#include <arpa/inet.h>
#include <stddef.h>

enum scheme_kind { INET, UNIX, INHERITED };

struct scheme {
    const char *prefix;
    enum scheme_kind kind;
    int type;
};

static const struct scheme SCHEMES[] = {
    {"tcp://", INET, SOCK_STREAM},        {"udp://", INET, SOCK_DGRAM},
    {"unix:", UNIX, SOCK_STREAM},         {"unixgram:", UNIX, SOCK_DGRAM},
    {"seqpacket:", UNIX, SOCK_SEQPACKET}, {"fd://", INHERITED, 0},
};
#define SCHEME_COUNT (sizeof SCHEMES / sizeof SCHEMES[0])

static const struct scheme *scheme_of(const char *text)
{
    for (size_t i = 0; i < SCHEME_COUNT; i++)
        if (strncmp(text, SCHEMES[i].prefix, strlen(SCHEMES[i].prefix)) == 0)
            return &SCHEMES[i];
    return NULL;
}

static int inherited_number(const char *text, unsigned *number, struct error *error)
{
    int64_t value;
    if (quantity_parse_count(text, &value) < 0 || value < 1 || value > 9999)
        return error_set(error, EXIT_CODE_CONFIG,
                         "\"%s\" does not count sockets of one name; write fd://NAME:1 for the "
                         "first of them",
                         text);
    *number = (unsigned)value;
    return 1;
}

/* Names are what systemd takes for one: printable ASCII without a colon. */
static int inherited_parse(const char *rest, struct address *a, struct error *error)
{
    size_t length = strcspn(rest, ":");
    *a = (struct address){0};
    if (length == 0)
        return error_set(error, EXIT_CODE_CONFIG,
                         "\"fd://%s\" has no name; write fd://NAME, a name of LISTEN_FDNAMES",
                         rest);
    if (length >= sizeof a->name)
        return error_set(error, EXIT_CODE_CONFIG,
                         "the name of an inherited socket is too long (%zu of %zu bytes)", length,
                         sizeof a->name - 1);
    for (size_t i = 0; i < length; i++)
        if (rest[i] < ' ' || rest[i] > '~')
            return error_set(error, EXIT_CODE_CONFIG,
                             "the name of an inherited socket is made of printable ASCII "
                             "characters; write fd://NAME");
    memcpy(a->name, rest, length);
    return rest[length] == ':' ? inherited_number(rest + length + 1, &a->number, error) : 1;
}

static int no_scheme(const char *text, struct error *error)
{
    static const char *const forms[] = {
        "tcp://",     "udp://",        "unix:///",    "unix:@", "unixgram:///",
        "unixgram:@", "seqpacket:///", "seqpacket:@", "fd://",  NULL};
    char scheme[32];
    const char *slashes = strstr(text, "//");
    size_t length = slashes ? (size_t)(slashes - text) + strspn(slashes, "/") : strcspn(text, "/@");
    snprintf(scheme, sizeof scheme, "%.*s", (int)length, text);
    const char *near = suggest_nearest(scheme, forms);
    return error_set(error, EXIT_CODE_CONFIG,
                     "\"%s\" is not an address; write tcp://HOST:PORT or unix:///path%s%s%s", text,
                     near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static int parse(const char *text, bool resolve, struct address *found, struct error *error)
{
    const struct scheme *scheme = scheme_of(text);
    if (!scheme)
        return no_scheme(text, error);
    const char *rest = text + strlen(scheme->prefix);
    switch (scheme->kind) {
    case INET:
        return address_inet_parse(scheme->prefix, scheme->type, rest, resolve, found, error);
    case UNIX:
        return address_unix_parse(scheme->prefix, scheme->type, rest, found, error);
    default:
        return inherited_parse(rest, found, error);
    }
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

int address_read(const char *text, unsigned scope, struct address *a)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    struct error error;
    if (parse(text, false, found, &error) != 1)
        return -1;
    *a = found[0];
    if (a->socket.any.sa_family == AF_INET6)
        a->socket.in6.sin6_scope_id = scope;
    return 0;
}

/* HOST:PORT and nothing that could be a scheme. */
static bool is_shorthand(const char *text)
{
    return strncmp(text, "unix:", 5) != 0 && !strpbrk(text, "/@");
}

char *address_complete(const char *text)
{
    return memory_printf("%s%s", is_shorthand(text) ? "tcp://" : "", text);
}

int address_type(const char *text)
{
    const struct scheme *scheme = scheme_of(text);
    return scheme ? scheme->type : 0;
}

static void print_unix(const struct address *a, char *text)
{
    const struct sockaddr_un *un = &a->socket.un;
    size_t name = a->length - offsetof(struct sockaddr_un, sun_path);
    const char *scheme = a->type == SOCK_DGRAM       ? "unixgram"
                         : a->type == SOCK_SEQPACKET ? "seqpacket"
                                                     : "unix";
    if (un->sun_path[0] == '\0' && name > 1)
        snprintf(text, ADDRESS_TEXT_MAX, "%s:@%.*s", scheme, (int)(name - 1), un->sun_path + 1);
    else
        snprintf(text, ADDRESS_TEXT_MAX, "%s://%s", scheme, un->sun_path);
}

char *address_print(const struct address *a, char text[static ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    const char *scheme = a->type == SOCK_DGRAM ? "udp" : "tcp";
    if (a->socket.any.sa_family == AF_UNIX)
        print_unix(a, text);
    else if (address_is_inherited(a) && a->number > 0)
        snprintf(text, ADDRESS_TEXT_MAX, "fd://%s:%u", a->name, a->number);
    else if (address_is_inherited(a))
        snprintf(text, ADDRESS_TEXT_MAX, "fd://%s", a->name);
    else if (a->dual_stack)
        snprintf(text, ADDRESS_TEXT_MAX, "%s://*:%u", scheme, ntohs(a->socket.in6.sin6_port));
    else
        snprintf(text, ADDRESS_TEXT_MAX, "%s://%.*s", scheme, ADDRESS_TEXT_MAX - 8,
                 address_peer(&a->socket, host));
    return text;
}

char *address_write(const struct address *a, char text[static ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN];
    if (a->socket.any.sa_family != AF_INET6 || a->dual_stack)
        return address_print(a, text);
    inet_ntop(AF_INET6, &a->socket.in6.sin6_addr, host, sizeof host);
    snprintf(text, ADDRESS_TEXT_MAX, "%s://[%s]:%u", a->type == SOCK_DGRAM ? "udp" : "tcp", host,
             ntohs(a->socket.in6.sin6_port));
    return text;
}

unsigned address_scope(const struct address *a)
{
    return a->socket.any.sa_family == AF_INET6 ? a->socket.in6.sin6_scope_id : 0;
}

bool address_is_ephemeral(const struct address *a)
{
    return (a->socket.any.sa_family == AF_INET && a->socket.in.sin_port == 0) ||
           (a->socket.any.sa_family == AF_INET6 && a->socket.in6.sin6_port == 0);
}

bool address_is_inherited(const struct address *a)
{
    return a->socket.any.sa_family == AF_UNSPEC && a->name[0] != '\0';
}

bool address_alike(const struct address *a, const struct address *b)
{
    /* fd://NAME and fd://NAME:1 both are the first. */
    unsigned first = a->number ? a->number : 1, second = b->number ? b->number : 1;
    return a->type == b->type && a->length == b->length &&
           memcmp(&a->socket, &b->socket, a->length) == 0 && a->dual_stack == b->dual_stack &&
           strcmp(a->name, b->name) == 0 && first == second;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return address_alike(a, b) && !address_is_ephemeral(a);
}

bool address_collide(const struct address *a, const struct address *b)
{
    const char *path = address_path(a), *other = address_path(b);
    return address_equal(a, b) || (path && other && strcmp(path, other) == 0);
}

const char *address_path(const struct address *a)
{
    if (a->socket.any.sa_family != AF_UNIX || a->socket.un.sun_path[0] == '\0')
        return NULL;
    return a->socket.un.sun_path;
}
