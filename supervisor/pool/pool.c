/* SPDX-License-Identifier: MIT
 *
 * pool - see pool.h.
 *
 * The law of this process: it runs without privileges, it never blocks and never sleeps, it reads
 * no client's byte itself. What it shares with its workers (scoreboard, notify) may hold anything
 * if a worker went mad, and is therefore only ever used to count, to show and to end connections.
 *
 * One turn of pool_run(): let the policy say what is missing, do it, tell the supervisor what
 * changed, wait for the next event or deadline.
 */
#include "supervisor/pool/pool.h"

#include "include/channel.h"
#include "lib/clock.h"
#include "lib/config_snapshot.h"
#include "lib/dice.h"
#include "lib/fds.h"
#include "lib/signals.h"
#include "supervisor/pool/orders.h"
#include "supervisor/pool/pool_acceptors.h"
#include "supervisor/pool/pool_descriptors.h"
#include "supervisor/pool/pool_elastic.h"
#include "supervisor/pool/pool_listen.h"
#include "supervisor/pool/pool_report.h"
#include "supervisor/pool/pool_strays.h"
#include "supervisor/pool/pool_template.h"
#include "supervisor/pool/room.h"
#include "supervisor/pool/worker_child.h"
#include "supervisor/pool/worker_deadlines.h"
#include "supervisor/pool/worker_end.h"
#include "supervisor/pool/worker_leave.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* Workers. */

static void fork_refused(struct pool *pool)
{
    int64_t delay = pool_policy_failed(&pool->policy, true, clock_now_ms(), dice_roll());
    snprintf(pool->trouble, sizeof pool->trouble, "cannot start a worker: %s", strerror(errno));
    log_warning("%s; next try in %lld ms", pool->trouble, (long long)delay);
}

static void fork_workers(struct pool *pool, int64_t count, bool restart)
{
    for (; count > 0; count--) {
        if (worker_child_fork(&pool->table) < 0) {
            if (!pool_template_is_deaf(pool, errno))
                fork_refused(pool);
            return;
        }
        if (!pool->table.order) /* else a copy is one when it is there */
            pool_policy_forked(&pool->policy);
        if (restart)
            SCOREBOARD_ADD(pool->plan.scoreboard->header.restarts, 1);
    }
}

void pool_drain_workers(struct pool *pool, int64_t count, int64_t ms)
{
    int64_t now = clock_now_ms();
    worker_leave_drain(&pool->table, count, now, now + ms);
    pool->check_at_ms = now; /* they are judged by other limits now */
}

/* A worker of an elastic pool leaves because nobody needs it: not one that has a client. */
static void send_away(struct pool *pool, int64_t count)
{
    int64_t now = clock_now_ms();
    if (!config_is_elastic(pool->service)) {
        pool_drain_workers(pool, count, pool->service->graceful_timeout);
        return;
    }
    worker_leave_release(&pool->table, count, now);
    pool->check_at_ms = now; /* as there */
}

static void follow_policy(struct pool *pool, int64_t *wake_ms)
{
    int64_t now = clock_now_ms();
    int64_t look_ms = pool_elastic_follow(pool, now);
    bool restart = pool->policy.crashed > 0 || pool_policy_is_troubled(&pool->policy);
    int64_t unproved = pool_listen_unproved(pool);
    int64_t leaving = pool_retirement_leaving(pool);
    int64_t staying = pool->table.ready - unproved - leaving;
    struct pool_decision decision =
        pool_policy_decide(&pool->policy, pool->table.starting + unproved, staying, now);
    if (decision.drain > 0)
        send_away(pool, decision.drain);
    if (decision.fork > 0 && pool_template_ready(pool)) {
        fork_workers(pool, pool_template_most(pool, decision.fork), restart);
        pool->check_at_ms = clock_earlier(pool->check_at_ms, now + pool->limits.start_ms);
        pool_listen_expect(pool, clock_now_ms());
    }
    pool_retirement_release(pool, retirement_release(pool->policy.target, staying, leaving), now);
    *wake_ms = clock_earlier(decision.wake_ms, look_ms);
    /* A refused fork has set a hold-off that the decision could not know of. */
    if (!pool->policy.stopping)
        *wake_ms = clock_earlier(*wake_ms, pool_policy_held_until(&pool->policy, now));
    /* A template answers each order, which is an event. */
    bool again = decision.more && !pool->table.order;
    if (!pool_elastic_listen(pool, now) || again)
        *wake_ms = now;
}

/* Where workers come and go with every connection the pool is not woken for each that is READY: it
 * hears the first at once, and the others together. */
#define NOTIFY_PAUSE_MS 10

/* Of an elastic pool, which is also told there that too few are idle. */
#define NOTIFY_PAUSE_ELASTIC_MS 1

