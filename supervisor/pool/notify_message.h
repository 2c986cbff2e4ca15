/* SPDX-License-Identifier: MIT
 *
 * notify_message - one datagram of sd_notify(3): NAME=VALUE lines, separated by newlines. Pure.
 *
 * Known are READY=1, RELOADING=1, STOPPING=1, STATUS=text, WATCHDOG=1 and WATCHDOG=trigger; every
 * other line is skipped (MAINPID= and ERRNO= too: who the worker is and how it ended the pool
 * knows by itself).
 */
#ifndef POOL_NOTIFY_MESSAGE_H
#define POOL_NOTIFY_MESSAGE_H

#include "include/scoreboard.h"

#include <stddef.h>

/* A longer datagram is refused, as service managers do. */
#define NOTIFY_MESSAGE_MAX 4096

struct notify_message {
    bool ready;
    bool reloading;
    bool stopping;
    bool alive;                       /* WATCHDOG=1 */
    bool triggered;                   /* WATCHDOG=trigger: its own watchdog found it stuck */
    bool has_status;                  /* STATUS= was there, maybe empty */
    char status[SCOREBOARD_SAID_MAX]; /* any bytes but newline and NUL; cut between characters */
};

/* Read the LENGTH bytes at BYTES. 0, or -1 where they are no such message: nothing, too long, or
 * with a NUL in it (one at the end is forgiven). Of two STATUS= lines the first one counts. */
int notify_message_parse(const void *bytes, size_t length, struct notify_message *message);

#endif
