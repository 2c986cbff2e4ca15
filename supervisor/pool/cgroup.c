/* SPDX-License-Identifier: MIT
 *
 * cgroup - see cgroup.h.
 */
#include "supervisor/pool/cgroup.h"

#include "lib/cgroup_mount.h"
#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "lib/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PREFIX   "preforkd-"
#define TRIES    3
#define LEAF_MAX 32
#define AGAIN_MS 100 /* killed ones are looked at again then */

static char *leaf_name(uint32_t slot, uint32_t serial, char name[static LEAF_MAX])
{
    snprintf(name, LEAF_MAX, "%u.%u", slot, serial);
    return name;
}

static int write_file(int folder, const char *leaf, const char *file, const char *text)
{
    char path[LEAF_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", leaf, file);
    int fd = openat(folder, path, O_WRONLY | O_CLOEXEC);
    ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));
    fds_close(&fd);
    return written < 0 ? -1 : 0;
}

/* Not where its pool is alive and holds the lock. Groups with somebody in them stay. */
static void remove_empty(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!folder) {
        fds_close(&fd);
        return;
    }
    while ((entry = readdir(folder)))
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            unlinkat(fd, entry->d_name, AT_REMOVEDIR);
    unlinkat(parent, name, AT_REMOVEDIR);
    closedir(folder);
}

static void sweep(int parent)
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
            remove_empty(parent, entry->d_name);
    if (folder)
        closedir(folder);
}

