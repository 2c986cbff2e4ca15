/* SPDX-License-Identifier: MIT
 *
 * status - see status.h.
 */
#include "supervisor/status.h"

#include "lib/clock.h"
#include "supervisor/services.h"

#include <unistd.h>

/* JSON numbers of ours stay within what every reader can hold. */
static json_int_t shown(uint64_t value)
{
    return value > INT64_C(1) << 53 ? (json_int_t)(INT64_C(1) << 53) : (json_int_t)value;
}

/* Sums over every pool of a service that is alive, and those that are gone. */
static void sum_service(const struct supervisor *s, const struct service *service,
                        struct scoreboard_totals *sum)
{
    *sum = service->sums;
    for (size_t i = 0; i < s->pool_count; i++)
        if (s->pools[i]->service == service)
            scoreboard_sum(s->pools[i]->board, s->pools[i]->slots, sum);
}

static json_t *report_workers(const struct scoreboard_totals *sum)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "total",
                     (json_int_t)sum->starting + sum->idle + sum->busy + sum->draining, "starting",
                     (json_int_t)sum->starting, "idle", (json_int_t)sum->idle, "busy",
                     (json_int_t)sum->busy, "draining", (json_int_t)sum->draining);
}

/* Of the pool that serves: what it is about, and may come to. */
static json_t *report_strength(const struct service *service, const struct pool_process *current,
                               const struct scoreboard_totals *sum)
{
    json_t *workers = report_workers(sum);
    uint32_t wanted = current ? SCOREBOARD_LOAD(current->board->header.target) : 0;
    json_object_set_new(workers, "wanted", json_integer((json_int_t)wanted));
    json_object_set_new(workers, "max",
                        json_integer((json_int_t)config_most_workers(service->config)));
    json_object_set_new(workers, "elastic", json_boolean(config_is_elastic(service->config)));
    json_object_set_new(workers, "auto", json_boolean(service->config->workers_reason != NULL));
    return workers;
}

static void report_listeners(const struct supervisor *s, const struct service *service,
                             json_t *listen, json_t *queue)
{
    unsigned total = 0, limit = 0;
    for (size_t i = 0; i < service->config->listen_count; i++)
        for (int k = 0; k < service->config->listens[i].count; k++) {
            char text[ADDRESS_TEXT_MAX];
            unsigned length, most;
            const struct listener *l =
                listener_find(&s->listeners, service->name, &service->config->listens[i].found[k]);
            if (!l)
                continue;
            listener_queue(l, &length, &most);
            total += length;
            /* What datagrams queue is bytes, and whoever made an inherited socket has set its
             * limit. */
            if (most > 0 || (l->type != SOCK_DGRAM && !address_is_inherited(&l->address)))
                limit += most > 0 ? most : (unsigned)service->config->backlog;
            json_array_append_new(listen, json_string(listener_print(l, text)));
        }
    json_object_set_new(queue, "length", json_integer(total));
    json_object_set_new(queue, "limit", json_integer(limit));
}

/* Sums by name; {} where the handler counts nothing. */
static json_t *report_counters(const struct pool_process *pool, const struct scoreboard_totals *sum)
{
    json_t *counters = json_object();
    char name[SCOREBOARD_COUNTER_NAME_MAX];
    for (int i = 0; pool && i < SCOREBOARD_COUNTERS; i++)
        if (scoreboard_counter_name(pool->board, i, name)[0] != '\0')
            json_object_set_new(counters, name, json_integer(shown(sum->counters[i])));
    return counters;
}

static json_t *report_service(const struct supervisor *s, const struct service *service)
{
    struct scoreboard_totals sum;
    const struct pool_process *current = services_current(s, service);
    json_t *listen = json_array(), *queue = json_object();
    sum_service(s, service, &sum);
    report_listeners(s, service, listen, queue);
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:{s:I, s:I, s:I}, s:{s:I, s:I}, "
        "s:I, s:I, s:o, s:o}",
        "name", service->name, "state", service_state_names[service->state], "handler",
        service->config->handler, "reason",
        control_client_text(service->state == SERVICE_DEGRADED ? service->trouble : ""),
        "generation", (json_int_t)service->generation, "pool_pid",
        current ? json_integer(current->child.pid) : json_null(), "listen", listen, "workers",
        report_strength(service, current, &sum), "connections", "accepted", shown(sum.connections),
        "active", (json_int_t)sum.busy, "refused", shown(sum.refused), "bytes", "in",
        shown(sum.bytes_in), "out", shown(sum.bytes_out), "crashes", shown(sum.crashes), "restarts",
        shown(sum.restarts), "queue", queue, "counters", report_counters(current, &sum));
}

