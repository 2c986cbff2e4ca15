/* SPDX-License-Identifier: MIT
 *
 * fds - see fds.h.
 */
#include "lib/fds.h"

#include "lib/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

void fds_sanitize(int spared)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    sys_close_range((unsigned)(STDERR_FILENO + 1 + spared), ~0U, 0);
}

static rlim_t original_limit = RLIM_INFINITY; /* soft; RLIM_INFINITY: it was never raised */

int fds_raise_limit(unsigned long needed, struct error *error)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "getrlimit");
    if (original_limit == RLIM_INFINITY)
        original_limit = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < needed)
        return error_set(error, EXIT_CODE_OS,
                         "%lu open files are needed and the limit is %lu; raise it with "
                         "`ulimit -n %lu` or LimitNOFILE=%lu",
                         needed, (unsigned long)limit.rlim_cur, needed, needed);
    return 0;
}

void fds_restore_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && original_limit < limit.rlim_cur) {
        limit.rlim_cur = original_limit;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

rlim_t fds_original_limit(void)
{
    return original_limit;
}

void fds_set_original_limit(rlim_t limit)
{
    original_limit = limit;
}

void fds_close_others(const int *kept, size_t count)
{
    unsigned next = STDERR_FILENO + 1;
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)kept[i] > next)
            sys_close_range(next, (unsigned)kept[i] - 1, 0);
        next = (unsigned)kept[i] + 1;
    }
    sys_close_range(next, ~0U, 0);
}

void fds_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    if (errno != saved) /* the page it is in may be shared with children */
        errno = saved;
}

union control {
    struct cmsghdr header; /* for its alignment */
    char room[CMSG_SPACE(sizeof(int))];
};

int fds_send(int socket, const void *packet, size_t length, int pass)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = length};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (pass >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof pass);
        memcpy(CMSG_DATA(header), &pass, sizeof pass);
    }
    ssize_t sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent == (ssize_t)length ? 0 : -1;
}

/* The first descriptor that came with MESSAGE; the others are closed (alignment leaves room for a
 * second one, and who sends it may mean harm). True where there were others. */
static bool take_descriptors(struct msghdr *message, int *passed)
{
    bool more = false;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (*passed < 0) {
                *passed = fd;
                continue;
            }
            close(fd);
            more = true;
        }
    }
    return more;
}

/* recvmsg() without waiting; *PASSED is the descriptor that came along, or -1, *CUT is set where
 * more came than there was room for. */
static ssize_t receive(int socket, void *packet, size_t length, int flags, int *passed, bool *cut)
{
    struct iovec part = {.iov_base = packet, .iov_len = length};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    *passed = -1;
    ssize_t got = recvmsg(socket, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return got;
    bool more = take_descriptors(&message, passed);
    if (got == 0)
        fds_close(passed);
    *cut = more || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    return got;
}

int fds_peek(int socket)
{
    char ignored;
    int passed;
    bool cut;
    receive(socket, &ignored, sizeof ignored, MSG_PEEK, &passed, &cut);
    return passed;
}

void fds_discard(int socket)
{
    char ignored;
    while (recv(socket, &ignored, sizeof ignored, MSG_DONTWAIT) > 0)
        ;
}

int fds_receive(int socket, void *packet, size_t length, int *passed)
{
    bool cut = false;
    ssize_t got = receive(socket, packet, length, 0, passed, &cut);
    if (got <= 0)
        return (int)got;
    if (got == (ssize_t)length && !cut)
        return 1;
    fds_close(passed);
    errno = EBADMSG;
    return -1;
}
