/* SPDX-License-Identifier: MIT
 *
 * gate - see gate.h.
 */
#include "server/gate.h"

#include "server/slot.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

void gate_say_ready(struct scoreboard_worker *slot, int notify_fd)
{
    uint64_t one = 1;
    slot_set_phase(slot, SCOREBOARD_IDLE);
    ssize_t ignored = write(notify_fd, &one, sizeof one);
    (void)ignored; /* the counter cannot overflow, and the pool looks at the slot anyway */
}

void gate_wait(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
}
