/* SPDX-License-Identifier: MIT
 *
 * files - see files.h.
 */
#include "server/preload/files.h"

#include "server/preload/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 32
#define SEARCHED  1024 /* descriptors; who has more than that is no script */
#define PATH_ROOM 40   /* "/proc/self/fdinfo/" and a number */

enum kind { OTHER, READ_FROM, EPOLL_SET };

static struct {
    enum kind kind;
    int fd, descriptor_flags;
    off_t position;
} files[FILES_MAX];
static int count;

static bool is_read_from(int fd, int flags)
{
    struct stat info;
    return (flags & O_ACCMODE) == O_RDONLY && !(flags & O_PATH) && fstat(fd, &info) == 0 &&
           S_ISREG(info.st_mode);
}

/* The kernel tells one from other descriptors by this name alone. */
static bool is_epoll_set(int fd)
{
    static const char name[] = "anon_inode:[eventpoll]";
    char path[PATH_ROOM], target[sizeof name];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, target, sizeof target) == sizeof name - 1 &&
           memcmp(target, name, sizeof name - 1) == 0;
}

/* There is a line "tfd:" for each member, behind a few others. */
static bool is_empty(int fd)
{
    char path[PATH_ROOM], text[512];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int about = open(path, O_RDONLY | O_CLOEXEC);
    if (about < 0)
        return false;
    ssize_t length = read(about, text, sizeof text - 1);
    close(about);
    text[length > 0 ? length : 0] = '\0';
    return length > 0 && !strstr(text, "\ntfd:");
}

static enum kind kind_of(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || descriptors_include(fd))
        return OTHER;
    if (is_read_from(fd, flags))
        return READ_FROM;
    return is_epoll_set(fd) && is_empty(fd) ? EPOLL_SET : OTHER;
}

/* Descriptors 0 to 2 are the placeholder, and what the program has made of its standard error. */
unsigned files_written(void)
{
    unsigned written = 0;
    struct stat info;
    for (int fd = STDERR_FILENO + 1; fd < SEARCHED; fd++) {
        int flags = fcntl(fd, F_GETFL);
        written += flags >= 0 && !descriptors_include(fd) && (flags & O_ACCMODE) != O_RDONLY &&
                   !(flags & (O_APPEND | O_PATH)) && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    }
    return written;
}

void files_remember(void)
{
    count = 0;
    for (int fd = 0; fd < SEARCHED && count < FILES_MAX; fd++) {
        enum kind kind = kind_of(fd);
        if (kind == OTHER)
            continue;
        files[count].kind = kind;
        files[count].fd = fd;
        files[count].descriptor_flags = fcntl(fd, F_GETFD);
        files[count++].position = lseek(fd, 0, SEEK_CUR);
    }
}

/* Another one like number I, close-on-exec; -1 where it cannot be had. */
static int again(int i)
{
    char path[PATH_ROOM];
    if (files[i].kind == EPOLL_SET)
        return epoll_create1(EPOLL_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", files[i].fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0 && lseek(fd, files[i].position, SEEK_SET) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void files_renew(void)
{
    for (int i = 0; i < count; i++) {
        int fd = again(i);
        if (fd < 0)
            continue;
        dup3(fd, files[i].fd, files[i].descriptor_flags & FD_CLOEXEC ? O_CLOEXEC : 0);
        close(fd);
    }
}
