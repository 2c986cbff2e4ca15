/* SPDX-License-Identifier: MIT
 *
 * log_sink - see log_sink.h.
 */
#include "lib/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static enum { SINK_UNKNOWN, SINK_FILE, SINK_BLOCKING, SINK_SOCKET } sink;
static unsigned long dropped;

void log_sink_adopt(void)
{
    struct stat about;
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    if (fstat(STDERR_FILENO, &about) == 0 && S_ISSOCK(about.st_mode))
        sink = SINK_SOCKET;
    else if (flags >= 0 && !(flags & O_NONBLOCK) && !S_ISREG(about.st_mode))
        sink = SINK_BLOCKING;
    else
        sink = SINK_FILE;
}

void log_sink_open(void)
{
    /* O_NONBLOCK belongs to the open file, which is shared with the shell and whoever else holds
     * it; opening it anew gives one of our own. Fails for sockets, and for the terminal of another
     * user: those are written with MSG_DONTWAIT, and after poll(2). */
    struct stat about;
    bool file = fstat(STDERR_FILENO, &about) == 0 && S_ISREG(about.st_mode);
    /* A file never blocks, and who else writes to it shares its position with us. */
    int fd = file ? -1 : open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        dup3(fd, STDERR_FILENO, 0);
        close(fd);
    }
    log_sink_adopt();
}

int log_sink_open_file(const char *path, struct error *error)
{
    int fd = open(
        path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_CONFIG, "cannot open the log file %s", path);
    return fd;
}

void log_sink_switch(int fd)
{
    dup3(fd, STDERR_FILENO, 0);
    log_sink_adopt();
}

static ssize_t write_now(const char *line, size_t length)
{
    if (sink == SINK_UNKNOWN)
        log_sink_adopt();
    if (sink == SINK_SOCKET)
        return send(STDERR_FILENO, line, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sink == SINK_BLOCKING) {
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&p, 1, 0) != 1) {
            errno = EAGAIN;
            return -1;
        }
    }
    return write(STDERR_FILENO, line, length);
}

int log_sink_write(const char *line, size_t length)
{
    ssize_t written;
    do
        written = write_now(line, length);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)length)
        return 0;
    dropped++;
    return -1;
}

unsigned long log_sink_take_dropped(void)
{
    unsigned long count = dropped;
    dropped = 0;
    return count;
}
