/* SPDX-License-Identifier: MIT
 *
 * child - a process we started, held by its pidfd.
 *
 * A pid is only printed; signals and waits go through the descriptor, which never names another
 * process, not even after the pid was used again (pidfd_open(2), waitid(2) P_PIDFD).
 */
#ifndef LIB_CHILD_H
#define LIB_CHILD_H

#include "lib/log.h"

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* for people */
    int pidfd; /* readable when the process ended; -1: no process */
};

struct child_end {
    bool signalled;
    int number; /* the signal, or the exit status */
    bool core;
    /* Of it and of the descendants it has waited for, getrusage(2). */
    int64_t user_us, system_us;
    int64_t max_rss_kib;
};

#define CHILD_NONE ((struct child){.pidfd = -1})

/* fork(), and take hold of the child. As fork(); also -1 and errno where it could not be held. */
pid_t child_fork(struct child *child);

/* The same for a child of a parent that has one thread and loads no foreign code: by clone3(2),
 * without what fork() does for others (handlers of pthread_atfork(3), locks of threads).
 *
 * Parent and child have one descriptor table. The child must open, close or move none before it has
 * taken its own copy, by close_range(2) with CLOSE_RANGE_UNSHARE: which copies nothing of what it
 * closes, so that no fork costs more for the descriptors that a parent of 10,000 holds. Where the
 * system has no clone3 it is child_fork(). */
pid_t child_clone(struct child *child);

/* Take hold of the child PID that fork() just returned. -1 and errno where no descriptor could be
 * had: the child was killed and reaped. */
int child_adopt(struct child *child, pid_t pid);

/* Take hold again of PID, a child whose descriptor this process lost by executing another program.
 * -1 and errno where it is no child of ours, or was reaped. */
int child_retake(struct child *child, pid_t pid);

/* Is PID a child of ours that was not reaped? For pids that others tell us. */
bool child_is_ours(pid_t pid);

/* Send SIGNAL; with a value the child finds in si_value (sigqueue(3)). An ended child is no
 * error. */
void child_signal(const struct child *child, int signal);
void child_signal_value(const struct child *child, int signal, int value);

/* SIGKILL to the process group that the child leads. Only for a child that was not reaped: its pid,
 * and with it the group's number, is then nobody else's. */
void child_kill_group(const struct child *child);

/* SIGKILL, and wait for the end. For a child that cannot be watched. */
void child_discard(struct child *child);

/* 1: it ended, END says how, the descriptor is closed. 0: it is still running. */
int child_reap(struct child *child, struct child_end *end);

/* How it ended, as fields of a log line: signal or status, and whether a core was dumped. */
void child_log_end(struct log_line *line, const struct child_end *end);

#endif
