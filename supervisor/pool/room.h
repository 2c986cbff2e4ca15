/* SPDX-License-Identifier: MIT
 *
 * room - does the system allow as many workers as the configuration does? Said at the start; the
 * pool then serves with as many as there can be.
 */
#ifndef POOL_ROOM_H
#define POOL_ROOM_H

#include "lib/config.h"

/* What the system allows this process; ROOM_ANY: no limit, or none that can be seen. */
#define ROOM_ANY INT64_MAX

struct room {
    int64_t user;    /* processes: RLIMIT_NPROC, which root is exempt from */
    int64_t machine; /* the least of pid_max and threads-max in /proc/sys/kernel, proc(5) */
    int64_t cgroup;  /* pids.max of the control group, or of one above it */
    int64_t files;   /* RLIMIT_NOFILE */
};

void room_look(struct room *room);

/* The least pids.max in the control group whose folder PATH is, and in those above it. */
int64_t room_least_pids(const char *path);

/* Pure: is there less than SERVICE may need? Then TEXT says what is to be changed. */
bool room_is_short(const struct room *room, const struct config_service *service, char *text,
                   size_t size);

#endif
