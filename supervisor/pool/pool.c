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
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/config_snapshot.h"
#include "lib/dice.h"
#include "lib/fds.h"
#include "lib/log_sink.h"
#include "lib/signals.h"
#include "supervisor/pool/obituary.h"
#include "supervisor/pool/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What could not be said is said in a later turn. */
static void report(struct pool *pool)
{
    bool whole = pool->table.ready >= pool->policy.target;
    bool trouble = pool->policy.backoff.failures > 0;
    if (!pool->ready_said && pool->policy.proved && (whole || trouble))
        pool->ready_said = orders_report(pool, CHANNEL_READY, NULL) == 0;
    if (trouble && pool->trouble[0] != '\0' &&
        orders_report(pool, CHANNEL_HEALTH, pool->trouble) == 0) {
        pool->degraded_said = true;
        pool->trouble[0] = '\0';
    }
    if (pool->degraded_said && !trouble && whole && orders_report(pool, CHANNEL_HEALTH, "") == 0) {
        pool->degraded_said = false;
        log_info("all %lld workers are ready again", (long long)pool->policy.target);
    }
}

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
        if (worker_table_fork(&pool->table) < 0) {
            fork_refused(pool);
            return;
        }
        if (restart)
            SCOREBOARD_ADD(pool->plan.scoreboard->header.restarts, 1);
    }
}

void pool_drain_workers(struct pool *pool, int64_t count)
{
    int64_t leave_by = clock_now_ms() + pool->service->graceful_timeout;
    worker_table_drain(&pool->table, count, leave_by);
    pool->check_at_ms = clock_earlier(pool->check_at_ms, leave_by);
}

static void follow_policy(struct pool *pool, int64_t *wake_ms)
{
    int64_t now = clock_now_ms();
    bool restart = pool->policy.crashed > 0 || pool->policy.backoff.failures > 0;
    struct pool_decision decision =
        pool_policy_decide(&pool->policy, pool->table.starting, pool->table.ready, now);
    if (decision.drain > 0)
        pool_drain_workers(pool, decision.drain);
    if (decision.fork > 0) {
        fork_workers(pool, decision.fork, restart);
        pool->check_at_ms = clock_earlier(pool->check_at_ms, now + pool->limits.start_ms);
    }
    *wake_ms = decision.wake_ms;
    /* A refused fork has set a hold-off that the decision could not know of. */
    if (!pool->policy.stopping && backoff_holding(&pool->policy.backoff, now))
        *wake_ms = clock_earlier(*wake_ms, pool->policy.backoff.hold_until_ms);
}

/* What the end of a worker asks for; returns the words for its obituary. */
static const char *after_death(struct pool *pool, const struct worker_entry *ended, bool expected,
                               const struct child_end *end, char text[96])
{
    char cause[OBITUARY_CAUSE_MAX];
    if (pool->policy.stopping)
        return "none, the pool is stopping";
    if (ended->state == SCOREBOARD_DRAINING)
        return "none, it was leaving";
    bool dead_socket = !end->signalled && end->number == WORKER_EXIT_SOCKET;
    if (ended->state == SCOREBOARD_READY && !dead_socket) {
        if (!expected)
            pool_policy_crashed(&pool->policy);
        return "replaced at once";
    }
    int64_t delay = pool_policy_failed(&pool->policy, false, clock_now_ms(), dice_roll());
    if (dead_socket)
        snprintf(pool->trouble, sizeof pool->trouble, "the listening socket is unusable");
    else
        snprintf(pool->trouble, sizeof pool->trouble, "a worker ended by %s before it was ready",
                 obituary_cause(end, cause));
    snprintf(text, 96, "%s: next try in %lld ms",
             dead_socket ? "cannot serve" : "died before it was ready", (long long)delay);
    return text;
}

static void on_worker_ended(struct worker_table *table, uint32_t slot,
                            const struct worker_entry *ended, const struct child_end *end)
{
    struct pool *pool = table->owner;
    const struct scoreboard_slot *shown = &pool->plan.scoreboard->slots[slot];
    char peer[ADDRESS_TEXT_MAX], text[96];
    bool told = ended->state == SCOREBOARD_DRAINING && ended->killed;
    bool left = !end->signalled && end->number == WORKER_EXIT_LEFT &&
                shown->worker.phase == SCOREBOARD_LEAVING;
    struct obituary obituary = {
        .slot = slot,
        .pid = (int)ended->child.pid,
        .age_ms = clock_now_ms() - ended->born_ms,
        .connections = shown->worker.connections,
        .peer = scoreboard_peer(shown, peer),
        .end = *end,
        .expected = left || told || (pool->policy.stopping && ended->killed),
    };
    if (!obituary.expected)
        SCOREBOARD_ADD(pool->plan.scoreboard->header.crashes, 1);
    obituary.next = after_death(pool, ended, obituary.expected, end, text);
    obituary_write(&obituary);
}

static void on_notify(struct loop_source *source, uint32_t events)
{
    struct pool *pool = source->owner;
    uint64_t count;
    (void)events;
    if (read(source->fd, &count, sizeof count) > 0)
        worker_table_notice_ready(&pool->table);
}

static void on_workers_ready(struct worker_table *table)
{
    struct pool *pool = table->owner;
    pool_policy_ready(&pool->policy);
}

/* Events. */

static void on_signal(struct loop_source *source, uint32_t events)
{
    struct pool *pool = source->owner;
    int number;
    (void)events;
    while ((number = signals_next(source->fd)) != 0)
        if (number == SIGTERM || number == SIGINT || number == SIGQUIT) {
            orders_report(pool, CHANNEL_LEAVING, NULL);
            orders_drain(pool);
        }
}

