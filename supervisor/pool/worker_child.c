/* SPDX-License-Identifier: MIT
 *
 * worker_child - see worker_child.h.
 */
#include "supervisor/pool/worker_child.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "supervisor/pool/stray.h"
#include "supervisor/pool/worker_leave.h"

#include <errno.h>
#include <unistd.h>

static void on_pidfd(struct loop_source *source, uint32_t events)
{
    struct worker_table *table = source->owner;
    struct worker_entry *entry =
        (struct worker_entry *)(void *)((char *)source - offsetof(struct worker_entry, source));
    uint32_t slot = worker_table_slot(table, entry);
    struct child_end end;
    (void)events;
    worker_table_notice(table, slot); /* it may have been READY, and we have not looked yet */
    loop_remove(table->loop, source);
    /* What it has left would accept on; that of other programs has STRAY_SPARE_MS. */
    if (table->plan->service->kind == CONFIG_LISTEN)
        stray_end_group(entry->child.pid, SIGTERM);
    if (child_reap(&entry->child, &end) != 1) {
        loop_add(table->loop, source, EPOLLIN);
        return;
    }
    pid_index_remove(&table->pids, slot); /* it may be somebody else's from now on */
    error_pipe_close(&entry->errors);
    struct worker_entry ended = *entry;
    table->ended(table, slot, &ended, &end);
    cgroup_ended(&table->cgroup, slot,
                 clock_deadline(clock_now_ms(), table->plan->service->kill_timeout));
    worker_table_vacate(table, slot);
}

static int free_slot(const struct worker_table *table, uint32_t *slot)
{
    *slot = slot_set_next(&table->by_state[SCOREBOARD_FREE], 0);
    if (*slot != SLOT_SET_NONE)
        return 0;
    errno = EBUSY;
    return -1;
}

static int watch(struct worker_table *table, struct worker_entry *entry)
{
    entry->source = (struct loop_source){entry->child.pidfd, on_pidfd, table};
    if (loop_add(table->loop, &entry->source, EPOLLIN) == 0) {
        pid_index_add(&table->pids, worker_table_slot(table, entry), entry->child.pid);
        return 0;
    }
    child_discard(&entry->child);
    return -1;
}

/* As fork(); in the parent the entry holds the child. */
static pid_t make_child(struct worker_table *table, struct worker_entry *entry, uint32_t slot)
{
    switch (table->plan->service->kind) {
    case CONFIG_BUILT_IN:
        return child_clone(&entry->child);
    case CONFIG_PLUGIN: /* it may have pthread_atfork() handlers */
        return child_fork(&entry->child);
    default:
        break;
    }
    pid_t pid = cgroup_fork(&table->cgroup, slot);
    return pid > 0 && child_adopt(&entry->child, pid) < 0 ? -1 : pid;
}

static int fork_into(struct worker_table *table, struct worker_entry *entry,
                     struct worker_birth *birth)
{
    if (config_is_program(table->plan->service)) {
        birth->error_fd = error_pipe_open(&entry->errors, table->loop, &table->error_budget,
                                          &table->plan->scoreboard->slots[birth->slot]);
        if (birth->error_fd < 0)
            return -1;
    }
    if (table->order) {
        entry->maker = table->order(table, birth->slot, birth->error_fd);
        fds_close(&birth->error_fd);
        return entry->maker < 0 ? -1 : 0;
    }
    pid_t pid = make_child(table, entry, birth->slot);
    if (pid == 0)
        worker_run(table->plan, birth);
    fds_close(&birth->error_fd);
    error_pipe_start(&entry->errors, pid);
    return pid < 0 ? -1 : watch(table, entry);
}

int worker_child_fork(struct worker_table *table)
{
    struct worker_birth birth = {.error_fd = -1, .control_fd = -1};
    if (free_slot(table, &birth.slot) < 0)
        return -1;
    struct worker_entry *entry = &table->entries[birth.slot];
    if (fork_into(table, entry, &birth) < 0) {
        int saved = errno;
        error_pipe_close(&entry->errors);
        errno = saved;
        return -1;
    }
    worker_table_occupy(table, birth.slot);
    return 0;
}

static void cancel_order(struct worker_table *table, uint32_t slot)
{
    struct worker_entry *entry = &table->entries[slot];
    error_pipe_close(&entry->errors);
    worker_table_vacate(table, slot);
}

/* Takes hold of the copy PID, or says by errno why there is none. */
static int take_copy(struct worker_table *table, struct worker_entry *entry, pid_t pid)
{
    errno = pid < 0 ? -pid : ECHILD;
    bool known = !child_is_ours(pid) || worker_table_find(table, pid);
    return known || child_adopt(&entry->child, pid) < 0 ? -1 : watch(table, entry);
}

int worker_child_copied(struct worker_table *table, int maker, uint32_t slot, pid_t pid)
{
    struct worker_entry *entry = slot < table->slots ? &table->entries[slot] : NULL;
    if (!entry || entry->maker < 0 || entry->maker != maker) {
        log_warning("a template answered an order that was not given");
        return 0;
    }
    entry->maker = -1;
    error_pipe_start(&entry->errors, pid);
    if (take_copy(table, entry, pid) < 0) {
        int saved = errno;
        cancel_order(table, slot);
        errno = saved;
        return -1;
    }
    SCOREBOARD_STORE(table->plan->scoreboard->slots[slot].keeper.pid, pid);
    worker_table_notice(table, slot); /* a cold program is READY from its birth */
    worker_leave_again(table, slot);
    return 0;
}

void worker_child_uncopied(struct worker_table *table, int maker)
{
    for (uint32_t slot = 0; slot < table->slots; slot++)
        if (table->entries[slot].maker == maker)
            cancel_order(table, slot);
}
