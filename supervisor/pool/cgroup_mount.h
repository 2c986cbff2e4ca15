/* SPDX-License-Identifier: MIT
 *
 * cgroup_mount - where in the file system this process's own control group is, version 2.
 */
#ifndef POOL_CGROUP_MOUNT_H
#define POOL_CGROUP_MOUNT_H

#define CGROUP_MOUNT_PATH_MAX 4096

/* 0, or -1 where there is none that can be seen. */
int cgroup_mount_find(char path[static CGROUP_MOUNT_PATH_MAX]);

/* Pure: a line of /proc/self/cgroup; its path, within LINE, where it is that of version 2 ("0::").
 * NULL else. */
const char *cgroup_mount_own(const char *line);

/* Pure: a line of /proc/self/mountinfo. Where it mounts a tree of version 2 that has the group OWN
 * in it: PATH is that group, 0. Else -1. */
int cgroup_mount_match(const char *line, const char *own, char path[static CGROUP_MOUNT_PATH_MAX]);

#endif
