/* SPDX-License-Identifier: MIT
 *
 * bulk - see bulk.h.
 */
#include "server/bulk.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* True where FROM was in force and TO is now; the nice value stays. The calls, not the functions:
 * musl's do nothing. */
static bool change_policy(int from, int to)
{
    struct sched_param none = {0};
    return syscall(SYS_sched_getscheduler, 0) == from &&
           syscall(SYS_sched_setscheduler, 0, to, &none) == 0;
}

static void end(struct bulk *bulk)
{
    if (bulk->on)
        change_policy(SCHED_BATCH, SCHED_OTHER);
    bulk->on = false;
    bulk->streak = 0;
}

void bulk_note(struct bulk *bulk, size_t got)
{
    if (got < BULK_READ)
        end(bulk);
    else if (bulk->streak < BULK_STREAK && ++bulk->streak == BULK_STREAK)
        bulk->on = change_policy(SCHED_OTHER, SCHED_BATCH);
}

void bulk_end(struct bulk *bulk)
{
    end(bulk);
}
