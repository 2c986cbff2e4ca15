/* SPDX-License-Identifier: MIT
 *
 * notify - the socket on which the programs of a pool say how they are: NOTIFY_SOCKET of
 * sd_notify(3).
 *
 * A datagram socket with a random name in the abstract name space: nothing in the file system, no
 * permissions. The name is no secret (/proc/net/unix shows it to everybody); what counts is the
 * sender as the kernel tells it. Who that is to the pool, if anybody, the callback has to find out;
 * it acts on what was said as on gossip.
 *
 * Descriptors that come along are never kept. For BARRIER=1 this is all the sender waits for: its
 * pipe ends when its datagram has been read.
 */
#ifndef POOL_NOTIFY_H
#define POOL_NOTIFY_H

#include "lib/loop.h"
#include "lib/rate.h"
#include "supervisor/pool/notify_message.h"

#include <sys/types.h>

/* "@preforkd/", 32 digits and NUL. */
#define NOTIFY_NAME_MAX 44

/* Datagrams taken in one turn of the loop; others have their turn, too. */
#define NOTIFY_BATCH 32

struct notify {
    struct loop *loop;
    struct loop_source source;
    char name[NOTIFY_NAME_MAX]; /* as it stands in the environment */
    struct rate warnings;
    void (*said)(void *owner, pid_t pid, const struct notify_message *message);
    void *owner;
};

/* SAID is called from within the loop, with the process that sent MESSAGE; it may not release
 * NOTIFY. 0, or -1 and errno. */
int notify_init(struct notify *notify, struct loop *loop,
                void (*said)(void *owner, pid_t pid, const struct notify_message *message),
                void *owner);
/* Also after a refused notify_init(). */
void notify_release(struct notify *notify);

#endif
