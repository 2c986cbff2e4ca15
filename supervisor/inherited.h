/* SPDX-License-Identifier: MIT
 *
 * inherited - sockets that were open when we were started, with the names they were given:
 * sd_listen_fds(3).
 *
 * They belong to the process, not to a configuration: each stays open, listening, until the end,
 * whether or not a service wants it just then, because we could not open it again. Nor are they
 * ours alone; whoever passed them may hold them, too.
 */
#ifndef SUPERVISOR_INHERITED_H
#define SUPERVISOR_INHERITED_H

#include "lib/address.h"

/* Take over what LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES announce, and unset these variables. To
 * be called once, before anything is opened and everything else closed. Nothing is an error yet:
 * what cannot be used is closed, and why is told to whoever asks for it. Returns how many
 * descriptors from 3 on are to stay open, used ones and gaps. */
int inherited_adopt(void);

/* The socket of A (fd://NAME), which stays ours: close-on-exec, listening unless it is for
 * datagrams. -1 with ERROR, which says what there is. */
int inherited_find(const struct address *a, struct error *error);

/* The name of a socket (of inherited_count()) that listens and that nobody has asked for so far:
 * its clients wait in vain. NULL for the others. */
const char *inherited_idle(size_t index);

/* Why a service cannot have FD; NULL where it can: a socket of a family and type that are served,
 * which listens unless it is for datagrams. */
const char *inherited_unfit(int fd);

/* For the next image of this process, which calls inherited_add() in the same order instead of
 * inherited_adopt(). The names stay ours; FD (-1: what could not be used) becomes ours. */
size_t inherited_count(void);
const char *inherited_name(size_t index, int *fd);
void inherited_add(const char *name, int fd);

/* Close all. */
void inherited_release(void);

#endif