static void on_notify(struct loop_source *source, uint32_t events)
{
    struct pool *pool = source->owner;
    uint64_t count;
    (void)events;
    if (read(source->fd, &count, sizeof count) > 0)
        worker_table_notice_ready(&pool->table);
    if (!pool->ready_said || pool_policy_is_troubled(&pool->policy) ||
        pool->retirement.worn_count > 0)
        return; /* somebody waits for them */
    loop_change(&pool->loop, source, 0);
    pool->notify_ms = clock_now_ms() + (config_is_elastic(pool->service) ? NOTIFY_PAUSE_ELASTIC_MS
                                                                         : NOTIFY_PAUSE_MS);
}

/* Returns when to call again. */
static int64_t check_notify(struct pool *pool, int64_t now_ms)
{
    if (now_ms < pool->notify_ms)
        return pool->notify_ms;
    pool->notify_ms = CLOCK_NEVER;
    loop_change(&pool->loop, &pool->notify, EPOLLIN);
    return CLOCK_NEVER;
}

static void on_workers_ready(struct worker_table *table)
{
    struct pool *pool = table->owner;
    pool->policy.proved = true;
    pool_listen_expect(pool, clock_now_ms());
    if (!pool->programs_say) /* else it has to last, pool_listen_check() */
        pool_policy_ready(&pool->policy);
}

/* Events. */

/* To look for stopped workers costs as much as there are workers. */
#define STOPS_PAUSE_MS 100

static void pass_places_on(struct pool *pool)
{
    siginfo_t about = {0};
    pool->stops_ms = CLOCK_NEVER;
    while (waitid(P_ALL, 0, &about, WSTOPPED | WNOHANG) == 0 && about.si_pid != 0) {
        const struct worker_entry *entry = worker_table_find(&pool->table, about.si_pid);
        if (entry)
            pool_acceptors_pass(&pool->plan.acceptors, worker_table_slot(&pool->table, entry));
        about.si_pid = 0;
    }
}

/* Those that end or are stopped at one time are one signal, which tells of the first: one that was
 * stopped may be behind one that has ended, and the other way round. */
static void on_child_signal(struct pool *pool, int code)
{
    pool_strays_due(pool);
    if (!pool->plan.acceptors.shared)
        return;
    if (code == CLD_STOPPED)
        pass_places_on(pool);
    else if (pool->stops_ms == CLOCK_NEVER)
        pool->stops_ms = clock_now_ms() + STOPS_PAUSE_MS;
}

/* Returns when to call again. */
static int64_t check_stops(struct pool *pool, int64_t now_ms)
{
    if (now_ms >= pool->stops_ms)
        pass_places_on(pool);
    return pool->stops_ms;
}

static void on_signal(struct loop_source *source, uint32_t events)
{
    struct pool *pool = source->owner;
    struct signalfd_siginfo info;
    int number;
    (void)events;
    while ((number = signals_next_info(source->fd, &info)) != 0)
        if (number == SIGTERM || number == SIGINT || number == SIGQUIT) {
            orders_report(pool, CHANNEL_LEAVING, NULL);
            orders_drain(pool, pool->service->graceful_timeout);
        } else if (number == SIGCHLD)
            on_child_signal(pool, info.ssi_code);
}

static int watch(struct pool *pool, struct loop_source *source, int fd,
                 void (*ready)(struct loop_source *, uint32_t))
{
    *source = (struct loop_source){fd, ready, pool};
    return fd < 0 ? -1 : loop_add(&pool->loop, source, EPOLLIN);
}

static int init_scoreboard(struct pool *pool, struct error *error)
{
    uint32_t slots = config_scoreboard_slots(pool->service);
    pool->plan.scoreboard = scoreboard_map(CHANNEL_FD_SCOREBOARD, slots, true);
    if (!pool->plan.scoreboard)
        return error_set_errno(error, EXIT_CODE_OS, "cannot map the scoreboard");
    pool->plan.scoreboard->header.magic = SCOREBOARD_MAGIC;
    pool->plan.scoreboard->header.slot_count = slots;
    pool->plan.scoreboard->header.elastic = config_is_elastic(pool->service);
    return fds_raise_limit(
        config_pool_descriptors(pool->service, config_start_workers(pool->service)), error);
}

