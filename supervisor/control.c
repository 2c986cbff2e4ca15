/* SPDX-License-Identifier: MIT
 *
 * control - see control.h.
 */
#include "supervisor/control.h"

#include "lib/clock.h"
#include "lib/control_path.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "lib/memory.h"
#include "supervisor/inherited.h"
#include "supervisor/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_MS 1000 /* without accepting, where descriptors or memory ran out */
/* A reload may take as long as connections last: what is asked besides has places of its own. */
#define WAITING_MAX (CONTROL_CLIENTS_MAX - 4)

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
        control_client_refuse(client,
                              "too many requests wait already; ask again when they are answered");
        return false;
    }
    client->wait = wait;
    client->deadline_ms =
        wait == CONTROL_WAIT_REOPEN ? clock_now_ms() + CONTROL_CLIENT_LIMIT_MS : CLOCK_NEVER;
    return true;
}

void control_answer_waiting(struct control *control, enum control_wait wait, const char *problem)
{
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (client->source.fd < 0 || client->wait != wait)
            continue;
        if (problem)
            control_client_refuse(client, problem);
        else
            control_client_answer(client, NULL);
    }
}

void control_answer_all(struct control *control, enum control_wait wait, json_t *result)
{
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &control->clients[i];
        if (client->source.fd >= 0 && client->wait == wait)
            control_client_answer(client, json_incref(result));
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
        control_client_drop(slowest);
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
                                      .source = {fd, control_client_ready, client},
                                      .deadline_ms = clock_now_ms() + CONTROL_CLIENT_LIMIT_MS};
    if (loop_add(control->loop, &client->source, EPOLLIN) < 0)
        control_client_drop(client);
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
                                      .source = {fd, control_client_ready, client},
                                      .request_length = length,
                                      .answered = answer != NULL,
                                      .wait = wait,
                                      .deadline_ms = deadline_ms};
    if (length > 0)
        memcpy(client->request, request, length);
    if (answer)
        buffer_append(&client->answer, answer, strlen(answer));
    if (loop_add(control->loop, &client->source, answer ? EPOLLOUT : EPOLLIN) < 0)
        control_client_drop(client);
}

void control_release(struct control *control)
{
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (control->clients[i].source.fd >= 0)
            control_client_drop(&control->clients[i]);
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
            control_client_refuse(client,
                                  "a pool did not answer: it may still write to the old log");
        else if (client->deadline_ms <= now_ms)
            control_client_drop(client);
        else if (client->deadline_ms < next)
            next = client->deadline_ms;
    }
    return next;
}
