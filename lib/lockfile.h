/* SPDX-License-Identifier: MIT
 *
 * lockfile - one owner at a time: a file whose lock is held for as long as the owner lives.
 *
 * Ownership is the lock (F_OFD_SETLK, fcntl(2)), never the content or the existence of the file,
 * so that nothing has to be cleaned up after a crash. Used for the pid file and beside every Unix
 * socket.
 */
#ifndef LIB_LOCKFILE_H
#define LIB_LOCKFILE_H

#include "lib/error.h"

#include <sys/types.h>

struct lockfile {
    char *path;
    int fd; /* -1: not held */
};

#define LOCKFILE_NONE ((struct lockfile){.fd = -1})

/* Create or open PATH (a regular file; symbolic links are refused) with permissions MODE and lock
 * it. Who may read the file can lock it, too: 0600 unless others need its content. 0, or -1 with
 * ERROR: code EXIT_CODE_UNAVAILABLE, and in_use, where another process holds it. So does a child of
 * the owner that was just forked, until it executes something. */
int lockfile_acquire(struct lockfile *lock, const char *path, mode_t mode, struct error *error);

/* Take over FD, a lock on PATH that this process has held since before it executed the present
 * program. 0, or -1 with ERROR where it is none; FD stays open then. */
int lockfile_adopt(struct lockfile *lock, const char *path, int fd, struct error *error);

/* Replace the content with the decimal number and a newline. 0, or -1 with ERROR. */
int lockfile_write_number(const struct lockfile *lock, long number, struct error *error);

/* Remove the file, then give up the lock. Nothing where it is not held. */
void lockfile_release(struct lockfile *lock);

#endif
