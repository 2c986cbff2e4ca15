/* SPDX-License-Identifier: MIT
 *
 * control_client - a client of the control socket: its request, and its answer.
 *
 * It has a buffer of one line for its request, one answer, and a few seconds for each.
 */
#ifndef SUPERVISOR_CONTROL_CLIENT_H
#define SUPERVISOR_CONTROL_CLIENT_H

#include "include/control.h"
#include "lib/buffer.h"
#include "lib/loop.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* To send a request, and again to take the answer. */
#define CONTROL_CLIENT_LIMIT_MS 5000

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

/* For the event loop: read its request and have it done, or send more of the answer. */
void control_client_ready(struct loop_source *source, uint32_t events);

/* Its place is free. */
void control_client_drop(struct control_client *client);

/* Send the answer. RESULT (may be NULL) is taken; PROBLEM: the error text. */
void control_client_answer(struct control_client *client, json_t *result);
void control_client_refuse(struct control_client *client, const char *problem);

/* The same where the result is a list that may be long: item by item, each of which is taken. All
 * of the objects at once, of ten thousand workers, would be 20 MB. */
void control_client_list(struct control_client *client);
void control_client_list_item(struct control_client *client, json_t *item);
void control_client_list_end(struct control_client *client);

/* TEXT as JSON; escaped where it is not UTF-8 (it may quote a file, or have been cut). */
json_t *control_client_text(const char *text);

#endif
