/* SPDX-License-Identifier: MIT
 *
 * descriptors - see descriptors.h.
 */
#include "server/preload/descriptors.h"

#include "lib/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#define SINGLE 5 /* descriptors that are there once; the listeners follow them */

static struct warm_plan *plan;

/* The number that is kept for descriptor INDEX, 0 to count() - 1; listeners are consecutive, so
 * theirs cannot be changed. */
static int *single(int index)
{
    int *const all[SINGLE] = {&plan->scoreboard_fd, &plan->notify_fd, &plan->gate_fd,
                              &plan->library_fd, &plan->control_fd};
    return all[index];
}

static int count(void)
{
    return SINGLE + plan->listener_count;
}

static int number(int index)
{
    return index < SINGLE ? *single(index) : plan->listener_first + index - SINGLE;
}

static void close_number(int fd)
{
    syscall(SYS_close, fd);
}

int descriptors_adopt(struct warm_plan *adopted)
{
    plan = adopted;
    for (int i = 0; i < count(); i++)
        if (number(i) >= 0 && syscall(SYS_fcntl, number(i), F_SETFD, FD_CLOEXEC) < 0)
            return -1;
    return 0;
}

bool descriptors_include(int fd)
{
    if (fd < 0)
        return false;
    if (fd >= plan->listener_first && fd < plan->listener_first + plan->listener_count)
        return true;
    for (int i = 0; i < SINGLE; i++)
        if (*single(i) == fd)
            return true;
    return false;
}

/* A free number for a copy of FD: as high as ours are, where nobody looks. */
static int copy_above(int fd, int least)
{
    int copy = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, least);
    return copy >= 0 ? copy : (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* Copies of all listeners at consecutive free numbers from LEAST on. The first, or -1. */
static int copy_listeners(int least)
{
    int first = least;
    for (int copied = 0; copied < plan->listener_count;) {
        int wanted = first + copied;
        int at = (int)syscall(SYS_fcntl, plan->listener_first + copied, F_DUPFD_CLOEXEC, wanted);
        if (at == wanted) {
            copied++;
            continue;
        }
        for (; copied > 0; copied--) /* something is in the way: begin again behind it */
            close_number(first + copied - 1);
        if (at < 0)
            return -1;
        close_number(at);
        first = at + 1;
    }
    return first;
}

static void move_listeners(void)
{
    int first = copy_listeners(plan->listener_first + plan->listener_count);
    if (first < 0)
        first = copy_listeners(STDERR_FILENO + 1);
    if (first < 0)
        return; /* no room: this one of ours is lost, which ends the worker when it accepts */
    for (int i = 0; i < plan->listener_count; i++)
        close_number(plan->listener_first + i);
    plan->listener_first = first;
}

void descriptors_make_way(int fd)
{
    int saved = errno;
    if (fd >= plan->listener_first && fd < plan->listener_first + plan->listener_count)
        move_listeners();
    for (int i = 0; i < SINGLE; i++)
        if (*single(i) == fd && fd >= 0) {
            int copy = copy_above(fd, fd + 1);
            if (copy >= 0) {
                *single(i) = copy;
                close_number(fd);
            }
        }
    errno = saved;
}

/* The lowest of ours from FIRST on, INT_MAX where there is none. */
static unsigned lowest_from(unsigned first)
{
    unsigned lowest = INT_MAX;
    for (int i = 0; i < count(); i++)
        if (number(i) >= 0 && (unsigned)number(i) >= first && (unsigned)number(i) < lowest)
            lowest = (unsigned)number(i);
    return lowest;
}

int descriptors_close_others(unsigned first, unsigned last, unsigned flags)
{
    for (;;) {
        unsigned ours = lowest_from(first);
        if (ours > last || ours == INT_MAX)
            return first > last ? 0 : sys_close_range(first, last, flags);
        if (ours > first && sys_close_range(first, ours - 1, flags) < 0)
            return -1;
        first = ours + 1;
    }
}

void descriptors_pass_on(bool pass_on)
{
    int saved = errno;
    for (int i = 0; i < count(); i++)
        if (number(i) >= 0)
            syscall(SYS_fcntl, number(i), F_SETFD, pass_on ? 0 : FD_CLOEXEC);
    errno = saved;
}

/* The scoreboard's descriptor is at hand, needs no file system, cannot accept, and reading it never
 * blocks. */
void descriptors_deaden(void)
{
    for (int i = 0; i < plan->listener_count; i++)
        syscall(SYS_dup3, plan->scoreboard_fd, plan->listener_first + i, O_CLOEXEC);
    syscall(SYS_dup3, plan->scoreboard_fd, plan->gate_fd, O_CLOEXEC);
}

void descriptors_close_control(void)
{
    close_number(plan->control_fd);
    plan->control_fd = -1;
}

void descriptors_close(void)
{
    for (int i = 0; i < count(); i++)
        if (number(i) >= 0)
            close_number(number(i));
}
