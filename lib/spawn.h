/* SPDX-License-Identifier: MIT
 *
 * spawn - the birth of an executed child as data: built by the parent, applied after fork.
 *
 * The parent fills a plan and calls spawn_start(). Everything the child will be is in the plan;
 * between fork and exec only spawn.c runs.
 */
#ifndef LIB_SPAWN_H
#define LIB_SPAWN_H

#include "lib/child.h"
#include "lib/credentials.h"
#include "lib/error.h"

#include <stdbool.h>
#include <stddef.h>

struct spawn_plan {
    int program;                    /* O_PATH descriptor of the file to execute, execveat(2) */
    char *const *arguments;         /* argv, ends with NULL */
    char *const *environment;       /* ends with NULL */
    const int *descriptors;         /* descriptors[i] becomes number i in the child */
    size_t descriptor_count;        /* at least 3; nothing else stays open */
    const struct credentials *user; /* NULL: stay who we are */
    int nice;                       /* below 0: needs the privileges we still have */
    bool trusted;                   /* preforkd itself: it keeps what privileges we have */
    bool own_session;               /* out of reach of our controlling terminal */
    int death_signal;               /* sent to the child when its parent is gone; 0: none */
    /* Called in the child where the plan could not be carried out, before it exits with
     * error->code. The child's descriptors may be the parent's or the planned ones. */
    void (*failed)(const struct spawn_plan *plan, const struct error *error);
    int failed_fd; /* for failed() to report through; kept open while the plan is applied */
};

/* Fork, apply PLAN, execute. All signals must be blocked, and are still blocked in the new
 * program, with default dispositions. The child leads a process group of its own and, unless it is
 * trusted, has no capability and can gain no privilege (no_new_privs). Where our session has a
 * controlling terminal, only own_session keeps the child from opening /dev/tty, and from typing
 * into it (ioctl_tty(2), TIOCSTI). 0 with CHILD held, or -1 with ERROR where there is no child. */
int spawn_start(const struct spawn_plan *plan, struct child *child, struct error *error);

#endif