/* Another pool may sweep it away between its making and its locking. */
static int make_folder(struct cgroup *cgroup)
{
    for (int i = 0; i < TRIES; i++) {
        mkdirat(cgroup->parent, cgroup->name, 0755);
        cgroup->folder = openat(cgroup->parent, cgroup->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (cgroup->folder >= 0 && flock(cgroup->folder, LOCK_EX | LOCK_NB) == 0 &&
            faccessat(cgroup->folder, "cgroup.kill", W_OK, AT_EACCESS) == 0)
            return 0;
        fds_close(&cgroup->folder);
    }
    return -1;
}

void cgroup_init(struct cgroup *cgroup, const char *service, uint32_t slots)
{
    char path[CGROUP_MOUNT_PATH_MAX];
    *cgroup = CGROUP_NONE;
    snprintf(cgroup->name, sizeof cgroup->name, PREFIX "%.64s-%d", service, (int)getpid());
    if (cgroup_mount_find(NULL, path) == 0)
        cgroup->parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A birth into a group below needs the right to move processes in its parent. */
    if (cgroup->parent < 0 || faccessat(cgroup->parent, "cgroup.procs", W_OK, AT_EACCESS) < 0 ||
        faccessat(cgroup->parent, "cgroup.kill", F_OK, AT_EACCESS) < 0 || make_folder(cgroup) < 0) {
        fds_close(&cgroup->parent);
        log_debug("no control group is delegated: programs are ended by their sessions");
        return;
    }
    sweep(cgroup->parent);
    cgroup->slots = slots;
    cgroup->serials = memory_zeroed(slots, sizeof *cgroup->serials);
    log_debug("each worker has a control group below %s/%s", path, cgroup->name);
}

/* The group of SLOT, open; made where it is not there. -1 and errno. */
static int open_leaf(const struct cgroup *cgroup, uint32_t slot)
{
    char name[LEAF_MAX];
    if (cgroup->serials[slot] == 0)
        cgroup->serials[slot] = 1;
    leaf_name(slot, cgroup->serials[slot], name);
    int fd = openat(cgroup->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && mkdirat(cgroup->folder, name, 0755) == 0)
        fd = openat(cgroup->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd;
}

static pid_t fork_into(int leaf)
{
#if defined(__GLIBC__) && defined(CLONE_INTO_CGROUP)
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
    args.cgroup = (unsigned)leaf;
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
#else
    /* musl signals itself by a thread number that only its own fork() sets. */
    (void)leaf;
    errno = ENOSYS;
    return -1;
#endif
}

pid_t cgroup_fork(struct cgroup *cgroup, uint32_t slot)
{
    int leaf = cgroup_active(cgroup) ? open_leaf(cgroup, slot) : -1;
    pid_t pid = leaf < 0 ? -1 : fork_into(leaf);
    if (pid < 0) {
        pid = fork();
        if (pid == 0 && leaf >= 0)
            cgroup_move(cgroup, slot, 0);
    }
    fds_close(&leaf);
    return pid;
}

int cgroup_move(const struct cgroup *cgroup, uint32_t slot, pid_t pid)
{
    char name[LEAF_MAX], number[16];
    if (!cgroup_active(cgroup))
        return 0;
    int leaf = open_leaf(cgroup, slot);
    snprintf(number, sizeof number, "%d", (int)pid);
    fds_close(&leaf);
    return write_file(cgroup->folder, leaf_name(slot, cgroup->serials[slot], name), "cgroup.procs",
                      number);
}

void cgroup_kill(const struct cgroup *cgroup, uint32_t slot)
{
    char name[LEAF_MAX];
    if (cgroup_active(cgroup) && cgroup->serials[slot] != 0)
        write_file(cgroup->folder, leaf_name(slot, cgroup->serials[slot], name), "cgroup.kill",
                   "1");
}

bool cgroup_populated(const struct cgroup *cgroup, uint32_t slot)
{
    char name[LEAF_MAX], path[LEAF_MAX + 32], text[256];
    if (!cgroup_active(cgroup) || cgroup->serials[slot] == 0)
        return false;
    snprintf(path, sizeof path, "%s/cgroup.events", leaf_name(slot, cgroup->serials[slot], name));
    int fd = openat(cgroup->folder, path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    fds_close(&fd);
    text[got < 0 ? 0 : got] = '\0';
    return strstr(text, "populated 1") != NULL;
}

void cgroup_ended(struct cgroup *cgroup, uint32_t slot, int64_t kill_ms)
{
    if (!cgroup_populated(cgroup, slot))
        return;
    if (cgroup->retired_count == cgroup->retired_room) {
        cgroup->retired_room = cgroup->retired_room ? 2 * cgroup->retired_room : 16;
        cgroup->retired =
            memory_resize(cgroup->retired, cgroup->retired_room * sizeof *cgroup->retired);
    }
    cgroup->retired[cgroup->retired_count++] =
        (struct cgroup_retired){slot, cgroup->serials[slot]++, kill_ms};
    cgroup->check_ms = clock_earlier(cgroup->check_ms, kill_ms);
}

int64_t cgroup_check(struct cgroup *cgroup, int64_t now_ms)
{
    char name[LEAF_MAX];
    size_t kept = 0;
    if (now_ms < cgroup->check_ms)
        return cgroup->check_ms;
    cgroup->check_ms = CLOCK_NEVER;
    for (size_t i = 0; i < cgroup->retired_count; i++) {
        struct cgroup_retired retired = cgroup->retired[i];
        leaf_name(retired.slot, retired.serial, name);
        if (unlinkat(cgroup->folder, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
            continue; /* they have gone by themselves */
        if (retired.kill_ms <= now_ms) {
            write_file(cgroup->folder, name, "cgroup.kill", "1");
            retired.kill_ms = now_ms + AGAIN_MS;
        }
        cgroup->check_ms = clock_earlier(cgroup->check_ms, retired.kill_ms);
        cgroup->retired[kept++] = retired;
    }
    cgroup->retired_count = kept;
    return cgroup->check_ms;
}

void cgroup_release(struct cgroup *cgroup)
{
    if (cgroup_active(cgroup)) {
        fds_close(&cgroup->folder); /* and its lock */
        sweep(cgroup->parent);
    }
    fds_close(&cgroup->parent);
    free(cgroup->serials);
    free(cgroup->retired);
    *cgroup = CGROUP_NONE;
}
