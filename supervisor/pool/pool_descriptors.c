/* SPDX-License-Identifier: MIT
 *
 * pool_descriptors - see pool_descriptors.h.
 */
#include "supervisor/pool/pool_descriptors.h"

#include "include/channel.h"
#include "lib/fds.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void pool_descriptors_describe(struct pool *pool, int listeners)
{
    struct stat about;
    struct worker_plan *plan = &pool->plan;
    for (int i = 0; i < listeners; i++)
        pool->listeners[i] = CHANNEL_FD_LISTENERS + i;
    plan->listeners = pool->listeners;
    plan->listener_count = listeners;
    plan->dead_fd = STDIN_FILENO; /* /dev/null */
    plan->gate_fd = CHANNEL_FD_CHANNEL;
    plan->notify_fd = CHANNEL_FD_CONFIG;
    plan->scoreboard_fd = CHANNEL_FD_SCOREBOARD;
    bool library = fstat(CHANNEL_FD_LIBRARY, &about) == 0 && S_ISREG(about.st_mode);
    plan->library_fd = library ? CHANNEL_FD_LIBRARY : -1;
    plan->wear_fd = -1;
    plan->log_mailbox_fd = CHANNEL_FD_LISTENERS + listeners;
    plan->error_fd = plan->log_mailbox_fd + 1;
    plan->keep_below = plan->error_fd + 1;
    plan->pool_pid = getpid();
}

/* FD to NUMBER, close-on-exec. */
static int place(int *fd, int number)
{
    int status = dup3(*fd, number, O_CLOEXEC);
    fds_close(fd);
    return status;
}

/* Do workers ask for their replacement? Those that have one client, or become a program, do not. */
static bool workers_ask(const struct config_service *service)
{
    return !config_is_program(service) &&
           (service->max_connections_per_worker > 1 || service->max_worker_age > 0 ||
            service->max_worker_memory != CONFIG_NOT_SET);
}

/* Only programs need what came here; in its place workers of a handler have the way to say that
 * they are worn out. WEAR: its write end. */
static int place_wear(struct pool *pool, int *wear)
{
    const struct worker_plan *plan = &pool->plan;
    if (!config_is_program(pool->service)) {
        dup3(plan->dead_fd, CHANNEL_FD_SCOREBOARD, O_CLOEXEC);
        dup3(plan->dead_fd, CHANNEL_FD_LIBRARY, O_CLOEXEC);
    }
    if (workers_ask(pool->service)) {
        pool->plan.wear_fd = CHANNEL_FD_LIBRARY;
        return place(wear, CHANNEL_FD_LIBRARY);
    }
    fds_close(wear);
    fds_close(&pool->retirement.requests.fd);
    return 0;
}

/* Of several listening sockets that workers wait for together: one epoll instance for all workers.
 * It wakes one of them for a connection, poll(2) in each would wake all; and the one that has begun
 * to wait last, which is the warmest. Where it is not to be had they poll. */
static void place_wait(struct worker_plan *plan)
{
    if (config_is_program(plan->service) || plan->listener_count < 2)
        return;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; fd >= 0 && i < plan->listener_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        if (epoll_ctl(fd, EPOLL_CTL_ADD, plan->listeners[i], &event) < 0)
            fds_close(&fd);
    }
    if (fd >= 0 && place(&fd, CHANNEL_FD_SCOREBOARD) >= 0)
        plan->wait_fd = CHANNEL_FD_SCOREBOARD;
}

int pool_descriptors_arrange(struct pool *pool, struct error *error)
{
    const struct worker_plan *plan = &pool->plan;
    int gate[2] = {-1, -1}, mailbox[2] = {-1, -1}, wear[2] = {-1, -1};
    bool opened = pipe2(gate, O_CLOEXEC) == 0 && pipe2(wear, O_CLOEXEC | O_NONBLOCK) == 0 &&
                  socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mailbox) == 0;
    int notify = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int sources[] = {CHANNEL_FD_CHANNEL, gate[0], gate[1], mailbox[0],
                     mailbox[1],         wear[0], wear[1], notify};
    enum { CHANNEL, GATE, GATE_END, MAILBOX, MAILBOX_END, WEAR, WEAR_END, NOTIFY, COUNT };
    int above[COUNT];
    for (int i = 0; i < COUNT; i++) {
        above[i] = opened ? fcntl(sources[i], F_DUPFD_CLOEXEC, plan->keep_below) : -1;
        opened = opened && above[i] >= 0;
        if (i != CHANNEL)
            fds_close(&sources[i]);
    }
    pool->channel.fd = opened ? above[CHANNEL] : CHANNEL_FD_CHANNEL;
    pool->gate = above[GATE_END];
    pool->log_mailbox = above[MAILBOX_END];
    pool->retirement.requests.fd = above[WEAR];
    if (opened && place_wear(pool, &above[WEAR_END]) >= 0 &&
        place(&above[GATE], plan->gate_fd) >= 0 && place(&above[NOTIFY], plan->notify_fd) >= 0 &&
        place(&above[MAILBOX], plan->log_mailbox_fd) >= 0 &&
        dup3(plan->dead_fd, plan->error_fd, O_CLOEXEC) >= 0) {
        place_wait(&pool->plan);
        return 0;
    }
    return error_set_errno(error, EXIT_CODE_OS, "cannot open descriptors");
}
