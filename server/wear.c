/* SPDX-License-Identifier: MIT
 *
 * wear - see wear.h.
 */
#include "server/wear.h"

#include "lib/dice.h"

#include <unistd.h>

uint64_t wear_draw(uint64_t most, uint32_t dice)
{
    return most - dice % (most / 5 + 1);
}

void wear_init(struct wear *wear, const struct worker_plan *plan, uint32_t slot)
{
    uint64_t most = (uint64_t)plan->service->max_connections_per_worker;
    *wear = (struct wear){.keeper = &plan->scoreboard->slots[slot].keeper,
                          .most = most > 1 ? wear_draw(most, dice_roll()) : most,
                          .fd = plan->wear_fd};
    if (wear->fd >= 0)
        wear->request = (struct worker_wear){.slot = slot, .pid = getpid()};
}

bool wear_lasts(const struct wear *wear, uint64_t connections)
{
    if (wear->most == 1)
        return connections < 1;
    bool used_up = wear->most > 0 && connections >= wear->most;
    bool told = wear->fd >= 0 && SCOREBOARD_LOAD(wear->keeper->worn) == wear->request.pid;
    if (!used_up && !told)
        return true;
    /* Where the pipe is full, others are before it: it asks again after the next client. */
    ssize_t ignored = write(wear->fd, &wear->request, sizeof wear->request);
    (void)ignored;
    return true;
}
