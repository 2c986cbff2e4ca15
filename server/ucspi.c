/* SPDX-License-Identifier: MIT
 *
 * ucspi - see ucspi.h.
 *
 * Texts are put together by hand: printf(3) and its kin bring five or six pages of the C library
 * into a process that has a few microseconds left, which costs more than all the rest of this.
 */
#include "server/ucspi.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

const char *const ucspi_names[] = {"PROTO",         "TCPREMOTEIP",
                                   "TCPREMOTEPORT", "TCPLOCALIP",
                                   "TCPLOCALPORT",  "REMOTE_ADDR",
                                   "REMOTE_PORT",   "IPCREMOTEPID",
                                   "IPCREMOTEEUID", "IPCREMOTEEGID",
                                   "IPCLOCALPATH",  "UDPLOCALIP",
                                   "UDPLOCALPORT",  NULL};

static bool is_safe(const char *value)
{
    for (; *value; value++) {
        bool letter = (*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z');
        bool other = *value >= '-' && *value <= ':'; /* - . / 0 to 9 : */
        if (!letter && !other && *value != '_' && *value != '@')
            return false;
    }
    return true;
}

static void add(struct ucspi *u, const char *name, const char *value)
{
    size_t length = strlen(name), size = strlen(value) + 1;
    if (!is_safe(value) || u->count == UCSPI_VARIABLES || length + 1 + size > UCSPI_TEXT_MAX)
        return;
    char *text = u->text[u->count++];
    memcpy(text, name, length);
    text[length] = '=';
    memcpy(text + length + 1, value, size);
}

/* The digits of VALUE and a NUL, where TEXT is. Returns the place of the NUL. */
static char *print_number(char *text, unsigned long value)
{
    char digits[20];
    int count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (count > 0)
        *text++ = digits[--count];
    *text = '\0';
    return text;
}

static void add_number(struct ucspi *u, const char *name, unsigned long value)
{
    char text[24];
    print_number(text, value);
    add(u, name, text);
}

static void print_ipv4(char text[INET6_ADDRSTRLEN], const void *address)
{
    uint8_t bytes[4];
    memcpy(bytes, address, sizeof bytes);
    for (int i = 0; i < 4; i++) {
        text = print_number(text, bytes[i]);
        if (i < 3)
            *text++ = '.';
    }
}

/* An IPv4 client of an IPv6 socket is told as IPv4. */
static const char *host_text(const union socket_address *a, char text[INET6_ADDRSTRLEN])
{
    bool mapped = a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
    if (mapped)
        print_ipv4(text, &a->in6.sin6_addr.s6_addr[12]);
    else if (a->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->in6.sin6_addr, text, INET6_ADDRSTRLEN);
    else
        print_ipv4(text, &a->in.sin_addr);
    return text;
}

static unsigned long port(const union socket_address *a)
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

static void add_path(struct ucspi *u, const union socket_address *local, socklen_t length)
{
    char path[sizeof local->un.sun_path + 1];
    path_text(local, length, path);
    if (path[0] != '\0')
        add(u, "IPCLOCALPATH", path);
}

static void describe_unix(struct ucspi *u, int fd, const union socket_address *local,
                          socklen_t length)
{
    struct ucred who;
    socklen_t size = sizeof who;
    add(u, "PROTO", "IPC");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
        add_number(u, "IPCREMOTEPID", (unsigned long)who.pid);
        add_number(u, "IPCREMOTEEUID", who.uid);
        add_number(u, "IPCREMOTEEGID", who.gid);
    }
    add_path(u, local, length);
}

static void describe_datagrams(struct ucspi *u, const union socket_address *local, socklen_t length)
{
    char text[INET6_ADDRSTRLEN];
    bool is_unix = local->any.sa_family == AF_UNIX;
    add(u, "PROTO", is_unix ? "IPC" : "UDP");
    if (is_unix) {
        add_path(u, local, length);
        return;
    }
    add(u, "UDPLOCALIP", host_text(local, text));
    add_number(u, "UDPLOCALPORT", port(local));
}

/* Whom a proxy has told is not at the other end of FD: of its credentials nothing is known. */
static void describe_told(struct ucspi *u, const union socket_address *peer,
                          const union socket_address *local)
{
    socklen_t before = offsetof(struct sockaddr_un, sun_path);
    if (peer->any.sa_family == AF_UNIX)
        describe_unix(u, -1, local, before + (socklen_t)strlen(local->un.sun_path));
    else
        describe_tcp(u, peer, local);
}

static void describe_own(struct ucspi *u, int fd, const union socket_address *peer)
{
    union socket_address local = {0};
    socklen_t length = sizeof local;
    if (getsockname(fd, &local.any, &length) < 0) {
        local.any.sa_family = peer->any.sa_family;
        length = 0;
    }
    if (peer->any.sa_family == AF_UNSPEC)
        describe_datagrams(u, &local, length);
    else if (peer->any.sa_family == AF_UNIX)
        describe_unix(u, fd, &local, length);
    else
        describe_tcp(u, peer, &local);
}

void ucspi_describe(struct ucspi *u, int fd, const union socket_address *peer,
                    const union socket_address *local)
{
    u->count = 0;
    if (local)
        describe_told(u, peer, local);
    else
        describe_own(u, fd, peer);
}
