/* SPDX-License-Identifier: MIT
 *
 * program_environment - what a program finds in its environment; nothing of ours is handed on.
 *
 *     PATH HOME USER LOGNAME    of the user it runs as
 *     what the configuration adds (and may replace any of these with)
 *     what the worker appends for the one execution: the connection (ucspi.h), sockets, …
 *
 * Made once in the pool; a worker only appends.
 */
#ifndef SERVER_PROGRAM_ENVIRONMENT_H
#define SERVER_PROGRAM_ENVIRONMENT_H

#include "lib/config.h"

/* What a worker may append. */
#define PROGRAM_ENVIRONMENT_ROOM 96

struct program_environment {
    char **variables; /* ends with NULL */
    size_t count;
};

void program_environment_init(struct program_environment *environment,
                              const struct config_list *configured);

/* VARIABLE is "NAME=value"; it must live until the program is executed. One of the same name is
 * replaced: what is true of this connection wins. */
void program_environment_put(struct program_environment *environment, char *variable);

/* The value of NAME, NULL where it has none. */
const char *program_environment_get(const struct program_environment *environment,
                                    const char *name);

#endif
