/* SPDX-License-Identifier: MIT
 *
 * ucspi - see ucspi.h.
 */
#include "server/ucspi.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SAFE                                                                                       \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"                               \
    ".:_-/@"

const char *const ucspi_names[] = {
    "PROTO",       "TCPREMOTEIP",  "TCPREMOTEPORT", "TCPLOCALIP",    "TCPLOCALPORT", "REMOTE_ADDR",
    "REMOTE_PORT", "IPCREMOTEPID", "IPCREMOTEEUID", "IPCREMOTEEGID", "IPCLOCALPATH", NULL};

static void add(struct ucspi *u, const char *name, const char *value)
{
    if (value[strspn(value, SAFE)] == '\0' && u->count < UCSPI_VARIABLES)
        snprintf(u->text[u->count++], UCSPI_TEXT_MAX, "%s=%s", name, value);
}

static void add_number(struct ucspi *u, const char *name, long value)
{
    char text[24];
    snprintf(text, sizeof text, "%ld", value);
    add(u, name, text);
}

/* An IPv4 client of an IPv6 socket is told as IPv4. */
static const char *host_text(const union socket_address *a, char text[INET6_ADDRSTRLEN])
{
    bool mapped = a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
    if (mapped)
        inet_ntop(AF_INET, &a->in6.sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
    else if (a->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->in6.sin6_addr, text, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET, &a->in.sin_addr, text, INET6_ADDRSTRLEN);
    return text;
}

static long port(const union socket_address *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->in6.sin6_port : a->in.sin_port);
}

static void describe_tcp(struct ucspi *u, const union socket_address *peer,
                         const union socket_address *local)
{
    char text[INET6_ADDRSTRLEN];
    add(u, "PROTO", "TCP");
    add(u, "TCPREMOTEIP", host_text(peer, text));
    add_number(u, "TCPREMOTEPORT", port(peer));
    add(u, "REMOTE_ADDR", text);
    add_number(u, "REMOTE_PORT", port(peer));
    add(u, "TCPLOCALIP", host_text(local, text));
    add_number(u, "TCPLOCALPORT", port(local));
}

/* The path or the abstract name of a Unix socket; "" where it has none that can be told. LENGTH of
 * the address, as the kernel says: one more than there is room for where the path needs it all. */
static void path_text(const union socket_address *local, socklen_t length,
                      char path[static sizeof local->un.sun_path + 1])
{
    const socklen_t before = offsetof(struct sockaddr_un, sun_path);
    size_t size = length < before ? 0 : length - before;
    if (size > sizeof local->un.sun_path)
        size = sizeof local->un.sun_path;
    memcpy(path, local->un.sun_path, size);
    path[size] = '\0';
    /* An abstract name may hold any byte, but must not be cut by one. */
    if (size > 1 && path[0] == '\0' && strlen(path + 1) == size - 1)
        path[0] = '@';
}

static void describe_unix(struct ucspi *u, int fd, const union socket_address *local,
                          socklen_t length)
{
    struct ucred who;
    socklen_t size = sizeof who;
    char path[sizeof local->un.sun_path + 1];
    add(u, "PROTO", "IPC");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
        add_number(u, "IPCREMOTEPID", (long)who.pid);
        add_number(u, "IPCREMOTEEUID", (long)who.uid);
        add_number(u, "IPCREMOTEEGID", (long)who.gid);
    }
    path_text(local, length, path);
    if (path[0] != '\0')
        add(u, "IPCLOCALPATH", path);
}

void ucspi_describe(struct ucspi *u, int fd, const union socket_address *peer)
{
    union socket_address local = {0};
    socklen_t length = sizeof local;
    u->count = 0;
    if (getsockname(fd, &local.any, &length) < 0) {
        local.any.sa_family = peer->any.sa_family;
        length = 0;
    }
    if (peer->any.sa_family == AF_UNIX)
        describe_unix(u, fd, &local, length);
    else
        describe_tcp(u, peer, &local);
}
