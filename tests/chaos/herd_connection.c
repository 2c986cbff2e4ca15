/* SPDX-License-Identifier: MIT
 *
 * herd_connection - see herd_connection.h.
 */
#include "herd_connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SOURCES       8 /* addresses of loopback, for want of ports */
#define AFTER_LOSS_MS 5 /* no flood while nobody is there */

const char *const class_names[CLASS_COUNT] = {
#define CLASS(id, name) [id] = name,
    CLASSES(CLASS)
#undef CLASS
};

struct herd herd = {.rounds = 2, .pause_ms = 20, .timeout_ms = 20000};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int64_t connection_now_ms(void)
{
    return (int64_t)(now_s() * 1000);
}

_Noreturn void connection_give_up(const char *what)
{
    fprintf(stderr, "herd: %s: %s\n", what, strerror(errno));
    exit(71);
}

static void conclude(struct connection *c, enum class class, const char *how)
{
    double now = now_s();
    herd.ended[class]++;
    if (class != SERVED)
        printf("{\"class\":\"%s\",\"how\":\"%s\",\"id\":%llu,\"peer\":\"%s\",\"round\":%d,"
               "\"began\":%.6f,\"ended\":%.6f}\n",
               class_names[class], how, (unsigned long long)c->id, c->peer, c->round, c->began_s,
               now);
    else if (now - c->began_s > herd.longest_s)
        herd.longest_s = now - c->began_s;
    close(c->fd);
    c->fd = -1;
    c->state = WAITING;
    c->wake_ms = class == SERVED ? 0 : connection_now_ms() + AFTER_LOSS_MS;
}

static void conclude_cut(struct connection *c, const char *how, bool orderly)
{
    if (herd.policy && orderly && !c->answered)
        conclude(c, POLICY, how);
    else
        conclude(c, c->answered ? RESET_MIDDLE : RESET_BEFORE, how);
}

static void conclude_errno(struct connection *c)
{
    const char *how = strerrorname_np(errno);
    if (c->state == CONNECTING && (errno == ECONNREFUSED || errno == ENOENT))
        conclude(c, REFUSED, how);
    else if (errno == ETIMEDOUT)
        conclude(c, TIMEOUT, how);
    else if (errno == ECONNRESET || errno == EPIPE || errno == ECONNREFUSED)
        conclude_cut(c, how, false);
    else
        connection_give_up("a connection");
}

static struct message message_of(const struct connection *c)
{
    struct message m;
    for (int i = 0; i < MESSAGE_NUMBER; i++)
        m.numbers[i] =
            c->id * 0x9e3779b97f4a7c15u + (uint64_t)c->round * MESSAGE_NUMBER + (uint64_t)i;
    m.numbers[0] = c->id;
    return m;
}

static void ask(struct connection *c)
{
    struct message m = message_of(c);
    c->state = ASKING;
    c->received = 0;
    if (send(c->fd, &m, sizeof m, MSG_NOSIGNAL) != (ssize_t)sizeof m)
        conclude_errno(c);
}

static void take_answer(struct connection *c)
{
    if (++c->round == herd.rounds) {
        conclude(c, SERVED, "");
    } else if (c->id % 16 == 0) {
        c->state = PAUSING;
        c->wake_ms = connection_now_ms() + herd.pause_ms;
    } else {
        ask(c);
    }
}

static void take_bytes(struct connection *c, size_t n)
{
    struct message wanted = message_of(c);
    c->answered = true;
    c->received += n;
    if (memcmp(&c->answer, &wanted, c->received) != 0)
        conclude(c, WRONG, "other bytes");
    else if (c->received == sizeof c->answer)
        take_answer(c);
}

/* False where nothing more is there at the moment. */
static bool receive(struct connection *c)
{
    char *to = (char *)&c->answer + c->received;
    size_t room = c->state == ASKING ? sizeof c->answer - c->received : 0;
    char unasked;
    ssize_t n = recv(c->fd, room ? to : &unasked, room ? room : 1, 0);
    if (n > 0 && !room) {
        conclude(c, WRONG, "unasked bytes");
    } else if (n > 0) {
        take_bytes(c, (size_t)n);
    } else if (n == 0) {
        conclude_cut(c, "end", true);
    } else if (errno == EAGAIN) {
        return false;
    } else if (errno != EINTR) {
        conclude_errno(c);
    }
    return true;
}

void connection_on_events(struct connection *c, uint32_t events)
{
    int error = 0;
    socklen_t length = sizeof error;
    if (c->state == CONNECTING && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if ((errno = error) != 0)
            conclude_errno(c);
        else
            ask(c);
    } else if (c->state != WAITING && events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        /* Events are edges: with the last bytes the end may have been told, which is told once. */
        while (receive(c) && c->state != WAITING && events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP))
            ;
    }
}

/* Its beginning. */

static void bind_source(struct connection *c)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(c->id % SOURCES));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
        connection_give_up("bind");
}

static void note_peer(struct connection *c)
{
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    char host[INET_ADDRSTRLEN];
    snprintf(c->peer, sizeof c->peer, "unix");
    if (c->to->ss_family != AF_INET || getsockname(c->fd, (struct sockaddr *)&from, &length) < 0)
        return;
    inet_ntop(AF_INET, &from.sin_addr, host, sizeof host);
    snprintf(c->peer, sizeof c->peer, "%s:%d", host, ntohs(from.sin_port));
}

static socklen_t length_of(const struct sockaddr_storage *to)
{
    const struct sockaddr_un *local = (const void *)to;
    if (to->ss_family == AF_INET)
        return sizeof(struct sockaddr_in);
    if (local->sun_path[0] != '\0')
        return sizeof *local;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(local->sun_path + 1));
}

/* False where a Unix socket's queue is full: nothing has begun then. */
static bool dial(struct connection *c)
{
    int status = connect(c->fd, (const struct sockaddr *)c->to, length_of(c->to));
    if (status < 0 && errno == EAGAIN)
        return false;
    if (status < 0 && errno != EINPROGRESS) {
        conclude_errno(c);
        return true;
    }
    note_peer(c);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(herd.epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        connection_give_up("epoll_ctl");
    return true;
}

void connection_begin(struct connection *c)
{
    const struct sockaddr_storage *to = &herd.to[herd.begun % (uint64_t)herd.addresses];
    *c = (struct connection){.state = CONNECTING, .id = herd.begun, .to = to, .began_s = now_s()};
    c->late_ms = connection_now_ms() + herd.timeout_ms;
    c->fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        connection_give_up("socket");
    if (to->ss_family == AF_INET)
        bind_source(c);
    herd.begun++;
    if (dial(c))
        return;
    herd.begun--;
    close(c->fd);
    *c = (struct connection){.fd = -1, .wake_ms = connection_now_ms() + 1};
}

void connection_on_time(struct connection *c, int64_t now_ms)
{
    if (c->state == PAUSING && c->wake_ms <= now_ms)
        ask(c);
    else if (c->state != WAITING && c->late_ms <= now_ms)
        conclude(c, TIMEOUT, "late");
}