static int init_loop(struct pool *pool, struct error *error)
{
    if (loop_init(&pool->loop) < 0 ||
        watch(pool, &pool->channel, pool->channel.fd, orders_receive) < 0 ||
        watch(pool, &pool->signals, signals_open(config_is_program(pool->service)), on_signal) <
            0 ||
        watch(pool, &pool->notify, pool->plan.notify_fd, on_notify) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot make the event loop");
    return 0;
}

/* Times in the scoreboard are from the coarse clock: nobody is to be ended early for that. */
static int64_t with_clock_error(int64_t limit_ms)
{
    return limit_ms > 0 ? limit_ms + CLOCK_COARSE_ERROR_MS : 0;
}

static int drain_signal(const struct config_service *service)
{
    return service->kind == CONFIG_LISTEN ? config_stop_signal(&service->program) : WORKER_DRAIN;
}

static void tell_of_room(const struct pool *pool)
{
    struct room room;
    char text[192];
    room_look(&room);
    if (room_is_short(&room, pool->service, text, sizeof text))
        log_warning("%s", text);
}

static void init_workers(struct pool *pool)
{
    const struct config_service *service = pool->service;
    worker_table_init(&pool->table, &pool->loop, &pool->plan, config_scoreboard_slots(service));
    pool->table.got_ready = on_workers_ready;
    pool->table.ended = worker_end_account;
    pool->table.owner = pool;
    pool->table.drain_signal = drain_signal(service);
    pool_policy_init(&pool->policy, config_start_workers(service), service->restart_delay,
                     service->restart_delay_max, clock_now_ms());
    SCOREBOARD_STORE(pool->plan.scoreboard->header.target, (uint32_t)pool->policy.target);
    pool_elastic_init(pool);
    pool_report_init(pool);
    pool->limits = (struct deadline_limits){.start_ms = service->start_timeout,
                                            .idle_ms = with_clock_error(service->idle_timeout),
                                            .lifetime_ms = with_clock_error(service->max_lifetime),
                                            .kill_ms = service->kill_timeout};
    /* A program that accepts by itself may have clients before it says that it is ready. */
    if (service->kind != CONFIG_LISTEN)
        pool->limits.unready_ms = service->kill_timeout;
}

/* What this process lives by, whatever a handler's pool_init() has made of it: all signals come by
 * the signalfd, and children that end can be waited for. The rest is the handler's. */
static void reclaim_signals(void)
{
    signals_block_all();
    signal(SIGCHLD, SIG_DFL);
}

int pool_init(struct pool *pool, unsigned generation, int listeners, struct error *error)
{
    *pool = (struct pool){.channel = {.fd = CHANNEL_FD_CHANNEL},
                          .retirement = {.requests = {.fd = -1}},
                          .notify_ms = CLOCK_NEVER,
                          .stops_ms = CLOCK_NEVER,
                          .listen_ms = CLOCK_NEVER};
    pool->config = config_snapshot_read(CHANNEL_FD_CONFIG, error);
    if (!pool->config)
        return -1;
    pool->service = &pool->config->services[0];
    pool->plan.config = pool->config;
    pool->plan.service = pool->service;
    pool->plan.generation = generation;
    log_configure((enum log_level)pool->config->log.level,
                  (enum log_format)pool->config->log.format);
    pool_descriptors_describe(pool, listeners);
    if (init_scoreboard(pool, error) < 0 || pool_descriptors_arrange(pool, error) < 0 ||
        init_loop(pool, error) < 0 || pool_listen_init(pool, error) < 0 ||
        worker_prepare(&pool->plan, error) < 0)
        return -1;
    reclaim_signals();
    if (pool_acceptors_open(&pool->plan, error) < 0)
        return -1;
    if (pool->plan.acceptors.shared)
        signals_add_children(pool->signals.fd);
    init_workers(pool);
    pool_wear_init(pool);
    if (pool_retirement_init(pool) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot make the event loop");
    tell_of_room(pool);
    pool_strays_init(pool);
    pool_template_init(pool);
    return 0;
}

static bool finished(const struct pool *pool)
{
    return pool->policy.stopping && worker_table_count(&pool->table) == 0 &&
           !pool_strays_left(pool) && !pool_template_alive(pool);
}

static void check_deadlines(struct pool *pool)
{
    int64_t now = clock_now_ms();
    if (now < pool->check_at_ms)
        return;
    pool->check_at_ms = worker_deadlines_check(&pool->table, &pool->limits, now);
    pool_strays_due(pool); /* those of connections that were ended */
}

void pool_run(struct pool *pool)
{
    while (!finished(pool)) {
        int64_t wake_ms;
        int64_t look_ms = pool_wear_check(pool, clock_now_ms());
        follow_policy(pool, &wake_ms);
        wake_ms = clock_earlier(wake_ms, look_ms);
        pool_report(pool);
        wake_ms = clock_earlier(wake_ms, orders_check_drained(pool, clock_now_ms()));
        wake_ms = clock_earlier(wake_ms, check_notify(pool, clock_now_ms()));
        wake_ms = clock_earlier(wake_ms, check_stops(pool, clock_now_ms()));
        wake_ms = clock_earlier(wake_ms, pool_template_check(pool, clock_now_ms()));
        wake_ms = clock_earlier(wake_ms, pool_listen_check(pool, clock_now_ms()));
        wake_ms = clock_earlier(wake_ms,
                                error_pipe_budget_check(&pool->table.error_budget, clock_now_ms()));
        wake_ms = clock_earlier(wake_ms, cgroup_check(&pool->table.cgroup, clock_now_ms()));
        wake_ms = clock_earlier(wake_ms, pool_strays_check(pool, clock_now_ms()));
        if (!finished(pool))
            loop_wait(&pool->loop, clock_earlier(wake_ms, pool->check_at_ms));
        check_deadlines(pool);
    }
    error_pipe_budget_report(&pool->table.error_budget);
    cgroup_release(&pool->table.cgroup);
}
