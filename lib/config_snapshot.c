/* SPDX-License-Identifier: MIT
 *
 * config_snapshot - see config_snapshot.h.
 */
#include "lib/config_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file, or a command line, has a few MiB at most; printed, one byte may become four. */
#define SIZE_MAX_BYTES (64 << 20)

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int config_snapshot_open(struct error *error)
{
    int fd = memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd >= 0 ? fd : error_set_errno(error, EXIT_CODE_OS, "memfd_create");
}

int config_snapshot_write(int fd, const struct buffer *text, struct error *error)
{
    ssize_t written = write(fd, text->data, text->length);
    if (written == (ssize_t)text->length && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return 0;
    return error_set_errno(error, EXIT_CODE_OS, "cannot write the configuration snapshot");
}

int config_snapshot_create(const struct config *config, const struct config_service *service,
                           struct error *error)
{
    struct buffer text = {0};
    int fd = config_snapshot_open(error);
    if (fd < 0)
        return -1;
    config_print_snapshot(config, service, &text);
    int status = config_snapshot_write(fd, &text, error);
    buffer_release(&text);
    if (status == 0)
        return fd;
    close(fd);
    return -1;
}

static int read_all(int fd, size_t limit, struct buffer *text)
{
    struct stat about;
    if (fstat(fd, &about) < 0 || (uintmax_t)about.st_size > limit)
        return -1;
    char *room = buffer_reserve(text, (size_t)about.st_size);
    if (pread(fd, room, (size_t)about.st_size, 0) != about.st_size)
        return -1;
    text->length += (size_t)about.st_size;
    text->data[text->length] = '\0';
    return 0;
}

int config_snapshot_take(int fd, size_t limit, struct buffer *text)
{
    return fcntl(fd, F_GET_SEALS) == SEALS ? read_all(fd, limit, text) : -1;
}

struct config *config_snapshot_read(int fd, struct error *error)
{
    struct buffer text = {0}, errors = {0};
    struct config *config = NULL;
    if (read_all(fd, SIZE_MAX_BYTES, &text) < 0)
        error_set(error, EXIT_CODE_SOFTWARE, "cannot read the configuration snapshot");
    else if (!(config = config_load_snapshot(buffer_text(&text), &errors)))
        error_set(error, EXIT_CODE_SOFTWARE, "%s", buffer_text(&errors));
    else if (config->service_count != 1) {
        error_set(error, EXIT_CODE_SOFTWARE, "the snapshot has %zu services",
                  config->service_count);
        config_release(config);
        config = NULL;
    }
    buffer_release(&text);
    buffer_release(&errors);
    return config;
}
