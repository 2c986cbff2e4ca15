/* SPDX-License-Identifier: MIT
 *
 * manager_message - what is said to a service manager: one datagram of sd_notify(3), and the one
 * line for people in it. Pure.
 *
 * The datagram is lines of NAME=VALUE. Values that come from elsewhere (reasons) are escaped and
 * bounded, so that no text can add a line of its own.
 */
#ifndef SUPERVISOR_MANAGER_MESSAGE_H
#define SUPERVISOR_MANAGER_MESSAGE_H

#include "supervisor/supervisor.h"

#define MANAGER_STATUS_MAX  512 /* with the NUL at the end, like the next one */
#define MANAGER_MESSAGE_MAX 1024

/* Lines are left out where their field is 0 or NULL. */
struct manager_message {
    const char *state;    /* "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1" */
    pid_t main_pid;       /* MAINPID: the daemon's, with READY=1 */
    int64_t monotonic_us; /* MONOTONIC_USEC: the present, with RELOADING=1 (clock_now_us()) */
    int64_t extend_ms;    /* EXTEND_TIMEOUT_USEC: within that time more will be heard */
    const char *status;   /* STATUS: one line, as manager_message_status() and _reason() make it */
};

/* What manager_message_status() tells of. */
struct manager_facts {
    enum core_phase phase;
    bool reloading;
    const char *problem; /* why the last reload was refused; "": it was not */
    const char *outcome; /* why the daemon fails; "": it does not */
    struct service *const *services;
    size_t service_count;
    size_t pool_count; /* alive */
};

/* Returns the length of TEXT, NUL not counted. */
size_t manager_message_write(char text[static MANAGER_MESSAGE_MAX],
                             const struct manager_message *message);

/* The state of the daemon in one line, without figures that change with every client. */
void manager_message_status(char status[static MANAGER_STATUS_MAX],
                            const struct manager_facts *facts);

/* A reason of one or several lines as one that can be shown: the first, and how many there are
 * besides. */
void manager_message_reason(char status[static MANAGER_STATUS_MAX], const char *reason);

#endif
