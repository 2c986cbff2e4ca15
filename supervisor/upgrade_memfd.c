/* SPDX-License-Identifier: MIT
 *
 * upgrade_memfd - see upgrade_memfd.h.
 */
#include "supervisor/upgrade_memfd.h"

#include "lib/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The configuration has some MiB at most, all else much less. */
#define SIZE_MOST (64 << 20)

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int write_all(int fd, const struct buffer *bytes)
{
    if (bytes->length > SIZE_MOST) {
        errno = EFBIG;
        return -1;
    }
    ssize_t written = write(fd, bytes->data, bytes->length);
    if (written >= 0 && written < (ssize_t)bytes->length)
        errno = ENOSPC;
    return written == (ssize_t)bytes->length ? 0 : -1;
}

int upgrade_memfd_create(const struct upgrade_state *state, struct error *error)
{
    struct buffer bytes = {0};
    int fd = memfd_create("preforkd-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_OS, "memfd_create");
    upgrade_state_write(state, &bytes);
    int status = write_all(fd, &bytes);
    buffer_release(&bytes);
    if (status == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return fd;
    error_set_errno(error, EXIT_CODE_OS, "cannot write the state");
    close(fd);
    return -1;
}

struct upgrade_state *upgrade_memfd_read(int fd, struct error *error)
{
    struct upgrade_state *state = NULL;
    struct stat about;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &about) < 0 ||
        about.st_size > SIZE_MOST) {
        error_set(error, EXIT_CODE_SOFTWARE, "descriptor %d is no sealed state of preforkd", fd);
        return NULL;
    }
    size_t length = (size_t)about.st_size;
    char *bytes = memory_zeroed(length + 1, 1);
    if (pread(fd, bytes, length, 0) == about.st_size)
        state = upgrade_state_read(bytes, length, error);
    else
        error_set_errno(error, EXIT_CODE_OS, "cannot read the state");
    free(bytes);
    return state;
}
