/* SPDX-License-Identifier: MIT
 *
 * fds - the table of file descriptors: what is inherited, how many there may be, passing them on.
 */
#ifndef LIB_FDS_H
#define LIB_FDS_H

#include "lib/error.h"

#include <stddef.h>
#include <sys/resource.h>

/* First lines of main(): /dev/null where 0, 1 or 2 is closed, everything closed from 3 + SPARED on.
 */
void fds_sanitize(int spared);

/* Raise the soft limit on descriptors to the hard one. 0, or -1 with ERROR where the limit stays
 * below NEEDED; the text says how to raise it. */
int fds_raise_limit(unsigned long needed, struct error *error);

/* In a child, before it executes somebody else's program: the soft limit as it was before the first
 * fds_raise_limit(). Programs that use select(2) need one of 1024. */
void fds_restore_limit(void);

/* That limit, RLIM_INFINITY where it was never raised; and, for the next image of this process,
 * what it is. */
rlim_t fds_original_limit(void);
void fds_set_original_limit(rlim_t limit);

/* Close every descriptor but the standard ones and the COUNT of KEPT, which is sorted. */
void fds_close_others(const int *kept, size_t count);

/* Close *FD and set it to -1; nothing where it is -1. errno is preserved. */
void fds_close(int *fd);

/* Send one packet over a SOCK_SEQPACKET socket without waiting, with descriptor PASS (-1: none).
 * 0, or -1 and errno. PASS stays the caller's. */
int fds_send(int socket, const void *packet, size_t length, int pass);

/* A copy of the descriptor that came with the first packet in SOCKET's queue, which stays there for
 * others (recvmsg(2), MSG_PEEK); close-on-exec, the caller's. -1 where there is none.
 * Async-signal-safe. */
int fds_peek(int socket);

/* Take everything out of SOCKET's queue. */
void fds_discard(int socket);

/* Receive one packet of exactly LENGTH bytes without waiting. *PASSED is the descriptor that came
 * along (close-on-exec, the caller's) or -1. Returns 1, 0 at end of file, -1 and errno (EAGAIN:
 * nothing there; EBADMSG: not such a packet, it was discarded). */
int fds_receive(int socket, void *packet, size_t length, int *passed);

#endif
