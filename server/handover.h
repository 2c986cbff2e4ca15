/* SPDX-License-Identifier: MIT
 *
 * handover - the environment that tells a program which listening sockets it has, in the words of
 * the three super-servers such programs are written for. Called in the worker, before execve(2).
 *
 *     systemd          LISTEN_FDS LISTEN_PID LISTEN_FDNAMES                       sd_listen_fds(3)
 *     server_starter   SERVER_STARTER_PORT SERVER_STARTER_GENERATION             Server::Starter(3)
 *     einhorn          EINHORN_FD_COUNT EINHORN_FD_0… EINHORN_FD_FAMILY_0… EINHORN_FDS
 *                      EINHORN_CHILD_INDEX EINHORN_MASTER_PID EINHORN_SOCK_PATH
 *     any              NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID     sd_notify(3), where notify is
 * set
 */
#ifndef SERVER_HANDOVER_H
#define SERVER_HANDOVER_H

#include "include/channel.h"
#include "lib/address.h"

#include <stdint.h>
#include <sys/types.h>

enum handover_protocol {
    HANDOVER_SYSTEMD = 1,
    HANDOVER_SERVER_STARTER = 2,
    HANDOVER_EINHORN = 4,
};

struct handover {
    unsigned protocols;              /* enum handover_protocol, or-ed */
    const char *service;             /* its name */
    const struct address *addresses; /* where the sockets listen, in the order of their numbers */
    int count;                       /* CHANNEL_LISTENERS_MAX at most */
    int first;                       /* number of the first socket; LISTEN_FDS wants 3 */
    uint32_t generation;
    uint32_t slot;
    pid_t pool_pid;
    pid_t pid;           /* of the program: the caller's */
    const char *notify;  /* NOTIFY_SOCKET, or NULL */
    const char *einhorn; /* EINHORN_SOCK_PATH, or NULL */
    int64_t watchdog_ms; /* 0: none; told only together with notify */
};

/* More than there can be. */
#define HANDOVER_VARIABLES (16 + 2 * CHANNEL_LISTENERS_MAX)

/* Write "NAME=value" strings to OUT, on the heap and the caller's, and NULL behind the last one.
 * Returns how many. A socket whose name would break SERVER_STARTER_PORT (a path with ';' or '=',
 * an abstract name) is left out there. */
int handover_environment(const struct handover *handover, char *out[HANDOVER_VARIABLES + 1]);

/* Where the socket FD listens really: with the port the kernel chose, where the configuration has
 * 0. 0, or -1 and errno. */
int handover_address(int fd, struct address *address);

#endif
