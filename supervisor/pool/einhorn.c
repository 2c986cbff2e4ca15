/* SPDX-License-Identifier: MIT
 *
 * einhorn - see einhorn.h.
 */
#include "supervisor/pool/einhorn.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "lib/memory.h"
#include "supervisor/pool/einhorn_message.h"

#include <errno.h>
#include <sys/socket.h>

#define WARNINGS_BURST      10
#define WARNINGS_PER_SECOND 1

/* A place. All are zeroed at the start, and those that were never taken are not written to: their
 * memory is not there yet. */
struct einhorn_client {
    bool taken;
    bool heard; /* its line was judged; what follows is thrown away */
    struct loop_source source;
    pid_t pid;
    int64_t leave_by_ms;
    size_t length;
    char line[EINHORN_MESSAGE_MAX + 1]; /* with its newline */
};

static void warn(struct einhorn *einhorn, pid_t pid, const char *what)
{
    if (rate_take(&einhorn->warnings, 1, clock_now_ms()) > 0)
        log_warning("process %d %s on the acknowledgement socket; ignored", (int)pid, what);
}

static void watch_listener(struct einhorn *einhorn)
{
    if (loop_add(einhorn->loop, &einhorn->source, EPOLLIN) == 0)
        einhorn->accept_at_ms = 0;
    else
        einhorn->accept_at_ms = clock_now_ms() + EINHORN_PAUSE_MS;
}

static void pause_until(struct einhorn *einhorn, int64_t at_ms)
{
    loop_remove(einhorn->loop, &einhorn->source);
    einhorn->accept_at_ms = at_ms;
}

static void drop(struct einhorn *einhorn, struct einhorn_client *client)
{
    loop_remove(einhorn->loop, &client->source);
    fds_close(&client->source.fd);
    client->taken = false;
    einhorn->count--;
    if (einhorn->accept_at_ms != 0)
        watch_listener(einhorn);
}

static void judge(struct einhorn *einhorn, struct einhorn_client *client, size_t length)
{
    pid_t claimed;
    client->heard = true;
    if (einhorn_message_parse(client->line, length, &claimed) < 0)
        warn(einhorn, client->pid, "sent what is no acknowledgement");
    else if (claimed != 0 && claimed != client->pid)
        warn(einhorn, client->pid, "acknowledged for another one");
    else
        einhorn->acknowledged(einhorn->owner, client->pid);
}

/* Some clients write more behind their line, and take it for a failure when nobody is there any
 * more; some wait for our end. So we end, and they go when they have written it all. */
static void judge_line(struct einhorn *einhorn, struct einhorn_client *client, const char *newline)
{
    judge(einhorn, client, (size_t)(newline - client->line));
    shutdown(client->source.fd, SHUT_WR);
    client->length = 0;
}

static void read_line(struct einhorn *einhorn, struct einhorn_client *client)
{
    char *at = client->line + client->length;
    ssize_t got = recv(client->source.fd, at, sizeof client->line - client->length, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        if (!client->heard && client->length > 0)
            judge(einhorn, client, client->length);
        drop(einhorn, client);
        return;
    }
    if (client->heard)
        return;
    client->length += (size_t)got;
    char *newline = memchr(at, '\n', (size_t)got);
    if (newline) {
        judge_line(einhorn, client, newline);
    } else if (client->length == sizeof client->line) {
        warn(einhorn, client->pid, "sent too long a line");
        drop(einhorn, client);
    }
}

static void on_client(struct loop_source *source, uint32_t events)
{
    (void)events;
    read_line(source->owner,
              (struct einhorn_client *)(void *)((char *)source -
                                                offsetof(struct einhorn_client, source)));
}

/* Accepting. */

/* A free place, or that of one who has been heard and only stays out of politeness. */
static struct einhorn_client *find_place(struct einhorn *einhorn)
{
    struct einhorn_client *heard = NULL;
    for (int i = 0; i < EINHORN_CLIENTS_MAX; i++) {
        struct einhorn_client *client = &einhorn->clients[i];
        if (!client->taken)
            return client;
        if (client->heard)
            heard = client;
    }
    if (heard)
        drop(einhorn, heard);
    return heard;
}

static void admit(struct einhorn *einhorn, struct einhorn_client *client, int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    client->source = (struct loop_source){fd, on_client, einhorn};
    client->taken = true;
    client->heard = false;
    client->pid = peer.pid;
    client->leave_by_ms = clock_now_ms() + EINHORN_CLIENT_MS;
    client->length = 0;
    einhorn->count++;
    if (peer.pid <= 0 || loop_add(einhorn->loop, &client->source, EPOLLIN) < 0) {
        warn(einhorn, peer.pid, "could not be heard");
        drop(einhorn, client);
    } else {
        read_line(einhorn, client); /* as a rule its line is there */
    }
}

/* One at a time: a place is taken from nobody for a client who is not there. */
static void on_listener(struct loop_source *source, uint32_t events)
{
    struct einhorn *einhorn = source->owner;
    struct einhorn_client *place = find_place(einhorn);
    (void)events;
    if (!place) {
        pause_until(einhorn, CLOCK_NEVER);
        return;
    }
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        admit(einhorn, place, fd);
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        pause_until(einhorn, clock_now_ms() + EINHORN_PAUSE_MS);
}

int64_t einhorn_check(struct einhorn *einhorn, int64_t now_ms)
{
    int64_t next = CLOCK_NEVER;
    for (int i = 0; einhorn->count > 0 && i < EINHORN_CLIENTS_MAX; i++) {
        struct einhorn_client *client = &einhorn->clients[i];
        if (!client->taken)
            continue;
        if (now_ms < client->leave_by_ms) {
            next = clock_earlier(next, client->leave_by_ms);
            continue;
        }
        if (!client->heard)
            warn(einhorn, client->pid, "did not say anything in time");
        drop(einhorn, client);
    }
    if (einhorn->accept_at_ms != 0 && now_ms >= einhorn->accept_at_ms)
        watch_listener(einhorn);
    return einhorn->accept_at_ms != 0 ? clock_earlier(next, einhorn->accept_at_ms) : next;
}

int einhorn_init(struct einhorn *einhorn, struct loop *loop,
                 void (*acknowledged)(void *owner, pid_t pid), void *owner)
{
    *einhorn = (struct einhorn){.loop = loop, .acknowledged = acknowledged, .owner = owner};
    int fd = einhorn_socket_open(einhorn->path, &einhorn->inode);
    einhorn->source = (struct loop_source){fd, on_listener, einhorn};
    if (fd < 0)
        return -1;
    einhorn->clients = memory_zeroed(EINHORN_CLIENTS_MAX, sizeof *einhorn->clients);
    rate_init(&einhorn->warnings, WARNINGS_BURST, WARNINGS_PER_SECOND, clock_now_ms());
    if (loop_add(loop, &einhorn->source, EPOLLIN) == 0)
        return 0;
    einhorn_release(einhorn);
    return -1;
}

void einhorn_release(struct einhorn *einhorn)
{
    int saved = errno;
    einhorn->accept_at_ms = 0;
    for (int i = 0; einhorn->count > 0; i++)
        if (einhorn->clients[i].taken)
            drop(einhorn, &einhorn->clients[i]);
    free(einhorn->clients);
    einhorn->clients = NULL;
    loop_remove(einhorn->loop, &einhorn->source);
    fds_close(&einhorn->source.fd);
    fds_close(&einhorn->inode);
    errno = saved;
}
