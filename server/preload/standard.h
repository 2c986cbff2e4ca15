/* SPDX-License-Identifier: MIT
 *
 * standard - descriptors 0 and 1: a placeholder until the client is there.
 *
 * The program may have closed one of them, or put something else there, without touching it
 * otherwise. Then that one stays as it is.
 */
#ifndef SERVER_PRELOAD_STANDARD_H
#define SERVER_PRELOAD_STANDARD_H

#include <stdbool.h>

/* What is at 0 and 1 now is the placeholder; 2 is where the configuration wants errors. */
void standard_remember(void);

/* Is 2 still the pipe to the log that the program was given? */
bool standard_has_log(void);

/* Is it still there, at FD or at any of the two? */
bool standard_waits_at(int fd);
bool standard_waits(void);

/* Put CLIENT in its place: close-on-exec and O_NONBLOCK are as the program had set them. */
void standard_replace(int client);

#endif
