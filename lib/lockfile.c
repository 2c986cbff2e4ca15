/* SPDX-License-Identifier: MIT
 *
 * lockfile - see lockfile.h.
 */
#include "lib/lockfile.h"

#include "lib/fds.h"
#include "lib/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int try_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole);
}

/* The previous owner may have removed the name between our open and our lock. */
static int still_at(int fd, const char *path)
{
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && ours.st_ino == named.st_ino &&
           ours.st_dev == named.st_dev;
}

static int open_file(const char *path, mode_t mode, struct error *error)
{
    struct stat about;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot create %s", path);
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_nlink <= 1)
        return fd;
    close(fd);
    return error_set(error, EXIT_CODE_UNAVAILABLE, "%s is not a plain file of its own", path);
}

int lockfile_acquire(struct lockfile *lock, const char *path, mode_t mode, struct error *error)
{
    for (;;) {
        int fd = open_file(path, mode, error);
        if (fd < 0)
            return -1;
        if (try_lock(fd) < 0) {
            int taken = errno == EAGAIN || errno == EACCES;
            close(fd);
            if (!taken)
                return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot lock %s", path);
            error_set(error, EXIT_CODE_UNAVAILABLE,
                      "%s is locked: another preforkd is running with it", path);
            error->in_use = true;
            return -1;
        }
        if (still_at(fd, path)) {
            fchmod(fd, mode); /* left over from a crash, it may have had another one */
            lock->fd = fd;
            lock->path = memory_string(path);
            return 0;
        }
        close(fd);
    }
}

/* A lock belongs to the open file: who holds it gets it once more. */
int lockfile_adopt(struct lockfile *lock, const char *path, int fd, struct error *error)
{
    struct stat about;
    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode) || try_lock(fd) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return error_set(error, EXIT_CODE_SOFTWARE, "descriptor %d is not our lock on %s", fd,
                         path);
    lock->fd = fd;
    lock->path = memory_string(path);
    return 0;
}

int lockfile_write_number(const struct lockfile *lock, long number, struct error *error)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", number);
    if (ftruncate(lock->fd, 0) < 0 || pwrite(lock->fd, text, (size_t)length, 0) != length)
        return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot write %s", lock->path);
    return 0;
}

void lockfile_release(struct lockfile *lock)
{
    if (lock->fd < 0)
        return;
    if (still_at(lock->fd, lock->path))
        unlink(lock->path);
    fds_close(&lock->fd);
    free(lock->path);
    lock->path = NULL;
}
