/* SPDX-License-Identifier: MIT
 *
 * environment - the program's environment, and those it hands to others: lists of "NAME=value".
 *
 * Nothing is allocated with malloc(3), since a hook may run in a signal handler of the program;
 * but where the program has made itself a list of its own, setenv(3) may do so.
 */
#ifndef SERVER_PRELOAD_ENVIRONMENT_H
#define SERVER_PRELOAD_ENVIRONMENT_H

/* Remove the variables of warm.h, and the library with number LIBRARY_FD from LD_PRELOAD, from the
 * program's environment; make room in it, so that environment_add() need not replace the list. */
void environment_clean(int library_fd);

/* Set the COUNT variables TEXTS ("NAME=value", which stay there) in the program's environment, and
 * remove those that NAMES (ends with NULL) has besides. */
void environment_add(char *const *texts, int count, const char *const *names);

/* A copy of LIST with TEXTS in place of what had their names. NULL and errno where there is no
 * memory. Given back with environment_free(). */
char **environment_with(char *const *list, char *const *texts, int count);
void environment_free(char **list);

/* The value of NAME in LIST, NULL where it has none. */
const char *environment_get(char *const *list, const char *name);

#endif
