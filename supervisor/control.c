/* SPDX-License-Identifier: MIT
 *
 * control - see control.h.
 */
#include "supervisor/control.h"

#include "lib/clock.h"
#include "lib/control_path.h"
#include "lib/escape.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "lib/memory.h"
#include "supervisor/control_command.h"
#include "supervisor/inherited.h"
#include "supervisor/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_LIMIT_MS 5000 /* to send a request, and again to take the answer */
#define PAUSE_MS        1000 /* without accepting, where descriptors or memory ran out */
/* A reload may take as long as connections last: what is asked besides has places of its own. */
#define WAITING_MAX (CONTROL_CLIENTS_MAX - 4)

static void drop(struct control_client *client)
{
    loop_remove(client->control->loop, &client->source);
    fds_close(&client->source.fd);
    buffer_release(&client->answer);
}

/* Write what the client takes now; the rest when it is ready for more. */
static void send_answer(struct control_client *client)
{
    while (client->sent < client->answer.length) {
        ssize_t sent = send(client->source.fd, client->answer.data + client->sent,
                            client->answer.length - client->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            loop_change(client->control->loop, &client->source, EPOLLOUT);
            return;
        }
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        client->sent += (size_t)sent;
        client->deadline_ms = clock_now_ms() + CLIENT_LIMIT_MS;
    }
    drop(client);
}

static int append(const char *bytes, size_t length, void *buffer)
{
    buffer_append(buffer, bytes, length);
    return 0;
}

static void send_object(struct control_client *client, json_t *object)
{
    json_dump_callback(object, append, &client->answer, JSON_COMPACT | JSON_REAL_PRECISION(9));
    buffer_append(&client->answer, "\n", 1);
    json_decref(object);
    client->answered = true;
    client->wait = CONTROL_WAIT_NONE;
    client->deadline_ms = clock_now_ms() + CLIENT_LIMIT_MS;
    send_answer(client);
}

json_t *control_text(const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return string;
    struct buffer escaped = {0};
    bool cut;
    size_t length = strlen(text), room = 8 * length;
    char *at = buffer_reserve(&escaped, room);
    string = json_stringn(at, escape_write(at, room, text, length, &cut));
    buffer_release(&escaped);
    return string;
}

void control_answer(struct control_client *client, json_t *result)
{
    json_t *object = json_pack("{s:b}", "ok", 1);
    if (result)
        json_object_set_new(object, "result", result);
    send_object(client, object);
}

void control_refuse(struct control_client *client, const char *problem)
{
    send_object(client, json_pack("{s:b, s:o}", "ok", 0, "error", control_text(problem)));
}

static int count_waiting(const struct control *control)
{
    int count = 0;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        count +=
            control->clients[i].source.fd >= 0 && control->clients[i].wait != CONTROL_WAIT_NONE;
    return count;
}

bool control_wait(struct control_client *client, enum control_wait wait)
{
    if (wait != CONTROL_WAIT_STOP && count_waiting(client->control) >= WAITING_MAX) {
        control_refuse(client, "too many requests wait already; ask again when they are answered");
        return false;
    }
    client->wait = wait;
    client->deadline_ms =
        wait == CONTROL_WAIT_REOPEN ? clock_now_ms() + CLIENT_LIMIT_MS : CLOCK_NEVER;
    return true;
}

void control_answer_waiting(struct control *control, enum control_wait wait, const char *problem)
{
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (client->source.fd < 0 || client->wait != wait)
            continue;
        if (problem)
            control_refuse(client, problem);
        else
            control_answer(client, NULL);
    }
}

void control_answer_all(struct control *control, enum control_wait wait, json_t *result)
{
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (client->source.fd >= 0 && client->wait == wait)
            control_answer(client, json_incref(result));
    }
    json_decref(result);
}

void control_advance_waiting(struct control *control, enum control_wait next,
                             enum control_wait wait)
{
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (control->clients[i].wait == next)
            control->clients[i].wait = wait;
}

/* One line, as much of it as is there; -1 when the client is gone or talks too much. */
static int read_request(struct control_client *client)
{
    char *end = client->request + client->request_length;
    size_t room = sizeof client->request - client->request_length;
    ssize_t got = recv(client->source.fd, end, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    client->request_length += (size_t)got;
    if (memchr(client->request, '\n', client->request_length))
        return 1;
    return client->request_length < sizeof client->request ? 0 : -1;
}

static void on_client(struct loop_source *source, uint32_t events)
{
    struct control_client *client = source->owner;
    char ignored[64];
    if (client->answered) {
        send_answer(client);
        return;
    }
    if (client->wait != CONTROL_WAIT_NONE) {
        /* Nothing more is expected of it but its end. */
        ssize_t got = recv(source->fd, ignored, sizeof ignored, MSG_DONTWAIT);
        if ((events & (EPOLLHUP | EPOLLERR)) || got > 0 || (got < 0 && errno != EAGAIN))
            drop(client);
        else if (got == 0)
            loop_change(client->control->loop, source, 0); /* it only closed its sending side */
        return;
    }
    switch (read_request(client)) {
    case 1:
        *(char *)memchr(client->request, '\n', client->request_length) = '\0';
        control_command_run(client->control->supervisor, client, client->request);
        break;
    case -1:
        drop(client);
        break;
    }
}

static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    log_warning("control connection of uid %u refused", (unsigned)peer.uid);
    return false;
}

