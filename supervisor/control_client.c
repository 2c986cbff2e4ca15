/* SPDX-License-Identifier: MIT
 *
 * control_client - see control_client.h.
 */
#include "supervisor/control_client.h"

#include "lib/clock.h"
#include "lib/escape.h"
#include "lib/fds.h"
#include "supervisor/control.h"
#include "supervisor/control_command.h"

#include <errno.h>
#include <sys/socket.h>

void control_client_drop(struct control_client *client)
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
        client->deadline_ms = clock_now_ms() + CONTROL_CLIENT_LIMIT_MS;
    }
    control_client_drop(client);
}

static int append(const char *bytes, size_t length, void *buffer)
{
    buffer_append(buffer, bytes, length);
    return 0;
}

/* OBJECT is taken. */
static void write_object(struct control_client *client, json_t *object)
{
    json_dump_callback(object, append, &client->answer, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
}

static void write_text(struct control_client *client, const char *text)
{
    buffer_append(&client->answer, text, strlen(text));
}

static void finish(struct control_client *client)
{
    write_text(client, "\n");
    client->answered = true;
    client->wait = CONTROL_WAIT_NONE;
    client->deadline_ms = clock_now_ms() + CONTROL_CLIENT_LIMIT_MS;
    send_answer(client);
}

json_t *control_client_text(const char *text)
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

void control_client_answer(struct control_client *client, json_t *result)
{
    json_t *object = json_pack("{s:b}", "ok", 1);
    if (result)
        json_object_set_new(object, "result", result);
    write_object(client, object);
    finish(client);
}

void control_client_list(struct control_client *client)
{
    write_text(client, "{\"ok\":true,\"result\":[");
}

void control_client_list_item(struct control_client *client, json_t *item)
{
    if (client->answer.data[client->answer.length - 1] != '[')
        write_text(client, ",");
    write_object(client, item);
}

void control_client_list_end(struct control_client *client)
{
    write_text(client, "]}");
    finish(client);
}

void control_client_refuse(struct control_client *client, const char *problem)
{
    write_object(client, json_pack("{s:b, s:o}", "ok", 0, "error", control_client_text(problem)));
    finish(client);
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

void control_client_ready(struct loop_source *source, uint32_t events)
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
            control_client_drop(client);
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
        control_client_drop(client);
        break;
    }
}
