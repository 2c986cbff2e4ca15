/* SPDX-License-Identifier: MIT
 *
 * program_file - the file of a program: where it is, and whether the preload library can go along.
 *
 * Runs in the pool, as the user the program will run as, before the service is ready.
 */
#ifndef SERVER_PROGRAM_FILE_H
#define SERVER_PROGRAM_FILE_H

#include "lib/config.h"

#include <limits.h>

struct program_file {
    char path[PATH_MAX]; /* absolute, or relative to where we are where DIRECTORY is "." */
    /* Why the dynamic linker would not load a preload library into it; NULL: it would. A script is
     * what its interpreter is. */
    const char *unpreloadable;
};

/* Find the program as execvp(3) would in DIRECTORY: NAME with a slash is a path, without one it is
 * looked for in SEARCH (PATH). 0, or -1 with ERROR. */
int program_file_find(struct program_file *file, const char *name, const char *directory,
                      const char *search, struct error *error);

/* Why execve(2) of the file failed with errno NUMBER, more helpful than strerror(3) where we know
 * more. Returns TEXT. */
#define PROGRAM_FILE_REASON_MAX 384
char *program_file_reason(const struct program_file *file, int number,
                          char text[static PROGRAM_FILE_REASON_MAX]);

#endif
