/* SPDX-License-Identifier: MIT
 *
 * einhorn_socket - see einhorn_socket.h.
 */
#include "supervisor/pool/einhorn_socket.h"

#include "lib/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Bind FD below FOLDER, keep the inode and take the names away. Returns its descriptor, or -1. */
static int bind_below(int fd, const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char own[sizeof address.sun_path - 2];
    int length = snprintf(own, sizeof own, "%s/preforkd-XXXXXX", folder);
    errno = ENAMETOOLONG;
    if (length < 0 || (size_t)length >= sizeof own || !mkdtemp(own))
        return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", own);
    int inode = -1;
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        inode = open(address.sun_path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
        unlink(address.sun_path);
    }
    int saved = errno;
    rmdir(own);
    errno = saved;
    return inode;
}

/* Whatever our umask was: the owner may use folder and socket, nobody else. */
static int bind_somewhere(int fd)
{
    const char *const folders[] = {secure_getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};
    mode_t old = umask(0077);
    int inode = -1;
    for (size_t i = 0; inode < 0 && i < sizeof folders / sizeof *folders; i++)
        if (folders[i] && folders[i][0] == '/')
            inode = bind_below(fd, folders[i]);
    umask(old);
    return inode;
}

/* The way to the inode for others. The kernel closes /proc/PID to its own user where that user may
 * execute but not read the program (0711); nothing in a pool is secret to who can do that. */
static int make_path(int inode, char path[static EINHORN_SOCKET_PATH_MAX])
{
    struct stat about;
    prctl(PR_SET_DUMPABLE, 1);
    snprintf(path, EINHORN_SOCKET_PATH_MAX, "/proc/%d/fd/%d", (int)getpid(), inode);
    if (stat(path, &about) < 0)
        return -1;
    errno = ENOENT;
    return S_ISSOCK(about.st_mode) ? 0 : -1;
}

int einhorn_socket_open(char path[static EINHORN_SOCKET_PATH_MAX], int *inode)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *inode = fd < 0 ? -1 : bind_somewhere(fd);
    if (*inode >= 0 && make_path(*inode, path) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    fds_close(inode);
    fds_close(&fd);
    return -1;
}
