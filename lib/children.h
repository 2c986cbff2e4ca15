/* SPDX-License-Identifier: MIT
 *
 * children - all children of this process, also those that nobody here has forked: what outlives
 * its parent becomes a child of the next subreaper above it (prctl(2), PR_SET_CHILD_SUBREAPER).
 *
 * A child keeps its pid until it is reaped, and nobody reaps it but us. A pid from
 * children_read() is therefore that process and no other until children_reap() has returned true
 * for it, or whoever else holds it (lib/child.h) has reaped it. Nothing here waits, and nothing
 * waits for "any child": that would take an end away from the one who holds that child.
 */
#ifndef LIB_CHILDREN_H
#define LIB_CHILDREN_H

#include "lib/log.h"

#include <sys/types.h>

struct children {
    pid_t *pids; /* sorted */
    size_t count, room;
};

#define CHILDREN_NONE ((struct children){0})

/* Become the parent of what outlives its parent among our descendants. 0, or -1 and errno. */
int children_adopt_orphans(void);

/* All children of this process, ended ones included. 0, or -1 and errno. Costs one read of a small
 * file; on kernels without that file, one of each process of the machine. */
int children_read(struct children *children);
void children_release(struct children *children);

/* For qsort(3) and bsearch(3), by pid: of pids, and of structures that begin with one. */
int children_compare(const void *a, const void *b);

/* True: the child had ended, and was reaped. */
bool children_reap(pid_t pid);

/* Has the child ended? It stays as it is for the one who holds it. */
bool children_has_ended(pid_t pid);

/* Send SIGNAL to the child, and to the whole group where it leads one. 0, or -1 and errno: EPERM,
 * it became another user (set-uid) and takes no signals from us. An ended child is no error. */
int children_signal(pid_t pid, int signal);

/* Those that were sent the same signal, for one log line. */
struct children_tally {
    size_t count, length;
    char pids[160]; /* of the first ones */
};
void children_tally_add(struct children_tally *tally, pid_t pid);
/* Nothing where there were none. */
void children_tally_log(const struct children_tally *tally, enum log_level level,
                        const char *message, int signal);

/* What a line of /proc/PID/stat says. A command's name may hold spaces, newlines and parentheses;
 * 0, or -1 where TEXT is no such line. */
struct children_stat {
    pid_t pid, parent, group, session;
    char state;
};
int children_parse(const char *text, struct children_stat *stat);

#endif
