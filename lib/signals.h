/* SPDX-License-Identifier: MIT
 *
 * signals - dispositions, masks, and signals read as events (signalfd(2)).
 */
#ifndef LIB_SIGNALS_H
#define LIB_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>

/* Room for what signals_name() writes. */
#define SIGNALS_NAME_MAX 24

/* Block every signal that can be blocked. */
void signals_block_all(void);
void signals_unblock_all(void);

/* Every disposition back to its default, whatever was inherited; SIGPIPE and SIGXFSZ ignored where
 * IGNORE_IO is set, so that a peer that left or a full disk is an errno and not a death. */
void signals_reset(int ignore_io);

/* A descriptor that yields struct signalfd_siginfo for every signal; non-blocking, close-on-exec.
 * The signals must be blocked. Without CHILDREN not for SIGCHLD: who holds its children by pidfds
 * (child.h) would hear of each end twice. -1 and errno on failure. */
int signals_open(bool children);

/* From now on also for SIGCHLD, whose information tells of children that were stopped. */
void signals_add_children(int fd);

/* Next signal number from such a descriptor, 0 where there is none. */
int signals_next(int fd);

/* The same with all that the kernel tells of it; signals that came together are told as one. */
int signals_next_info(int fd, struct signalfd_siginfo *info);

/* End as a process does that this signal is sent to and that knows nothing of signals: whoever
 * waits for us can tell (a shell ends its script then, too). */
_Noreturn void signals_end_by(int number);

/* "SIGKILL"; "signal 42" for those without a name. Returns TEXT. */
char *signals_name(int number, char text[static SIGNALS_NAME_MAX]);

#endif
