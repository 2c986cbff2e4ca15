/* SPDX-License-Identifier: MIT
 *
 * upgrade_adopt - see upgrade_adopt.h; upgrade_save.c is its mirror.
 */
#include "supervisor/upgrade_adopt.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/quantity.h"
#include "lib/signals.h"
#include "supervisor/inherited.h"
#include "supervisor/pool_events.h"
#include "supervisor/service_manager.h"
#include "supervisor/services.h"
#include "supervisor/upgrade_memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "preforkd: " UPGRADE_ADOPT_VARIABLE ": %s\n", why);
    exit(EXIT_CODE_SOFTWARE);
}

/* For this process and no other: what it starts has the variable no more, but who knows. */
static struct upgrade_state *read_state(const char *number)
{
    struct error error;
    int64_t fd;
    if (quantity_parse_count(number, &fd) < 0 || fd > UPGRADE_FD_MAX)
        give_up("not a descriptor");
    struct upgrade_state *state = upgrade_memfd_read((int)fd, &error);
    if (!state)
        give_up(error.text);
    if (state->daemon.pid != getpid())
        give_up("the state is another process's");
    return state;
}

/* Nothing that we start in the meantime is to have them. */
static void keep_only(const struct upgrade_state *state)
{
    size_t count;
    int *fds = upgrade_state_fds(state, &count);
    fds_close_others(fds, count);
    for (size_t i = 0; i < count; i++)
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    free(fds);
}

struct upgrade_state *upgrade_adopt_begin(void)
{
    const char *number = getenv(UPGRADE_ADOPT_VARIABLE);
    if (!number)
        return NULL;
    struct upgrade_state *state = read_state(number);
    unsetenv(UPGRADE_ADOPT_VARIABLE);
    keep_only(state);
    signals_reset(1);
    signals_block_all(); /* as they were: those that came meanwhile are pending */
    /* A program that is executed by descriptor is called by its number. */
    prctl(PR_SET_NAME, program_invocation_short_name);
    if (state->daemon.descriptors >= 0)
        fds_set_original_limit((rlim_t)state->daemon.descriptors);
    for (size_t i = 0; i < state->inherited_count; i++)
        inherited_add(state->inherited[i].name ? state->inherited[i].name : "",
                      state->inherited[i].fd);
    service_manager_restore(state->daemon.manager, state->daemon.watchdog_ms);
    return state;
}

struct config *upgrade_adopt_config(const struct upgrade_state *state, struct buffer *errors)
{
    const struct upgrade_daemon *daemon = &state->daemon;
    return config_load_resolved(daemon->config ? daemon->config : "",
                                daemon->file ? daemon->file : "", errors);
}

static void adopt_pid_file(struct supervisor *s, const struct upgrade_daemon *daemon)
{
    struct error error;
    int fd = daemon->pid_file;
    if (fd < 0 || !s->config->pid_file)
        return;
    if (lockfile_adopt(&s->pid_file, s->config->pid_file, fd, &error) < 0) {
        log_error("pid file: %s", error.text);
        close(fd);
    }
}

static void adopt_listener(struct supervisor *s, const struct upgrade_listener *row)
{
    struct listener saved = {.service = row->service,
                             .fd = row->fd,
                             .type = (int)row->type,
                             .lock.fd = row->lock,
                             .mode = (mode_t)row->mode};
    struct error error = {.text = "its address is unknown"};
    if (row->service && row->address &&
        address_read(row->address, (unsigned)row->scope, &saved.address) == 0 &&
        listener_adopt(&s->listeners, &saved, &error) == 0)
        return;
    log_error("the socket of %s is lost: %s", row->address ? row->address : "?", error.text);
    fds_close(&saved.fd);
    fds_close(&saved.lock.fd);
}

/* Where ours cannot be had a new one is made: commands matter more than who waits on the old one.
 */
static void adopt_control(struct supervisor *s, const struct upgrade_daemon *daemon)
{
    struct error error;
    if (control_adopt(&s->control, s, &s->loop, s->config->control, daemon->control,
                      daemon->control_lock, &error) == 0)
        return;
    log_error("%s", error.text);
    control_release(&s->control);
    if (control_init(&s->control, s, &s->loop, s->config->control, &error) < 0)
        log_error("%s", error.text); /* signals are heard */
}

void upgrade_adopt_sockets(struct supervisor *s, const struct upgrade_state *state)
{
    const struct upgrade_daemon *daemon = &state->daemon;
    struct error error;
    adopt_pid_file(s, daemon);
    for (size_t i = 0; i < state->listener_count; i++)
        adopt_listener(s, &state->listener[i]);
    adopt_control(s, daemon);
    if (listener_open_all(&s->listeners, s->config, &error) < 0)
        log_error("%s", error.text); /* its service tries again */
}

static void adopt_sums(struct scoreboard_totals *sums, const uint64_t saved[UPGRADE_SUMS])
{
    *sums = (struct scoreboard_totals){.connections = saved[0],
                                       .bytes_in = saved[1],
                                       .bytes_out = saved[2],
                                       .refused = saved[3],
                                       .crashes = saved[4],
                                       .restarts = saved[5]};
    memcpy(sums->counters, saved + UPGRADE_SUMS - SCOREBOARD_COUNTERS, sizeof sums->counters);
}

