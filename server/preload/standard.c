/* SPDX-License-Identifier: MIT
 *
 * standard - see standard.h. The placeholder is known by its inode.
 */
#include "server/preload/standard.h"

#include "lib/sys.h"

#include <fcntl.h>
#include <sys/stat.h>

#define STANDARD 3 /* descriptors 0 and 1; and 2 with stderr = "socket" */

static struct {
    bool is_socket;
    dev_t device;
    ino_t inode;
} placeholder[STANDARD];

/* The pipe to the log at 2, where that is what the program was given. */
static struct {
    bool is_pipe;
    dev_t device;
    ino_t inode;
} errors;

void standard_remember(void)
{
    struct stat info;
    errors.is_pipe = fstat(STDERR_FILENO, &info) == 0 && S_ISFIFO(info.st_mode);
    if (errors.is_pipe) {
        errors.device = info.st_dev;
        errors.inode = info.st_ino;
    }
    for (int fd = 0; fd < STANDARD; fd++) {
        placeholder[fd].is_socket = fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
        if (placeholder[fd].is_socket) {
            placeholder[fd].device = info.st_dev;
            placeholder[fd].inode = info.st_ino;
        }
    }
}

bool standard_waits_at(int fd)
{
    struct stat info;
    return fd >= 0 && fd < STANDARD && placeholder[fd].is_socket && fstat(fd, &info) == 0 &&
           info.st_dev == placeholder[fd].device && info.st_ino == placeholder[fd].inode;
}

bool standard_has_log(void)
{
    struct stat info;
    return errors.is_pipe && fstat(STDERR_FILENO, &info) == 0 && info.st_dev == errors.device &&
           info.st_ino == errors.inode;
}

bool standard_waits(void)
{
    return standard_waits_at(0) || standard_waits_at(1);
}

/* System calls: the functions are hooked. */
void standard_replace(int client)
{
    for (int fd = 0; fd < STANDARD; fd++) {
        if (!standard_waits_at(fd))
            continue;
        long descriptor = syscall(SYS_fcntl, fd, F_GETFD);
        long status = syscall(SYS_fcntl, fd, F_GETFL);
        if (status >= 0 && (status & O_NONBLOCK))
            syscall(SYS_fcntl, client, F_SETFL, syscall(SYS_fcntl, client, F_GETFL) | O_NONBLOCK);
        syscall(SYS_dup3, client, fd, descriptor > 0 && (descriptor & FD_CLOEXEC) ? O_CLOEXEC : 0);
    }
    syscall(SYS_close, client);
}