/* The pool of a service that is not configured any more. */
static json_t *report_leaving(const struct pool_process *pool)
{
    struct scoreboard_totals sum = {0};
    scoreboard_sum(pool->board, pool->slots, &sum);
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:[], s:o, s:{s:I, s:I, s:I}, s:{s:I, s:I}, s:I, s:I, "
        "s:{s:i, s:i}}",
        "name", pool->name, "state", service_state_names[SERVICE_DRAINING], "generation",
        (json_int_t)pool->generation, "pool_pid", (json_int_t)pool->child.pid, "listen", "workers",
        report_workers(&sum), "connections", "accepted", shown(sum.connections), "active",
        (json_int_t)sum.draining, "refused", shown(sum.refused), "bytes", "in", shown(sum.bytes_in),
        "out", shown(sum.bytes_out), "crashes", shown(sum.crashes), "restarts", shown(sum.restarts),
        "queue", "length", 0, "limit", 0);
}

json_t *status_report(const struct supervisor *s)
{
    json_t *services = json_array();
    for (size_t i = 0; i < s->service_count; i++)
        json_array_append_new(services, report_service(s, s->services[i]));
    for (size_t i = 0; i < s->pool_count; i++)
        if (!s->pools[i]->service)
            json_array_append_new(services, report_leaving(s->pools[i]));
    return json_pack("{s:I, s:s, s:s, s:I, s:f, s:o}", "pid", (json_int_t)getpid(), "version",
                     PREFORKD_VERSION, "state", core_phase_names[s->core.phase], "generation",
                     (json_int_t)s->generation, "uptime_s",
                     (double)(clock_now_ms() - s->started_ms) / 1000.0, "services", services);
}

static const char *worker_state(const struct scoreboard_view *view)
{
    if (view->state != SCOREBOARD_READY)
        return scoreboard_state_names[view->state];
    return scoreboard_is_busy(view->phase) ? "busy" : "idle";
}

static json_t *report_worker(const struct pool_process *pool, uint32_t slot)
{
    struct scoreboard_view view;
    const struct scoreboard_slot *shown_slot = &pool->board->slots[slot];
    char peer[ADDRESS_TEXT_MAX], proxy[ADDRESS_TEXT_MAX], said[SCOREBOARD_SAID_MAX];
    int64_t now = clock_coarse_ms();
    scoreboard_read(shown_slot, &view);
    if (view.state == SCOREBOARD_FREE)
        return NULL;
    bool busy = scoreboard_is_busy(view.phase) && now >= view.started_ms;
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:s}", "service", pool->name,
        "slot", (json_int_t)slot, "pid", (json_int_t)view.pid, "generation",
        (json_int_t)pool->generation, "state", worker_state(&view), "connections",
        shown(view.connections), "peer", scoreboard_peer(shown_slot, peer), "proxy",
        scoreboard_proxy(shown_slot, proxy), "busy_ms",
        (json_int_t)(busy ? now - view.started_ms : 0), "bytes_in", shown(view.bytes_in),
        "bytes_out", shown(view.bytes_out), "status", scoreboard_said(shown_slot, said));
}

void status_workers(const struct supervisor *s, const char *service, struct control_client *client)
{
    control_client_list(client);
    for (size_t i = 0; i < s->pool_count; i++) {
        const struct pool_process *pool = s->pools[i];
        if (service && strcmp(service, pool->name) != 0)
            continue;
        for (uint32_t slot = 0; slot < pool->slots; slot++) {
            json_t *worker = report_worker(pool, slot);
            if (worker)
                control_client_list_item(client, worker);
        }
    }
    control_client_list_end(client);
}
