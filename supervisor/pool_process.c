/* SPDX-License-Identifier: MIT
 *
 * pool_process - see pool_process.h.
 */
#include "supervisor/pool_process.h"

#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/config_snapshot.h"
#include "lib/escape.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/spawn.h"

#include <errno.h>
#include <unistd.h>

/* A sound pool says a few things at its start, and a few whenever workers cannot start. */
#define MESSAGES_BURST      200
#define MESSAGES_PER_SECOND 50

static struct pool_process *of_channel(struct loop_source *source)
{
    return (struct pool_process *)(void *)((char *)source - offsetof(struct pool_process, channel));
}

static struct pool_process *of_pidfd(struct loop_source *source)
{
    return (struct pool_process *)(void *)((char *)source - offsetof(struct pool_process, pidfd));
}

/* Text of a pool may hold anything; what we keep can be printed and is UTF-8. */
static void keep_text(struct pool_process *pool, const char *text)
{
    escape_text(pool->trouble, sizeof pool->trouble, text, strlen(text));
}

/* Gossip: it is checked, kept to be shown, and never computed with. */
static void hear(struct pool_process *pool, const struct channel_message *message)
{
    switch ((enum channel_type)message->type) {
    case CHANNEL_READY:
        if (pool->ready || pool->leaving)
            break;
        pool->ready = true;
        pool->events->ready(pool->owner, pool);
        break;
    case CHANNEL_HEALTH:
        pool->degraded = message->text[0] != '\0';
        keep_text(pool, message->text);
        pool->events->health(pool->owner, pool);
        break;
    case CHANNEL_LEAVING:
        if (pool->leaving)
            break;
        pool->leaving = true;
        pool->events->leaving(pool->owner, pool);
        break;
    case CHANNEL_DRAINED:
        pool->events->drained(pool->owner, pool);
        break;
    case CHANNEL_CRASHED:
        pool->events->crashed(pool->owner, pool);
        break;
    case CHANNEL_REOPENED:
        pool->reopening = false;
        pool->events->reopened(pool->owner);
        break;
    case CHANNEL_FAILED:
        keep_text(pool, message->text);
        break;
    default:
        log_warning("pool %d sent %s, which is not for the supervisor", (int)pool->child.pid,
                    channel_name((enum channel_type)message->type));
    }
}

/* A pool that floods its channel gets its turn like everybody else, a few messages at a time, and
 * not for long. */
static void on_channel(struct loop_source *source, uint32_t events)
{
    struct pool_process *pool = of_channel(source);
    struct channel_message message;
    int passed, status = 1;
    (void)events;
    for (int i = 0; i < 16 && status > 0; i++) {
        status = channel_receive(source->fd, &message, &passed);
        fds_close(&passed);
        if (status > 0 && rate_take(&pool->rate, 1, clock_now_ms()) == 0) {
            pool->events->floods(pool->owner, pool);
            break;
        }
        if (status > 0)
            hear(pool, &message);
    }
    if (status == 0 || (status < 0 && errno != EAGAIN && errno != EINTR && errno != EBADMSG)) {
        loop_remove(pool->loop, source);
        fds_close(&source->fd);
    }
}

static void on_pidfd(struct loop_source *source, uint32_t events)
{
    struct pool_process *pool = of_pidfd(source);
    if (pool->channel.fd >= 0)
        on_channel(&pool->channel, events); /* its last words */
    loop_remove(pool->loop, source);
    if (child_reap(&pool->child, &pool->end) != 1) {
        loop_add(pool->loop, source, EPOLLIN);
        return;
    }
    source->fd = -1;
    pool->events->ended(pool->owner, pool);
}

static void spawn_failed(const struct spawn_plan *plan, const struct error *error)
{
    channel_send(plan->failed_fd, CHANNEL_FAILED, 0, 0, error->text, -1);
}

static int spawn(const struct pool_process_plan *plan, int channel, int snapshot, int board,
                 struct child *child, struct error *error)
{
    char generation[16], listeners[16];
    char name[] = "preforkd-pool";
    char *const arguments[] = {name, plan->service->name, generation, listeners, NULL};
    int descriptors[CHANNEL_FD_LISTENERS + CHANNEL_LISTENERS_MAX] = {
        plan->null, plan->null, plan->log, channel, snapshot, board, plan->library};
    snprintf(generation, sizeof generation, "%u", plan->generation);
    snprintf(listeners, sizeof listeners, "%d", plan->listener_count);
    memcpy(descriptors + CHANNEL_FD_LISTENERS, plan->listeners,
           (size_t)plan->listener_count * sizeof *descriptors);
    struct spawn_plan spawn_plan = {
        .program = plan->program,
        .arguments = arguments,
        .environment = plan->environment,
        .descriptors = descriptors,
        .descriptor_count = (size_t)(CHANNEL_FD_LISTENERS + plan->listener_count),
        .user = plan->service->credentials ? plan->service->credentials : plan->config->credentials,
        .nice = (int)plan->service->program.nice,
        .own_session = plan->own_session,
        .death_signal = SIGTERM,
        .failed = spawn_failed,
        .failed_fd = channel,
    };
    return spawn_start(&spawn_plan, child, error);
}

