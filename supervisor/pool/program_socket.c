/* SPDX-License-Identifier: MIT
 *
 * program_socket - see program_socket.h.
 */
#include "supervisor/pool/program_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438 /* Linux 5.6, the same number on every machine */
#endif

static int64_t idle_ms(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return -1;
    return info.tcpi_last_data_recv < info.tcpi_last_data_sent ? info.tcpi_last_data_recv
                                                               : info.tcpi_last_data_sent;
}

int64_t program_socket_idle_ms(const struct child *child)
{
    int64_t idle = -1;
    for (int number = STDIN_FILENO; number <= STDOUT_FILENO && idle < 0; number++) {
        int fd = (int)syscall(SYS_pidfd_getfd, child->pidfd, number, 0);
        if (fd < 0)
            continue;
        idle = idle_ms(fd);
        close(fd);
    }
    return idle;
}
