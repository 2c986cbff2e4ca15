/* SPDX-License-Identifier: MIT
 *
 * listener - the sockets that services listen on, or receive datagrams from, kept by address.
 *
 * A socket is bound when a configuration first wants its address and stays open, the same kernel
 * object, for as long as any configuration in force does: across reloads, and whatever happens to
 * pools. Nobody's queue is lost because a number of workers changed.
 */
#ifndef SUPERVISOR_LISTENER_H
#define SUPERVISOR_LISTENER_H

#include "lib/address.h"
#include "lib/config.h"
#include "lib/lockfile.h"
#include "supervisor/listener_bind.h"

struct listener {
    struct address address; /* as configured: the key */
    char *service;          /* who asked first; part of the key for port 0 */
    int fd;
    int type; /* SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET, that of an inherited one, too */
    struct lockfile lock; /* of a Unix socket in the file system: ours while it is held */
    mode_t mode;          /* of a Unix socket in the file system */
    bool wanted;          /* by the sweep in progress */
};

struct listener_table {
    struct listener **entries;
    size_t count;
};

/* The socket of each address of SERVICE, bound where it is not open yet, into FDS (at most
 * CHANNEL_LISTENERS_MAX; they stay the table's). Returns how many, or -1 with ERROR, which names
 * the line of the configuration FILE; what was bound by then stays until the next sweep. */
int listener_open_service(struct listener_table *table, const char *file,
                          const struct config_service *service, int *fds, struct error *error);

/* The same for every service of CONFIG. 0, or -1 with ERROR. */
int listener_open_all(struct listener_table *table, const struct config *config,
                      struct error *error);

/* A path whose socket is to be of another type: the old one serves until the new configuration is
 * in force, so there is no moment for the change. 0, or -1 with ERROR where TABLE has such a
 * socket. */
int listener_check_path(const struct listener_table *table, const struct address *address,
                        struct error *error);

/* WHY an address of entry LISTEN of SERVICE cannot be bound, with the line of the configuration
 * FILE. Always returns -1. */
int listener_complain(const char *file, const struct config_service *service, size_t listen,
                      const struct error *why, struct error *error);

/* Take over what the image of this process before us had for SAVED (address, service, fd, type,
 * mode, and lock.fd where it had one), which is copied. 0, or -1 with ERROR where it is no such
 * socket; its descriptors stay open then. */
int listener_adopt(struct listener_table *table, const struct listener *saved, struct error *error);

/* Close every socket that no service of CONFIG wants (NULL: all), remove their files, and give the
 * others their configured backlog, permissions and blocking mode. */
void listener_sweep(struct listener_table *table, const struct config *config);

/* The listener of an address of a service, NULL where it is not open. */
const struct listener *listener_find(const struct listener_table *table, const char *service,
                                     const struct address *address);

/* Where it really listens: with the port the kernel chose for port 0. An inherited one is called as
 * in the configuration. Returns TEXT. */
char *listener_print(const struct listener *listener, char text[static ADDRESS_TEXT_MAX]);

/* Close those of SERVICE, for every process that holds them. */
void listener_close(struct listener_table *table, const struct config_service *service);

/* Connections waiting to be accepted and the most there may be; 0 and 0 where the kernel does not
 * tell (Unix sockets) or nobody connects (datagrams). */
void listener_queue(const struct listener *listener, unsigned *length, unsigned *limit);

#endif
