/* SPDX-License-Identifier: MIT
 *
 * control - the control socket: taking requests (include/control.h) and sending answers, without
 * ever waiting for a client.
 *
 * A client has a buffer of one line for its request, one answer, and a few seconds for each. What
 * the request does is in control_command.c.
 */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include "include/control.h"
#include "lib/buffer.h"
#include "lib/lockfile.h"
#include "lib/loop.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CONTROL_CLIENTS_MAX 32

struct supervisor;
struct control;

/* What a client is waiting for, besides the socket. */
enum control_wait {
    CONTROL_WAIT_NONE,
    CONTROL_WAIT_RELOAD,       /* the outcome of the reload that is going on */
    CONTROL_WAIT_NEXT_RELOAD,  /* of the one after it */
    CONTROL_WAIT_UPGRADE,      /* the outcome of the upgrade that is going on */
    CONTROL_WAIT_NEXT_UPGRADE, /* of the one after it */
    CONTROL_WAIT_DRY_RUN,      /* what a reload would do */
    CONTROL_WAIT_NEXT_DRY_RUN,
    CONTROL_WAIT_REOPEN, /* every pool writes to the reopened log */
    CONTROL_WAIT_STOP,   /* the end of the daemon */
    /* The numbers go into the state of an upgrade: new ones come last. */
    CONTROL_WAIT_COUNT
};

struct control_client {
    struct loop_source source; /* fd -1: this place is free */
    struct control *control;
    char request[CONTROL_REQUEST_MAX];
    size_t request_length;
    bool answered;
    struct buffer answer;
    size_t sent;
    enum control_wait wait;
    int64_t deadline_ms; /* CLOCK_NEVER while it waits */
};

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

/* Send the answer. RESULT (may be NULL) is taken; PROBLEM: the error text. */
void control_answer(struct control_client *client, json_t *result);
void control_refuse(struct control_client *client, const char *problem);

/* TEXT as JSON; escaped where it is not UTF-8 (it may quote a file, or have been cut). */
json_t *control_text(const char *text);

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
