/* SPDX-License-Identifier: MIT
 *
 * orders - see orders.h.
 */
#include "supervisor/pool/orders.h"

#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log_sink.h"
#include "supervisor/pool/pool_strays.h"
#include "supervisor/pool/pool_template.h"
#include "supervisor/pool/worker_leave.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int orders_report(struct pool *pool, enum channel_type type, const char *text)
{
    if (pool->channel.fd < 0)
        return -1;
    return channel_send(pool->channel.fd, type, (uint32_t)pool->table.ready,
                        (uint32_t)pool->policy.target, text, -1);
}

static void close_listeners(struct pool *pool)
{
    for (int i = 0; i < pool->plan.listener_count; i++)
        dup3(pool->plan.dead_fd, pool->listeners[i], O_CLOEXEC);
}

void orders_drain(struct pool *pool, int64_t ms)
{
    if (pool->policy.stopping)
        return;
    log_debug("draining");
    pool->policy.stopping = true;
    close_listeners(pool);
    pool_drain_workers(pool, INT64_MAX, ms);
    pool_template_leave(pool);
}

/* A worker without a client that was told to leave takes none, or one that came before; when it has
 * one, it does not say so. */
#define LOOK_MS 10

int64_t orders_check_drained(struct pool *pool, int64_t now_ms)
{
    if (!pool->policy.stopping || pool->drained_said)
        return CLOCK_NEVER;
    /* None is started any more, so what was seen of a slot remains. Programs that accept by
     * themselves do not let themselves be seen. */
    for (; !pool->programs_say && pool->drained < pool->table.slots; pool->drained++)
        if (worker_table_may_accept(&pool->table, pool->drained))
            return now_ms + LOOK_MS;
    pool->drained_said = true;
    orders_report(pool, CHANNEL_DRAINED, NULL);
    return CLOCK_NEVER;
}

static void stop(struct pool *pool)
{
    orders_drain(pool, 0);
    worker_leave_kill_all(&pool->table);
    pool_strays_kill(pool);
}

void orders_set_workers(struct pool *pool, int64_t target)
{
    int64_t most = config_most_workers(pool->service);
    if (config_is_elastic(pool->service)) {
        log_warning("%lld workers were asked for, and this pool is elastic", (long long)target);
        return;
    }
    if (target < 1 || target > most) {
        log_warning("%lld workers were asked for, between 1 and %lld are possible",
                    (long long)target, (long long)most);
        return;
    }
    pool->policy.target = target;
    SCOREBOARD_STORE(pool->plan.scoreboard->header.target, (uint32_t)target);
}

/* Workers hold a descriptor 2 of their own. One packet with the new one lies in a socket that all
 * of them have inherited; each takes a copy when the signal tells it to, before it writes again. */
static void reopen_log(struct pool *pool, int fd)
{
    if (fd < 0)
        return;
    log_sink_switch(fd);
    fds_discard(pool->plan.log_mailbox_fd);
    if (fds_send(pool->log_mailbox, "", 1, fd) < 0)
        log_warning("cannot pass the new log to the workers: %s", strerror(errno));
    worker_leave_reopen_log(&pool->table);
    orders_report(pool, CHANNEL_REOPENED, NULL);
}

/* The byte stays there and opens for all. The end of file alone might never come: whoever was left
 * behind by a handler holds the write end, too. */
static void open_gate(struct pool *pool)
{
    if (pool->gate >= 0 && write(pool->gate, "", 1) < 0)
        log_error("cannot open the gate: %s", strerror(errno));
    fds_close(&pool->gate);
    pool->plan.gate_open = true;
}

static void obey(struct pool *pool, const struct channel_message *message, int passed)
{
    switch ((enum channel_type)message->type) {
    case CHANNEL_DRAIN:
        orders_drain(pool, message->value);
        break;
    case CHANNEL_STOP:
        stop(pool);
        break;
    case CHANNEL_SERVE:
        open_gate(pool);
        break;
    case CHANNEL_SET_WORKERS:
        orders_set_workers(pool, message->value);
        break;
    case CHANNEL_REOPEN:
        reopen_log(pool, passed);
        break;
    default:
        log_warning("the supervisor sent %s, which is not for a pool",
                    channel_name((enum channel_type)message->type));
    }
}

void orders_receive(struct loop_source *source, uint32_t events)
{
    struct pool *pool = source->owner;
    struct channel_message message;
    int passed, status;
    (void)events;
    while ((status = channel_receive(source->fd, &message, &passed)) > 0) {
        obey(pool, &message, passed);
        fds_close(&passed);
    }
    if (status == 0 || (errno != EAGAIN && errno != EINTR && errno != EBADMSG)) {
        loop_remove(&pool->loop, source);
        fds_close(&source->fd);
        if (!pool->policy.stopping)
            log_warning("the supervisor is gone, leaving");
        orders_drain(pool, pool->service->graceful_timeout);
    }
}