static struct pool_process *new_pool(const struct pool_process_plan *plan, uint32_t slots)
{
    struct pool_process *pool = memory_zeroed(1, sizeof *pool);
    pool->name = memory_string(plan->service->name);
    pool->number = plan->number;
    pool->generation = plan->generation;
    pool->slots = slots;
    pool->child = CHILD_NONE;
    pool->pidfd.fd = pool->channel.fd = pool->board_fd = -1;
    pool->born_ms = clock_now_ms();
    rate_init(&pool->rate, MESSAGES_BURST, MESSAGES_PER_SECOND, pool->born_ms);
    return pool;
}

/* What only the child needs is closed again here, whatever came of it. */
static int start_child(struct pool_process *pool, const struct pool_process_plan *plan,
                       struct error *error)
{
    int channel[2] = {-1, -1}, snapshot = -1, status = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
        error_set_errno(error, EXIT_CODE_OS, "socketpair");
    else if ((snapshot = config_snapshot_create(plan->config, plan->service, error)) >= 0 &&
             (pool->board_fd = scoreboard_create(pool->slots, error)) >= 0) {
        pool->board = scoreboard_map(pool->board_fd, pool->slots, false);
        if (!pool->board)
            error_set_errno(error, EXIT_CODE_OS, "cannot map the scoreboard");
        else
            status = spawn(plan, channel[1], snapshot, pool->board_fd, &pool->child, error);
    }
    pool->channel.fd = channel[0];
    pool->pidfd.fd = pool->child.pidfd;
    fds_close(&channel[1]);
    fds_close(&snapshot);
    return status;
}

static int watch(struct pool_process *pool, struct error *error)
{
    pool->channel.ready = on_channel;
    pool->pidfd.ready = on_pidfd;
    if ((pool->channel.fd < 0 || loop_add(pool->loop, &pool->channel, EPOLLIN) == 0) &&
        loop_add(pool->loop, &pool->pidfd, EPOLLIN) == 0)
        return 0;
    error_set_errno(error, EXIT_CODE_OS, "cannot watch the pool");
    loop_remove(pool->loop, &pool->pidfd);
    loop_remove(pool->loop, &pool->channel);
    return -1;
}

struct pool_process *pool_process_start(const struct pool_process_plan *plan, struct loop *loop,
                                        const struct pool_process_events *events, void *owner,
                                        struct error *error)
{
    struct pool_process *pool = new_pool(plan, config_scoreboard_slots(plan->service));
    pool->loop = loop;
    pool->events = events;
    pool->owner = owner;
    if (start_child(pool, plan, error) == 0) {
        if (watch(pool, error) == 0)
            return pool;
        child_discard(&pool->child);
    }
    pool_process_free(pool);
    return NULL;
}

static bool is_channel(int fd)
{
    int type = 0, family = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_UNIX;
}

int pool_process_adopt(struct pool_process *pool, pid_t pid, struct loop *loop,
                       const struct pool_process_events *events, void *owner, struct error *error)
{
    pool->loop = loop;
    pool->events = events;
    pool->owner = owner;
    rate_init(&pool->rate, MESSAGES_BURST, MESSAGES_PER_SECOND, clock_now_ms());
    /* It may have closed its end, and we ours; its own end is then all that is to come. */
    if (pool->channel.fd >= 0 && !is_channel(pool->channel.fd))
        return error_set(error, EXIT_CODE_SOFTWARE, "descriptor %d is no channel",
                         pool->channel.fd);
    if (!scoreboard_is(pool->board_fd, pool->slots) ||
        !(pool->board = scoreboard_map(pool->board_fd, pool->slots, false)))
        return error_set(error, EXIT_CODE_SOFTWARE, "descriptor %d is no scoreboard",
                         pool->board_fd);
    if (child_retake(&pool->child, pid) < 0)
        return error_set_errno(error, EXIT_CODE_SOFTWARE, "process %d", (int)pid);
    pool->pidfd.fd = pool->child.pidfd;
    if (watch(pool, error) == 0)
        return 0;
    fds_close(&pool->child.pidfd);
    return -1;
}

int pool_process_tell(struct pool_process *pool, enum channel_type type, uint32_t value, int pass)
{
    if (pool->channel.fd < 0)
        return -1;
    if (channel_send(pool->channel.fd, type, value, 0, NULL, pass) == 0)
        return 0;
    if (errno != EPIPE) /* else it has ended, and that will be told */
        log_warning("pool %d of %s does not take messages: %s", (int)pool->child.pid, pool->name,
                    strerror(errno));
    return -1;
}

void pool_process_drain(struct pool_process *pool, int64_t ms)
{
    pool->leaving = true;
    pool_process_tell(pool, CHANNEL_DRAIN, ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX, -1);
}

void pool_process_stop(struct pool_process *pool)
{
    pool->leaving = true;
    pool_process_tell(pool, CHANNEL_STOP, 0, -1);
}

void pool_process_kill(struct pool_process *pool, const char *why)
{
    log_warning("pool %d of %s %s, killing it", (int)pool->child.pid, pool->name, why);
    pool->killed = true;
    /* Its workers as well: their time was over before the pool's. */
    child_kill_group(&pool->child);
}

void pool_process_free(struct pool_process *pool)
{
    loop_remove(pool->loop, &pool->channel);
    fds_close(&pool->channel.fd);
    scoreboard_unmap(pool->board, pool->slots);
    fds_close(&pool->board_fd);
    free(pool->name);
    free(pool);
}
