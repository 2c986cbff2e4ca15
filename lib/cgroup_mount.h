/* SPDX-License-Identifier: MIT
 *
 * cgroup_mount - where in the file system this process's own control group is, cgroups(7).
 *
 * CONTROLLER is NULL for the tree of version 2, else a controller of version 1, such as "cpu".
 */
#ifndef LIB_CGROUP_MOUNT_H
#define LIB_CGROUP_MOUNT_H

#define CGROUP_MOUNT_PATH_MAX 4096

/* 0, or -1 where there is none that can be seen. */
int cgroup_mount_find(const char *controller, char path[static CGROUP_MOUNT_PATH_MAX]);

/* Pure: a line of /proc/self/cgroup; its path, within LINE, where it is that of CONTROLLER
 * ("0::/a", "4:cpu,cpuacct:/a"). NULL else. */
const char *cgroup_mount_own(const char *line, const char *controller);

/* Pure: a line of /proc/self/mountinfo. Where it mounts a tree of CONTROLLER that has the group OWN
 * in it: PATH is that group, 0. Else -1. */
int cgroup_mount_match(const char *line, const char *controller, const char *own,
                       char path[static CGROUP_MOUNT_PATH_MAX]);

#endif