/* A free place; where there is none, that of the client that has dawdled longest. */
static struct control_client *find_place(struct control *control)
{
    struct control_client *slowest = NULL;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (client->source.fd < 0)
            return client;
        if (client->wait == CONTROL_WAIT_NONE &&
            (!slowest || client->deadline_ms < slowest->deadline_ms))
            slowest = client;
    }
    if (slowest)
        drop(slowest);
    return slowest;
}

static void turn_away(int fd, const char *why)
{
    char text[128];
    int length = snprintf(text, sizeof text, "{\"ok\":false,\"error\":\"%s\"}\n", why);
    send(fd, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

/* The client stays in the queue, and the loop would be told of it again and again. */
static void pause_accepting(struct control *control)
{
    log_warning("control connections have to wait: %s", strerror(errno));
    loop_change(control->loop, &control->listener, 0);
    control->resume_ms = clock_now_ms() + PAUSE_MS;
}

static void on_listener(struct loop_source *source, uint32_t events)
{
    struct control *control = source->owner;
    (void)events;
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(control);
        return;
    }
    bool allowed = is_allowed(fd);
    struct control_client *client = allowed ? find_place(control) : NULL;
    if (!client) {
        turn_away(fd, allowed ? "too many control clients are waiting"
                              : "only root and the user of preforkd may do this");
        return;
    }
    *client = (struct control_client){.control = control,
                                      .source = {fd, on_client, client},
                                      .deadline_ms = clock_now_ms() + CLIENT_LIMIT_MS};
    if (loop_add(control->loop, &client->source, EPOLLIN) < 0)
        drop(client);
}

static void prepare(struct control *control, struct supervisor *supervisor, struct loop *loop,
                    const char *path)
{
    *control = (struct control){.supervisor = supervisor, .loop = loop, .lock = LOCKFILE_NONE};
    control->listener = (struct loop_source){-1, on_listener, control};
    control->path = memory_string(path);
    control->resume_ms = CLOCK_NEVER;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        control->clients[i].source.fd = -1;
}

int control_init(struct control *control, struct supervisor *supervisor, struct loop *loop,
                 const char *path, struct error *error)
{
    char *text = memory_printf("unix://%s", path);
    struct address found[ADDRESS_RESOLVED_MAX];
    prepare(control, supervisor, loop, path);
    if (control_path_prepare(path, error) == 0 && address_parse(text, found, error) == 1)
        control->listener.fd = listener_bind_unix(&found[0], 0600, &control->lock, error);
    free(text);
    if (control->listener.fd < 0) {
        struct error why = *error;
        error_set(error, why.code, "control socket %s: %.2048s", path, why.text);
        error->in_use = why.in_use;
        return -1;
    }
    fcntl(control->listener.fd, F_SETFL, O_NONBLOCK);
    if (listen(control->listener.fd, 64) < 0 || loop_add(loop, &control->listener, EPOLLIN) < 0)
        return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "control socket %s", path);
    return 0;
}

int control_adopt(struct control *control, struct supervisor *supervisor, struct loop *loop,
                  const char *path, int fd, int lock, struct error *error)
{
    char *lock_path = memory_printf("%s.lock", path);
    prepare(control, supervisor, loop, path);
    int status = lockfile_adopt(&control->lock, lock_path, lock, error);
    free(lock_path);
    if (status < 0)
        return -1;
    const char *unfit = inherited_unfit(fd);
    if (unfit)
        return error_set(error, EXIT_CODE_SOFTWARE, "control socket: descriptor %d %s", fd, unfit);
    control->listener.fd = fd;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || loop_add(loop, &control->listener, EPOLLIN) < 0)
        return error_set_errno(error, EXIT_CODE_SOFTWARE, "control socket %s", path);
    return 0;
}

/* It is heard again even where it had closed its sending side: the loop tells. */
void control_adopt_client(struct control *control, int fd, const char *request, const char *answer,
                          enum control_wait wait, int64_t deadline_ms)
{
    struct control_client *client = find_place(control);
    size_t length = request ? strlen(request) : 0;
    if (!client || length >= sizeof client->request || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        close(fd);
        return;
    }
    *client = (struct control_client){.control = control,
                                      .source = {fd, on_client, client},
                                      .request_length = length,
                                      .answered = answer != NULL,
                                      .wait = wait,
                                      .deadline_ms = deadline_ms};
    if (length > 0)
        memcpy(client->request, request, length);
    if (answer)
        buffer_append(&client->answer, answer, strlen(answer));
    if (loop_add(control->loop, &client->source, answer ? EPOLLOUT : EPOLLIN) < 0)
        drop(client);
}

void control_release(struct control *control)
{
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (control->clients[i].source.fd >= 0)
            drop(&control->clients[i]);
    loop_remove(control->loop, &control->listener);
    if (control->listener.fd >= 0)
        unlink(control->path);
    fds_close(&control->listener.fd);
    lockfile_release(&control->lock);
    free(control->path);
    control->path = NULL;
}

int64_t control_check(struct control *control, int64_t now_ms)
{
    if (now_ms >= control->resume_ms) {
        control->resume_ms = CLOCK_NEVER;
        loop_change(control->loop, &control->listener, EPOLLIN);
    }
    int64_t next = control->resume_ms;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (client->source.fd < 0)
            continue;
        if (client->deadline_ms <= now_ms && client->wait == CONTROL_WAIT_REOPEN)
            control_refuse(client, "a pool did not answer: it may still write to the old log");
        else if (client->deadline_ms <= now_ms)
            drop(client);
        else if (client->deadline_ms < next)
            next = client->deadline_ms;
    }
    return next;
}