static int watch(struct pool *pool, struct loop_source *source, int fd,
                 void (*ready)(struct loop_source *, uint32_t))
{
    *source = (struct loop_source){fd, ready, pool};
    return fd < 0 ? -1 : loop_add(&pool->loop, source, EPOLLIN);
}

/* Numbers 0 to 2, then ours in the place of what was read and is not needed any more, then the
 * listeners: what workers keep is below plan.keep_below, and as no number there stays free, all
 * that is opened later is above. */
static int arrange_descriptors(struct pool *pool, int listeners, struct error *error)
{
    int keep_below = CHANNEL_FD_LISTENERS + listeners;
    int channel = fcntl(CHANNEL_FD_CHANNEL, F_DUPFD_CLOEXEC, keep_below);
    int gate[2] = {-1, -1}, mailbox[2] = {-1, -1};
    int notify = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (channel < 0 || notify < 0 || pipe2(gate, O_CLOEXEC) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mailbox) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot open descriptors");
    pool->channel.fd = channel;
    pool->gate = fcntl(gate[1], F_DUPFD_CLOEXEC, keep_below);
    pool->log_mailbox = fcntl(mailbox[1], F_DUPFD_CLOEXEC, keep_below);
    if (pool->gate < 0 || pool->log_mailbox < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot open descriptors");
    pool->plan.gate_fd = dup3(gate[0], CHANNEL_FD_CHANNEL, O_CLOEXEC);
    pool->plan.notify_fd = dup3(notify, CHANNEL_FD_CONFIG, O_CLOEXEC);
    pool->plan.log_mailbox_fd = dup3(mailbox[0], CHANNEL_FD_SCOREBOARD, O_CLOEXEC);
    int moved[] = {gate[0], gate[1], mailbox[0], mailbox[1], notify};
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        fds_close(&moved[i]);
    return 0;
}

static void describe_descriptors(struct pool *pool, int listeners)
{
    for (int i = 0; i < listeners; i++)
        pool->listeners[i] = CHANNEL_FD_LISTENERS + i;
    pool->plan.listeners = pool->listeners;
    pool->plan.listener_count = listeners;
    pool->plan.keep_below = CHANNEL_FD_LISTENERS + listeners;
    pool->plan.dead_fd = STDIN_FILENO; /* /dev/null */
    pool->plan.pool_pid = getpid();
}

static int init_scoreboard(struct pool *pool, struct error *error)
{
    uint32_t slots = config_scoreboard_slots(pool->service);
    pool->plan.scoreboard = scoreboard_map(CHANNEL_FD_SCOREBOARD, slots, true);
    if (!pool->plan.scoreboard)
        return error_set_errno(error, EXIT_CODE_OS, "cannot map the scoreboard");
    pool->plan.scoreboard->header.magic = SCOREBOARD_MAGIC;
    pool->plan.scoreboard->header.slot_count = slots;
    return fds_raise_limit(config_pool_descriptors(pool->service), error);
}

static int init_loop(struct pool *pool, struct error *error)
{
    if (loop_init(&pool->loop) < 0 ||
        watch(pool, &pool->channel, pool->channel.fd, orders_receive) < 0 ||
        watch(pool, &pool->signals, signals_open(), on_signal) < 0 ||
        watch(pool, &pool->notify, pool->plan.notify_fd, on_notify) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot make the event loop");
    return 0;
}

/* Times in the scoreboard are from the coarse clock: nobody is to be ended early for that. */
static int64_t with_clock_error(int64_t limit_ms)
{
    return limit_ms > 0 ? limit_ms + CLOCK_COARSE_ERROR_MS : 0;
}

static void init_workers(struct pool *pool)
{
    const struct config_service *service = pool->service;
    worker_table_init(&pool->table, &pool->loop, &pool->plan, config_scoreboard_slots(service));
    pool->table.got_ready = on_workers_ready;
    pool->table.ended = on_worker_ended;
    pool->table.owner = pool;
    pool_policy_init(&pool->policy, config_start_workers(service), service->restart_delay,
                     service->restart_delay_max, clock_now_ms());
    orders_set_workers(pool, pool->policy.target);
    pool->limits = (struct deadline_limits){.start_ms = service->start_timeout,
                                            .idle_ms = with_clock_error(service->idle_timeout),
                                            .lifetime_ms = with_clock_error(service->max_lifetime),
                                            .kill_ms = service->kill_timeout};
}

int pool_init(struct pool *pool, int listeners, struct error *error)
{
    *pool = (struct pool){.channel = {.fd = CHANNEL_FD_CHANNEL}};
    pool->config = config_snapshot_read(CHANNEL_FD_CONFIG, error);
    if (!pool->config)
        return -1;
    pool->service = &pool->config->services[0];
    pool->plan.service = pool->service;
    log_configure((enum log_level)pool->config->log.level,
                  (enum log_format)pool->config->log.format);
    describe_descriptors(pool, listeners);
    if (init_scoreboard(pool, error) < 0 || arrange_descriptors(pool, listeners, error) < 0 ||
        init_loop(pool, error) < 0 || worker_prepare(&pool->plan, error) < 0)
        return -1;
    init_workers(pool);
    return 0;
}

void pool_run(struct pool *pool)
{
    while (!pool->policy.stopping || worker_table_count(&pool->table) > 0) {
        int64_t wake_ms;
        follow_policy(pool, &wake_ms);
        report(pool);
        loop_wait(&pool->loop, clock_earlier(wake_ms, pool->check_at_ms));
        int64_t now = clock_now_ms();
        if (now >= pool->check_at_ms)
            pool->check_at_ms = worker_table_check(&pool->table, &pool->limits, now);
    }
}