/* What is not in the state begins anew. */
static void adopt_service(struct service *service, const struct upgrade_service *row,
                          struct core_service *core)
{
    service->generation = (unsigned)row->generation;
    service->workers = row->workers;
    service->scaled = row->workers > 0; /* another binary is no other file */
    snprintf(service->trouble, sizeof service->trouble, "%s", row->trouble ? row->trouble : "");
    adopt_sums(&service->sums, row->sums);
    core->retry_ms = row->retry_ms;
    core->fresh_ms = row->fresh_ms;
    core->backoff.failures = (unsigned)row->failures;
    core->rate.spent_us = row->replaced_us;
    core->rate.seen_ms = row->replaced_ms;
    core->restart = row->restart;
    core->stale = row->stale;
}

static void adopt_services(struct supervisor *s, const struct upgrade_state *state)
{
    struct core_row *rows = reload_rows(s, s->config);
    int64_t now = clock_now_ms();
    for (size_t i = 0; i < s->service_count; i++) {
        struct service *service = s->services[i];
        struct core_service core = {.retry_ms = CLOCK_NEVER, .rate.seen_ms = now};
        for (size_t k = 0; k < state->service_count; k++)
            if (state->service[k].name && strcmp(state->service[k].name, service->name) == 0)
                adopt_service(service, &state->service[k], &core);
        core_service_adopt(&s->core, &rows[i], &core, now);
    }
    free(rows);
}

/* Its numbers; what is checked or opened is not among them. */
static struct pool_process *describe(const struct upgrade_pool *row)
{
    struct pool_process *pool = memory_zeroed(1, sizeof *pool);
    pool->name = memory_string(row->name ? row->name : "");
    pool->generation = (unsigned)row->generation;
    pool->child = CHILD_NONE;
    pool->pidfd.fd = -1;
    pool->channel.fd = row->channel;
    pool->board_fd = row->board;
    pool->slots = (uint32_t)row->slots;
    pool->born_ms = row->born_ms;
    pool->ready = row->ready;
    pool->leaving = row->leaving;
    pool->killed = row->killed;
    pool->degraded = row->degraded;
    pool->reopening = row->reopening;
    snprintf(pool->trouble, sizeof pool->trouble, "%s", row->trouble ? row->trouble : "");
    return pool;
}

static unsigned adopt_core_pool(struct supervisor *s, const struct pool_process *pool,
                                const struct upgrade_pool *row)
{
    struct core_pool core = {.service = pool->service ? pool->service->number : 0,
                             .state = (enum core_pool_state)row->state,
                             .deadline_ms = row->deadline_ms,
                             .graceful_ms = row->graceful_ms,
                             .kill_ms = row->kill_ms,
                             .accepts = row->accepts};
    return core_pool_adopt(&s->core, &core, (enum core_place)row->place);
}

static void adopt_pool(struct supervisor *s, const struct upgrade_pool *row)
{
    struct error error;
    struct pool_process *pool = describe(row);
    if (pool_process_adopt(pool, (pid_t)row->pid, &s->loop, &pool_events, s, &error) < 0) {
        log_error("pool %d of %s is lost, it will leave: %s", (int)row->pid, pool->name,
                  error.text);
        pool_process_free(pool);
        return;
    }
    s->pools = memory_resize(s->pools, (s->pool_count + 1) * sizeof(struct pool_process *));
    s->pools[s->pool_count++] = pool;
    pool->service = row->homeless ? NULL : services_find(s, pool->name);
    pool->number = adopt_core_pool(s, pool, row);
}

void upgrade_adopt_pools(struct supervisor *s, const struct upgrade_state *state)
{
    adopt_services(s, state);
    for (size_t i = 0; i < state->pool_count; i++)
        adopt_pool(s, &state->pool[i]);
    for (size_t i = 0; i < s->service_count; i++) {
        struct service *service = s->services[i];
        service->state = service_derive(service, core_service_find(&s->core, service->number),
                                        services_current(s, service), false);
    }
}

void upgrade_adopt_orphans(struct supervisor *s, const struct upgrade_state *state)
{
    struct orphans_sentence next = {state->daemon.orphans_term_ms, state->daemon.orphans_kill_ms};
    struct orphan *list = memory_zeroed(state->orphan_count + 1, sizeof *list);
    for (size_t i = 0; i < state->orphan_count; i++) {
        const struct upgrade_orphan *row = &state->orphan[i];
        list[i] = (struct orphan){.pid = (pid_t)row->pid,
                                  .foreign = row->foreign,
                                  .left = row->left,
                                  .sentence = {row->term_ms, row->kill_ms},
                                  .give_up_ms = row->give_up_ms};
    }
    orphans_restore(&s->orphans, list, state->orphan_count, next, clock_now_ms());
    free(list);
}

void upgrade_adopt_clients(struct supervisor *s, const struct upgrade_state *state)
{
    for (size_t i = 0; i < state->client_count; i++) {
        const struct upgrade_client *row = &state->client[i];
        if (row->fd >= 0)
            control_adopt_client(&s->control, row->fd, row->request, row->answer,
                                 row->wait < CONTROL_WAIT_COUNT ? (enum control_wait)row->wait
                                                                : CONTROL_WAIT_NONE,
                                 row->deadline_ms);
    }
}
