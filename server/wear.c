/* SPDX-License-Identifier: MIT
 *
 * wear - see wear.h.
 */
#include "server/wear.h"

#include "lib/dice.h"
#include "server/slot.h"

#include <unistd.h>

uint64_t wear_draw(uint64_t most, uint32_t dice)
{
    return most - dice % (most / 5 + 1);
}

void wear_init(struct wear *wear, const struct worker_plan *plan, uint32_t slot)
{
    uint64_t most = (uint64_t)plan->service->max_connections_per_worker;
    *wear = (struct wear){.keeper = &plan->scoreboard->slots[slot].keeper,
                          .worker = &plan->scoreboard->slots[slot].worker,
                          .most = most > 1 ? wear_draw(most, dice_roll()) : most,
                          .fd = plan->wear_fd};
    if (wear->fd >= 0)
        wear->request = (struct worker_wear){.slot = slot, .pid = getpid()};
}

/* It says that it leaves, and looks again; the pool takes a permission back, and looks then, in one
 * order for both. So nobody leaves whom the pool takes for one that stays. */
static bool leaves(const struct wear *wear)
{
    if (SCOREBOARD_LOAD(wear->keeper->may_leave) != wear->request.pid)
        return false;
    atomic_store(&wear->worker->phase, SCOREBOARD_LEAVING);
    if (atomic_load(&wear->keeper->may_leave) == wear->request.pid)
        return true;
    slot_set_phase(wear->worker, SCOREBOARD_IDLE);
    return false;
}

bool wear_lasts(const struct wear *wear, uint64_t connections)
{
    if (wear->most == 1)
        return connections < 1;
    if (wear->fd < 0)
        return true;
    bool used_up = wear->most > 0 && connections >= wear->most;
    if (!used_up && SCOREBOARD_LOAD(wear->keeper->worn) != wear->request.pid)
        return true;
    bool lasts = !leaves(wear);
    /* Where the pipe is full, others are before it: it asks again after the next client. One that
     * leaves is looked after from now on. */
    ssize_t ignored = write(wear->fd, &wear->request, sizeof wear->request);
    (void)ignored;
    return lasts;
}
