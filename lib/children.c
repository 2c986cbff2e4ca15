/* SPDX-License-Identifier: MIT
 *
 * children - see children.h.
 */
#include "lib/children.h"

#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/signals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int children_adopt_orphans(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static void add(struct children *children, pid_t pid)
{
    if (children->count == children->room) {
        children->room = children->room ? 2 * children->room : 64;
        children->pids = memory_resize(children->pids, children->room * sizeof *children->pids);
    }
    children->pids[children->count++] = pid;
}

/* "12 345 6 ", in pieces that may end within a number. The kernel may leave children out where
 * others are reaped meanwhile (proc_pid_children(5)); only we could do that. */
static int read_list(struct children *children, int fd)
{
    char piece[4096];
    pid_t pid = 0;
    ssize_t got;
    while ((got = read(fd, piece, sizeof piece)) > 0)
        for (ssize_t i = 0; i < got; i++) {
            if (piece[i] >= '0' && piece[i] <= '9') {
                pid = pid * 10 + (piece[i] - '0');
            } else if (pid > 0) {
                add(children, pid);
                pid = 0;
            }
        }
    if (pid > 0)
        add(children, pid);
    return got < 0 ? -1 : 0;
}

static int read_stat(const char *pid, struct children_stat *stat)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    fds_close(&fd);
    if (got < 0)
        return -1; /* it is gone, or hidden from us (hidepid) */
    text[got] = '\0';
    return children_parse(text, stat);
}

/* For kernels without CONFIG_PROC_CHILDREN. */
static int scan(struct children *children)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    struct children_stat stat;
    pid_t self = getpid();
    if (!proc)
        return -1;
    while ((entry = readdir(proc)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            read_stat(entry->d_name, &stat) == 0 && stat.parent == self)
            add(children, stat.pid);
    closedir(proc);
    return 0;
}

int children_compare(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

int children_read(struct children *children)
{
    children->count = 0;
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return -1;
    int status = fd >= 0 ? read_list(children, fd) : scan(children);
    fds_close(&fd);
    if (children->count > 1)
        qsort(children->pids, children->count, sizeof *children->pids, children_compare);
    return status;
}

void children_release(struct children *children)
{
    free(children->pids);
    *children = CHILDREN_NONE;
}

static bool ended(pid_t pid, int options)
{
    siginfo_t info = {0};
    int status;
    do
        status = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | options);
    while (status < 0 && errno == EINTR);
    return status == 0 && info.si_pid == pid;
}

bool children_reap(pid_t pid)
{
    return ended(pid, 0);
}

bool children_has_ended(pid_t pid)
{
    return ended(pid, WNOWAIT);
}

int children_signal(pid_t pid, int signal)
{
    if (getpgid(pid) == pid)
        return kill(-pid, signal);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    /* No descriptor to be had: the pid is still the child's. */
    int status =
        fd < 0 ? kill(pid, signal) : (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
    fds_close(&fd);
    return status;
}

void children_tally_add(struct children_tally *tally, pid_t pid)
{
    size_t room = sizeof tally->pids - tally->length;
    tally->count++;
    if (room > 16)
        tally->length += (size_t)snprintf(tally->pids + tally->length, room, "%s%d",
                                          tally->length > 0 ? " " : "", (int)pid);
}

void children_tally_log(const struct children_tally *tally, enum log_level level,
                        const char *message, int signal)
{
    struct log_line line;
    char name[SIGNALS_NAME_MAX];
    if (tally->count == 0)
        return;
    log_begin(&line, level, message);
    log_int(&line, "count", (int64_t)tally->count);
    log_text(&line, "pids", tally->pids);
    log_text(&line, "signal", signals_name(signal, name));
    log_end(&line);
}

int children_parse(const char *text, struct children_stat *stat)
{
    int pid, parent, group, session;
    char state;
    const char *end = strrchr(text, ')'); /* nothing behind the name has one */
    if (!end || sscanf(text, "%d (", &pid) != 1 ||
        sscanf(end, ") %c %d %d %d", &state, &parent, &group, &session) != 4)
        return -1;
    *stat = (struct children_stat){pid, parent, group, session, state};
    return 0;
}
