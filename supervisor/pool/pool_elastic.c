/* SPDX-License-Identifier: MIT
 *
 * pool_elastic - see pool_elastic.h.
 */
#include "supervisor/pool/pool_elastic.h"

#include "lib/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define COUNT_AFTER_CRASH_MS 1000
#define SAY_FULL_AGAIN_MS    60000

static struct scoreboard_spare *spare_of(const struct pool *pool)
{
    return &pool->plan.scoreboard->spare;
}

void pool_elastic_init(struct pool *pool)
{
    const struct config_service *service = pool->service;
    pool->elastic = (struct elastic){.start = config_start_workers(service),
                                     .min_spare = service->min_spare,
                                     .max_spare = service->max_spare,
                                     .most = config_most_workers(service),
                                     .idle_timeout_ms = service->spare_idle_timeout};
    elastic_init(&pool->elastic);
    pool->count_ms = CLOCK_NEVER;
    pool->full_said_ms = -SAY_FULL_AGAIN_MS;
    SCOREBOARD_STORE(spare_of(pool)->alarm, SCOREBOARD_SPARE_SILENT);
}

/* Clients that wait for a worker; -1 where a socket with some may not tell how many. For a
 * listening TCP socket the kernel reports its queue in tcpi_unacked; a Unix socket says nothing. */
static int64_t queue_length(const struct pool *pool)
{
    int64_t sum = 0;
    for (int i = 0; i < pool->plan.listener_count; i++) {
        struct tcp_info info = {0};
        socklen_t size = sizeof info;
        if (getsockopt(pool->listeners[i], IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
            return -1;
        sum += info.tcpi_unacked;
    }
    return sum;
}

static int64_t count_idle(const struct pool *pool)
{
    int64_t idle = 0;
    for (uint32_t slot = 0; slot < pool->table.slots; slot++)
        idle +=
            pool->table.entries[slot].state != SCOREBOARD_FREE &&
            !scoreboard_is_busy(SCOREBOARD_LOAD(pool->plan.scoreboard->slots[slot].worker.phase));
    return idle;
}

static void correct(struct pool *pool)
{
    struct scoreboard_spare *spare = spare_of(pool);
    int32_t was = SCOREBOARD_LOAD(spare->idle);
    SCOREBOARD_ADD(spare->idle, (int32_t)count_idle(pool) - was);
    pool->count_ms = CLOCK_NEVER;
}

/* Those on their way out are not counted. */
static struct elastic_sight look(struct pool *pool)
{
    const struct scoreboard_spare *spare = spare_of(pool);
    int64_t leaving = pool_retirement_leaving(pool);
    int64_t gone = pool->table.released + pool_retirement_idle(pool, leaving);
    struct elastic_sight sight = {.starting = pool->table.starting,
                                  .ready = pool->table.ready - leaving,
                                  .idle = SCOREBOARD_LOAD(spare->idle) - gone,
                                  .low = SCOREBOARD_LOAD(spare->low) - gone};
    if (sight.idle < pool->elastic.min_spare) /* nobody else asks */
        sight.queue = queue_length(pool);
    return sight;
}

static void say_full(struct pool *pool, int64_t now_ms)
{
    if (now_ms - pool->full_said_ms < SAY_FULL_AGAIN_MS)
        return;
    pool->full_said_ms = now_ms;
    log_warning("all %lld workers are busy, who comes now has to wait; raise max_workers",
                (long long)pool->elastic.most);
}

int64_t pool_elastic_follow(struct pool *pool, int64_t now_ms)
{
    if (!config_is_elastic(pool->service) || pool->policy.stopping)
        return CLOCK_NEVER;
    if (now_ms >= clock_earlier(pool->count_ms, pool->elastic.look_ms))
        correct(pool);
    struct elastic_sight sight = look(pool);
    struct elastic_decision decision = elastic_decide(&pool->elastic, &sight, now_ms);
    if (decision.new_mark)
        SCOREBOARD_STORE(spare_of(pool)->low, SCOREBOARD_LOAD(spare_of(pool)->idle));
    if (decision.full)
        say_full(pool, now_ms);
    if (decision.target != pool->policy.target)
        log_debug("%lld workers wanted, before %lld; %lld are idle, %lld clients wait",
                  (long long)decision.target, (long long)pool->policy.target, (long long)sight.idle,
                  (long long)sight.queue);
    pool->policy.target = decision.target;
    SCOREBOARD_STORE(pool->plan.scoreboard->header.target, (uint32_t)decision.target);
    return clock_earlier(decision.wake_ms, pool->count_ms);
}

/* Below how many idle ones it is worth to be told. While workers are missing that were decided on,
 * something holds them off, and an event follows anyway. */
static int32_t alarm_level(struct pool *pool, int64_t now_ms)
{
    int64_t leaving = pool_retirement_leaving(pool);
    int64_t total = pool->table.starting + pool->table.ready - leaving;
    int64_t gone = pool->table.released + pool_retirement_idle(pool, leaving);
    if (total < pool->policy.target)
        return SCOREBOARD_SPARE_SILENT;
    if (total < pool->elastic.most)
        return (int32_t)(pool->elastic.min_spare + gone);
    return now_ms - pool->full_said_ms < SAY_FULL_AGAIN_MS ? SCOREBOARD_SPARE_SILENT
                                                           : (int32_t)(1 + gone);
}

/* The alarm is set before the count is read, and workers change the count before they read the
 * alarm, in one order for all: either sees the other. */
bool pool_elastic_listen(struct pool *pool, int64_t now_ms)
{
    struct scoreboard_spare *spare = spare_of(pool);
    if (!config_is_elastic(pool->service) || pool->policy.stopping)
        return true;
    int32_t alarm = alarm_level(pool, now_ms);
    if (SCOREBOARD_LOAD(spare->alarm) != alarm)
        atomic_store(&spare->alarm, alarm);
    return atomic_load(&spare->idle) >= alarm;
}

void pool_elastic_crashed(struct pool *pool)
{
    if (config_is_elastic(pool->service))
        pool->count_ms = clock_earlier(pool->count_ms, clock_now_ms() + COUNT_AFTER_CRASH_MS);
}
