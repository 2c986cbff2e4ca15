/* SPDX-License-Identifier: MIT
 *
 * cgroup - a control group for each worker, where the system has delegated one to the pool's user
 * (systemd: Delegate=yes with User=). Killing it ends whatever a program has started, whatever that
 * did to leave its session. cgroups(7), version 2, "cgroup.kill" (Linux 5.14).
 *
 * Optional: where nothing is delegated, every call does nothing and cgroup_fork() is fork().
 *
 * A worker is born into its group (clone3(2), CLONE_INTO_CGROUP): there is no moment at which it
 * could be missed, and the kernel kills what is being forked in a group that is being killed. To
 * move it in afterwards would stop every fork of the machine for some milliseconds each time.
 * Such a birth runs no pthread_atfork() handlers: it is for workers that will be programs.
 *
 * The groups are "preforkd-SERVICE-PID/SLOT.SERIAL" below the pool's own. SERIAL goes up when a
 * worker leaves something behind, so that the next one in the slot is not killed along with it.
 * The directory is locked (flock(2)) as long as the pool lives; unlocked ones are of pools that
 * were killed, and pools remove what is empty of them when they start and when they end.
 */
#ifndef POOL_CGROUP_H
#define POOL_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A group whose worker has ended and that was not empty. */
struct cgroup_retired {
    uint32_t slot, serial;
    int64_t kill_ms;
};

struct cgroup {
    int parent;     /* the pool's own group; -1: not active */
    int folder;     /* ours in it, locked */
    char name[128]; /* of that */
    uint32_t slots;
    uint32_t *serials; /* of the group that each slot has; 0: none was made yet */
    struct cgroup_retired *retired;
    size_t retired_count, retired_room;
    int64_t check_ms; /* nothing is due before */
};

#define CGROUP_NONE ((struct cgroup){.parent = -1, .folder = -1, .check_ms = INT64_MAX})

/* Find out whether there is a delegated group, and say so in a debug line. */
void cgroup_init(struct cgroup *cgroup, const char *service, uint32_t slots);
/* Remove what is empty, also of pools that were killed. */
void cgroup_release(struct cgroup *cgroup);

static inline bool cgroup_active(const struct cgroup *cgroup)
{
    return cgroup->folder >= 0;
}

/* fork(), into the group of SLOT. */
pid_t cgroup_fork(struct cgroup *cgroup, uint32_t slot);

/* Move PID, an unreaped child, into the group of SLOT. 0, or -1 and errno. The caller is kept for
 * some milliseconds where no other process was moved just before: not for a parent. */
int cgroup_move(const struct cgroup *cgroup, uint32_t slot, pid_t pid);

/* SIGKILL to everybody in the group of SLOT, its worker included. */
void cgroup_kill(const struct cgroup *cgroup, uint32_t slot);

/* Is anybody alive in it? */
bool cgroup_populated(const struct cgroup *cgroup, uint32_t slot);

/* The worker of SLOT was reaped; whatever is left in its group is killed at KILL_MS. */
void cgroup_ended(struct cgroup *cgroup, uint32_t slot, int64_t kill_ms);

/* Kill what is due. Returns when to call again, CLOCK_NEVER: after cgroup_ended(). */
int64_t cgroup_check(struct cgroup *cgroup, int64_t now_ms);

#endif
