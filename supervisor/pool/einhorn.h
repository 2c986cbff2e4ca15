/* SPDX-License-Identifier: MIT
 *
 * einhorn - the socket on which programs written for einhorn say that they are up:
 * EINHORN_SOCK_PATH (einhorn_socket.h).
 *
 * Such a program connects and writes one line (einhorn_message.h). Who it is the kernel says
 * (SO_PEERCRED); a pid in the line that is another one is refused.
 */
#ifndef POOL_EINHORN_H
#define POOL_EINHORN_H

#include "lib/loop.h"
#include "lib/rate.h"
#include "supervisor/pool/einhorn_socket.h"

#include <stdbool.h>
#include <sys/types.h>

/* At once; those that come on top wait in the queue of the kernel. */
#define EINHORN_CLIENTS_MAX 64
/* Who has not said its line by then is sent away. */
#define EINHORN_CLIENT_MS 5000
/* After the system refused a connection. */
#define EINHORN_PAUSE_MS 100
/* How many descriptors all of it may need. */
#define EINHORN_DESCRIPTORS (EINHORN_CLIENTS_MAX + 2)

struct einhorn_client;

struct einhorn {
    struct loop *loop;
    struct loop_source source;      /* the listening socket */
    int inode;                      /* what it is bound to */
    struct einhorn_client *clients; /* EINHORN_CLIENTS_MAX places; owned */
    int count;                      /* places taken */
    int64_t accept_at_ms;           /* 0: accepting; else from then on, or when a place gets free */
    char path[EINHORN_SOCKET_PATH_MAX]; /* as it stands in the environment */
    struct rate warnings;
    void (*acknowledged)(void *owner, pid_t pid);
    void *owner;
};

/* ACKNOWLEDGED is called from within the loop, with the process that said so; it may not release
 * EINHORN. 0, or -1 and errno (ENOENT: there is no /proc). */
int einhorn_init(struct einhorn *einhorn, struct loop *loop,
                 void (*acknowledged)(void *owner, pid_t pid), void *owner);
/* Also after a refused einhorn_init(). */
void einhorn_release(struct einhorn *einhorn);

/* Apply the deadlines; returns when to call again, CLOCK_NEVER for not before the next event. Call
 * it in every turn of the loop. */
int64_t einhorn_check(struct einhorn *einhorn, int64_t now_ms);

#endif
