/* SPDX-License-Identifier: MIT
 *
 * datagram_wait - see datagram_wait.h.
 *
 * Whether it is the same datagram is told by its sender and its bytes. A client that sends the same
 * once more costs itself 10 ms.
 */
#include "server/datagram_wait.h"

#include "lib/address.h"
#include "lib/log.h"
#include "server/accept.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define LOOKED_AT    512 /* bytes of it */
#define WORTH_A_WORD 5   /* in a row */

/* Shared by a pool's workers; there is one at a time. */
static struct memory {
    _Atomic uint64_t mark; /* of the datagram that the last program was started for */
    _Atomic int left;      /* so many have left it unread, in a row */
} * memory;

void datagram_wait_prepare(void)
{
    memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        memory = NULL;
}

/* FNV-1a. */
static uint64_t mix(uint64_t mark, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        mark = (mark ^ at[i]) * 0x100000001B3u;
    return mark;
}

/* 0: nothing is there. */
static uint64_t first_mark(int fd)
{
    char bytes[LOOKED_AT];
    union socket_address peer = {0};
    socklen_t length = sizeof peer;
    ssize_t size =
        recvfrom(fd, bytes, sizeof bytes, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, &peer.any, &length);
    if (size < 0)
        return 0;
    uint64_t mark = mix(0xCBF29CE484222325u, &size, sizeof size);
    mark = mix(mark, bytes, (size_t)size < sizeof bytes ? (size_t)size : sizeof bytes);
    return mix(mark, &peer, length < sizeof peer ? length : sizeof peer) | 1;
}

/* FD is readable. Returns at once where its first datagram is another one than the last time, and
 * else after 10 ms, doubling, 500 ms at most. */
static void hold_off(int fd, const volatile sig_atomic_t *stopping)
{
    uint64_t mark = first_mark(fd);
    if (!memory || mark == 0)
        return;
    int left = atomic_load(&memory->mark) == mark ? atomic_load(&memory->left) + 1 : 0;
    atomic_store(&memory->mark, mark);
    atomic_store(&memory->left, left);
    if (left == WORTH_A_WORD)
        log_warning("the program ends and leaves its datagram unread; it is held off");
    if (left > 0 && !*stopping)
        poll(NULL, 0, accept_delay_ms(left));
}

int datagram_wait_take(int fd, int lowest, const volatile sig_atomic_t *stopping)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!*stopping) {
        if (poll(&p, 1, -1) <= 0)
            continue;
        hold_off(fd, stopping);
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
        if (!*stopping)
            return copy;
    }
    return -1;
}
