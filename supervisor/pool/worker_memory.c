/* SPDX-License-Identifier: MIT
 *
 * worker_memory - see worker_memory.h.
 */
#include "supervisor/pool/worker_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int64_t worker_memory_parse(const char *text)
{
    const char *line = strstr(text, "\nPss:");
    long long kib = line ? strtoll(line + 5, NULL, 10) : 0;
    return kib > 0 && kib < INT64_MAX >> 10 ? kib << 10 : 0;
}

int64_t worker_memory_measure(pid_t pid)
{
    char path[48], text[1024];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ESRCH ? 0 : -1;
    ssize_t length = read(fd, text, sizeof text - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    if (length < 0)
        return errno == ESRCH ? 0 : -1;
    text[length] = '\0';
    return worker_memory_parse(text);
}
