/* SPDX-License-Identifier: MIT
 *
 * upgrade_save - see upgrade_save.h; upgrade_adopt.c is its mirror.
 */
#include "supervisor/upgrade_save.h"

#include "include/channel.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "supervisor/inherited.h"
#include "supervisor/service_manager.h"

#include <unistd.h>

static void save_daemon(struct upgrade_daemon *daemon, const struct supervisor *s)
{
    rlim_t limit = fds_original_limit();
    daemon->pid = getpid();
    daemon->started_ms = s->started_ms;
    daemon->generation = s->generation;
    daemon->channel = CHANNEL_MAGIC;
    daemon->board = scoreboard_layout();
    if (limit <= INT64_MAX)
        daemon->descriptors = (int64_t)limit;
    daemon->version = memory_string(PREFORKD_VERSION);
    daemon->program = memory_string(s->upgrade.path);
    daemon->pid_file = s->pid_file.fd;
    daemon->control = s->control.listener.fd;
    daemon->control_lock = s->control.lock.fd;
    daemon->orphans_term_ms = s->orphans.next.term_ms;
    daemon->orphans_kill_ms = s->orphans.next.kill_ms;
    daemon->reload = s->core.reload_pending;
    daemon->began_ms = s->upgrade.began_ms;
    daemon->manager = service_manager_save(&daemon->watchdog_ms);
}

static void save_config(struct upgrade_daemon *daemon, const struct config *config)
{
    struct buffer text = {0};
    config_print_resolved(config, &text);
    daemon->config = memory_string(buffer_text(&text));
    daemon->file = memory_string(config->file);
    buffer_release(&text);
}

static void save_listener(struct upgrade_state *state, const struct listener *listener)
{
    struct upgrade_listener *row = upgrade_state_add(state, UPGRADE_LISTENER);
    char text[ADDRESS_TEXT_MAX];
    row->service = memory_string(listener->service);
    row->address = memory_string(address_write(&listener->address, text));
    row->scope = address_scope(&listener->address);
    row->fd = listener->fd;
    row->type = listener->type;
    row->mode = listener->mode;
    row->lock = listener->lock.fd;
}

static void save_inherited(struct upgrade_state *state, size_t index)
{
    struct upgrade_inherited *row = upgrade_state_add(state, UPGRADE_INHERITED);
    row->name = memory_string(inherited_name(index, &row->fd));
}

static void save_sums(uint64_t saved[UPGRADE_SUMS], const struct scoreboard_totals *sums)
{
    const uint64_t first[] = {sums->connections, sums->bytes_in, sums->bytes_out,
                              sums->refused,     sums->crashes,  sums->restarts};
    _Static_assert(UPGRADE_SUMS == sizeof first / sizeof *first + SCOREBOARD_COUNTERS, "all");
    memcpy(saved, first, sizeof first);
    memcpy(saved + sizeof first / sizeof *first, sums->counters, sizeof sums->counters);
}

static void save_service(struct upgrade_state *state, const struct service *service,
                         const struct core_service *core)
{
    struct upgrade_service *row = upgrade_state_add(state, UPGRADE_SERVICE);
    row->name = memory_string(service->name);
    row->generation = service->generation;
    row->workers = service->workers;
    row->trouble = memory_string(service->trouble);
    save_sums(row->sums, &service->sums);
    row->retry_ms = core->retry_ms;
    row->fresh_ms = core->fresh_ms;
    row->failures = core->backoff.failures;
    row->replaced_us = core->rate.spent_us;
    row->replaced_ms = core->rate.seen_ms;
    row->restart = core->restart;
    row->stale = core->stale;
}

static enum core_place place_of(const struct supervisor *s, const struct core_pool *pool)
{
    const struct core_service *service = core_service_find(&s->core, pool->service);
    if (service && service->current == pool->id)
        return CORE_PLACE_CURRENT;
    return service && service->coming == pool->id ? CORE_PLACE_COMING : CORE_PLACE_NONE;
}

static void save_core_pool(struct upgrade_pool *row, const struct core_pool *core)
{
    row->state = core->state;
    row->deadline_ms = core->deadline_ms;
    row->graceful_ms = core->graceful_ms;
    row->kill_ms = core->kill_ms;
    row->accepts = core->accepts;
}

static void save_pool(struct upgrade_state *state, const struct supervisor *s,
                      const struct pool_process *pool)
{
    const struct core_pool *core = core_pool_find(&s->core, pool->number);
    if (!core)
        return; /* it has ended, and that is just being dealt with */
    struct upgrade_pool *row = upgrade_state_add(state, UPGRADE_POOL);
    save_core_pool(row, core);
    row->name = memory_string(pool->name);
    row->homeless = !pool->service;
    row->place = place_of(s, core);
    row->generation = pool->generation;
    row->pid = pool->child.pid;
    row->channel = pool->channel.fd;
    row->board = pool->board_fd;
    row->slots = pool->slots;
    row->born_ms = pool->born_ms;
    row->ready = pool->ready;
    row->leaving = pool->leaving;
    row->killed = pool->killed;
    row->degraded = pool->degraded;
    row->reopening = pool->reopening;
    row->trouble = memory_string(pool->trouble);
}

static void save_orphan(struct upgrade_state *state, const struct orphan *orphan)
{
    struct upgrade_orphan *row = upgrade_state_add(state, UPGRADE_ORPHAN);
    row->pid = orphan->pid;
    row->foreign = orphan->foreign;
    row->left = orphan->left;
    row->term_ms = orphan->sentence.term_ms;
    row->kill_ms = orphan->sentence.kill_ms;
    row->give_up_ms = orphan->give_up_ms;
}

static void save_client(struct upgrade_state *state, const struct control_client *client)
{
    bool reads = !client->answered && client->wait == CONTROL_WAIT_NONE;
    if (client->source.fd < 0)
        return;
    /* No request has a NUL in it: its client is left out, and so hears of its end. */
    if (reads && memchr(client->request, '\0', client->request_length))
        return;
    struct upgrade_client *row = upgrade_state_add(state, UPGRADE_CLIENT);
    row->fd = client->source.fd;
    row->wait = client->wait;
    row->deadline_ms = client->deadline_ms;
    if (client->answered)
        row->answer = memory_string(buffer_text(&client->answer) + client->sent);
    if (reads)
        row->request = memory_printf("%.*s", (int)client->request_length, client->request);
}

struct upgrade_state *upgrade_save(const struct supervisor *s)
{
    struct upgrade_state *state = upgrade_state_new();
    save_daemon(&state->daemon, s);
    save_config(&state->daemon, s->config);
    for (size_t i = 0; i < s->listeners.count; i++)
        save_listener(state, s->listeners.entries[i]);
    for (size_t i = 0; i < inherited_count(); i++)
        save_inherited(state, i);
    for (size_t i = 0; i < s->service_count; i++)
        save_service(state, s->services[i], core_service_find(&s->core, s->services[i]->number));
    for (size_t i = 0; i < s->pool_count; i++)
        save_pool(state, s, s->pools[i]);
    for (size_t i = 0; i < s->orphans.count; i++)
        save_orphan(state, &s->orphans.list[i]);
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        save_client(state, &s->control.clients[i]);
    return state;
}
