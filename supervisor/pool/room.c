/* SPDX-License-Identifier: MIT
 *
 * room - see room.h.
 */
#include "supervisor/pool/room.h"

#include "lib/cgroup_mount.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t read_number(const char *path)
{
    char line[32], *end = line;
    FILE *file = fopen(path, "re");
    if (!file)
        return ROOM_ANY;
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    long long number = read ? strtoll(line, &end, 10) : 0;
    return end == line || number < 0 ? ROOM_ANY : number; /* "max" is no number */
}

/* STATUS: of the getrlimit(2) that filled LIMIT. */
static int64_t limit_of(int status, const struct rlimit *limit)
{
    bool none =
        status < 0 || limit->rlim_cur == RLIM_INFINITY || limit->rlim_cur > (rlim_t)INT64_MAX;
    return none ? ROOM_ANY : (int64_t)limit->rlim_cur;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t room_least_pids(const char *path)
{
    char group[CGROUP_MOUNT_PATH_MAX], file[CGROUP_MOUNT_PATH_MAX + sizeof "/pids.max"];
    int64_t least = ROOM_ANY;
    snprintf(group, sizeof group, "%s", path);
    for (char *slash; (slash = strrchr(group, '/')); *slash = '\0') {
        snprintf(file, sizeof file, "%s/pids.max", group);
        least = lesser(least, read_number(file));
    }
    return least;
}

/* Where both versions are mounted, either may have the controller. */
static int64_t read_cgroup(void)
{
    char path[CGROUP_MOUNT_PATH_MAX];
    int64_t unified = cgroup_mount_find(NULL, path) == 0 ? room_least_pids(path) : ROOM_ANY;
    int64_t legacy = cgroup_mount_find("pids", path) == 0 ? room_least_pids(path) : ROOM_ANY;
    return lesser(unified, legacy);
}

void room_look(struct room *room)
{
    struct rlimit user, files;
    int status = getrlimit(RLIMIT_NPROC, &user);
    int64_t pids = read_number("/proc/sys/kernel/pid_max");
    int64_t threads = read_number("/proc/sys/kernel/threads-max");
    *room = (struct room){.user = geteuid() == 0 ? ROOM_ANY : limit_of(status, &user),
                          .machine = lesser(pids, threads),
                          .cgroup = read_cgroup(),
                          .files = limit_of(getrlimit(RLIMIT_NOFILE, &files), &files)};
}

/* Workers for whom there are descriptors. */
static int64_t by_files(const struct room *room, const struct config_service *service)
{
    int64_t own = (int64_t)config_pool_descriptors(service, 0);
    int64_t each = (int64_t)config_pool_descriptors(service, 1) - own;
    if (room->files == ROOM_ANY)
        return ROOM_ANY;
    return room->files > own ? (room->files - own) / each : 0;
}

/* The least of them decides. */
bool room_is_short(const struct room *room, const struct config_service *service, char *text,
                   size_t size)
{
    bool elastic = config_is_elastic(service);
    int64_t most = elastic ? config_most_workers(service) : config_start_workers(service);
    const struct {
        int64_t allowed;
        const char *what;
    } limits[] = {
        {room->user, "processes for this user (ulimit -u, LimitNPROC=)"},
        {room->machine, "processes on this machine (kernel.pid_max, kernel.threads-max)"},
        {room->cgroup, "processes in this control group (pids.max, TasksMax=)"},
        {by_files(room, service),
         "workers with the open files that are allowed (ulimit -n, LimitNOFILE=)"},
    };
    size_t least = 0;
    for (size_t i = 1; i < sizeof limits / sizeof *limits; i++)
        if (limits[i].allowed < limits[least].allowed)
            least = i;
    if (limits[least].allowed >= most)
        return false;
    snprintf(text, size, "%s = %" PRId64 ", but there can only be %" PRId64 " %s",
             elastic ? "max_workers" : "workers", most, limits[least].allowed, limits[least].what);
    return true;
}
