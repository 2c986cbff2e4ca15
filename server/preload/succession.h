/* SPDX-License-Identifier: MIT
 *
 * succession - what becomes of a client that is due when the program makes another program of
 * itself:
 * `#!/usr/bin/env python3`, nice, sh -c 'exec ...'.
 *
 * Where the other program will load the library it is given the plan, and waits in its turn. Where
 * it cannot (it is static, say, or has rights of its own) the client is taken first, and its
 * variables are put in the environment of the other program.
 */
#ifndef SERVER_PRELOAD_SUCCESSION_H
#define SERVER_PRELOAD_SUCCESSION_H

#include "include/warm.h"

#define SUCCESSION_PRELOAD_MAX 4096

struct succession {
    char **list;  /* ours, NULL: the caller's was good */
    bool is_warm; /* the descriptors have been passed on */
    char plan[sizeof WARM_VARIABLE + WARM_TEXT_MAX];
    char preload[SUCCESSION_PRELOAD_MAX];
};

/* execveat(FOLDER, PATH, ..., ENVIRONMENT, FLAGS) is about to be called. Returns the environment to
 * call it with. */
char *const *succession_begin(struct succession *succession, int folder, const char *path,
                              int flags, char *const *environment);

/* It failed: everything is as before. Keeps errno. */
void succession_undo(struct succession *succession);

#endif
