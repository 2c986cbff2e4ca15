/* SPDX-License-Identifier: MIT
 *
 * bulk - see bulk.h.
 */
#include "server/bulk.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The calls, not the functions: musl's do nothing. */
static int set_policy(int policy)
{
    struct sched_param none = {0};
    return (int)syscall(SYS_sched_setscheduler, 0, policy, &none);
}

static bool begin(void)
{
    return syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER && set_policy(SCHED_BATCH) == 0;
}

static void end(struct bulk *bulk)
{
    if (bulk->on)
        set_policy(SCHED_OTHER);
    bulk->on = false;
    bulk->streak = 0;
}

void bulk_note(struct bulk *bulk, size_t got)
{
    if (got < BULK_READ)
        end(bulk);
    else if (bulk->streak < BULK_STREAK && ++bulk->streak == BULK_STREAK)
        bulk->on = begin();
}

void bulk_end(struct bulk *bulk)
{
    end(bulk);
}
