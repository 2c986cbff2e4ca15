/* SPDX-License-Identifier: MIT
 *
 * files - see files.h.
 */
#include "server/preload/files.h"

#include "server/preload/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 32
#define SEARCHED  1024 /* descriptors; who has more than that is no script */

static struct {
    int fd, descriptor_flags;
    off_t position;
} files[FILES_MAX];
static int count;

static bool is_read_from(int fd)
{
    struct stat info;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY && !(flags & O_PATH) &&
           fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

void files_remember(void)
{
    count = 0;
    for (int fd = 0; fd < SEARCHED && count < FILES_MAX; fd++) {
        if (descriptors_include(fd) || !is_read_from(fd))
            continue;
        files[count].fd = fd;
        files[count].descriptor_flags = fcntl(fd, F_GETFD);
        files[count++].position = lseek(fd, 0, SEEK_CUR);
    }
}

void files_reopen(void)
{
    char path[32];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", files[i].fd);
        int again = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (again < 0)
            continue;
        if (lseek(again, files[i].position, SEEK_SET) >= 0)
            dup3(again, files[i].fd, files[i].descriptor_flags & FD_CLOEXEC ? O_CLOEXEC : 0);
        close(again);
    }
}
