/* SPDX-License-Identifier: MIT
 *
 * control - the control socket: taking requests (include/control.h) and sending answers, without
 * ever waiting for a client.
 *
 * This is the socket, and who waits for what; one client is control_client.c, and what its request
 * does control_command.c.
 */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include "lib/lockfile.h"
#include "supervisor/control_client.h"

#define CONTROL_CLIENTS_MAX 32

struct supervisor;

struct control {
    struct supervisor *supervisor;
    struct loop *loop;
    struct loop_source listener;
    struct lockfile lock; /* beside the socket: held by the daemon that serves it */
    int64_t resume_ms;    /* no client is accepted before; CLOCK_NEVER: not paused */
    char *path;
    struct control_client clients[CONTROL_CLIENTS_MAX];
};

/* Bind PATH with mode 0600 and listen. 0, or -1 with ERROR (another preforkd has it). */
int control_init(struct control *control, struct supervisor *supervisor, struct loop *loop,
                 const char *path, struct error *error);

/* Take over the socket FD of PATH and its lock from the image of this process before us. 0, or -1
 * with ERROR. */
int control_adopt(struct control *control, struct supervisor *supervisor, struct loop *loop,
                  const char *path, int fd, int lock, struct error *error);

/* Take over a client: FD, what came of its request, what of its answer has not gone (NULL: it has
 * none yet), what it waits for, until when. It is dropped where it cannot be had. */
void control_adopt_client(struct control *control, int fd, const char *request, const char *answer,
                          enum control_wait wait, int64_t deadline_ms);

/* Drop every client, remove the socket. Answers on their way are written as far as possible. */
void control_release(struct control *control);

/* Drop clients that are too slow. Returns when to call again. */
int64_t control_check(struct control *control, int64_t now_ms);

/* No answer yet: it comes with control_answer_waiting(). False: too many wait, it was refused; but
 * who stops preforkd, and so ends all waiting, never is. */
bool control_wait(struct control_client *client, enum control_wait wait);

/* Answer all who wait for WAIT: PROBLEM NULL means it went well. */
void control_answer_waiting(struct control *control, enum control_wait wait, const char *problem);

/* Answer all who wait for WAIT with RESULT, which is taken. */
void control_answer_all(struct control *control, enum control_wait wait, json_t *result);

/* Who waited for the next one (reload, upgrade, dry run) now waits for the one that begins. */
void control_advance_waiting(struct control *control, enum control_wait next,
                             enum control_wait wait);

#endif
