/* SPDX-License-Identifier: MIT
 *
 * channel.h - the contract between the supervisor and a pool.
 *
 * preforkd executes
 *
 *     preforkd-pool SERVICE GENERATION LISTENERS
 *
 * (or, to check a configuration, preforkd-pool SERVICE PLACE 0: it asks the handler, says on
 * descriptor 2 what is wrong, with PLACE in front where the handler names none, then READY or
 * FAILED on the channel, and ends with 0 or enum exit_code. An end without a word on the channel is
 * that of the handler. Descriptors as below, but the scoreboard is /dev/null)
 *
 * with exactly these descriptors open, and talks to it over CHANNEL_FD_CHANNEL in packets of one
 * struct channel_message. Nothing else passes between the two. The pool treats end of file on the
 * channel as the supervisor's death. What a pool says is gossip to the supervisor: it is checked,
 * shown and logged; only READY (once), LEAVING, DRAINED, CRASHED and the pool's own end change what
 * is done.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdint.h>

/* Descriptor numbers in the pool; 0 and 1 are /dev/null, 2 is the log. */
enum channel_fd {
    CHANNEL_FD_CHANNEL = 3,    /* SOCK_SEQPACKET, one end */
    CHANNEL_FD_CONFIG = 4,     /* sealed memfd: the effective configuration of this service */
    CHANNEL_FD_SCOREBOARD = 5, /* memfd, see scoreboard.h */
    CHANNEL_FD_LIBRARY = 6,    /* the preload library of warm.h, or /dev/null */
    CHANNEL_FD_LISTENERS = 7,  /* this and the following LISTENERS - 1: listening sockets */
};

#define CHANNEL_LISTENERS_MAX 32

#define CHANNEL_MAGIC 0x70664b31u /* "pfK1": changes with the layout below */

/* One row per message: name, who sends it, meaning of value / limit / text. */
#define CHANNEL_MESSAGES(MESSAGE)                                                                  \
    /* supervisor to pool */                                                                       \
    MESSAGE(SERVE)       /* the configuration is in force: accept from now on */                   \
    MESSAGE(DRAIN)       /* stop accepting, finish what is in hand within value ms, end */         \
    MESSAGE(STOP)        /* end now, workers killed */                                             \
    MESSAGE(SET_WORKERS) /* value: from now on that many workers */                                \
    MESSAGE(REOPEN)      /* with a descriptor: the log from now on */                              \
    /* pool to supervisor */                                                                       \
    MESSAGE(DRAINED)  /* told to drain: none of its workers takes another client */                \
    MESSAGE(CRASHED)  /* a worker crashed while it served; said rarely */                          \
    MESSAGE(LEAVING)  /* a signal told it to drain, and it does: another one is needed */          \
    MESSAGE(READY)    /* serving; value: workers ready, limit: workers wanted */                   \
    MESSAGE(HEALTH)   /* value, limit as above; text: why fewer are ready, "" when well again */   \
    MESSAGE(REOPENED) /* every worker was told of the log of the last REOPEN, and writes there */  \
    MESSAGE(FAILED)   /* it cannot be started; text: why. The pool ends after it */

enum channel_type {
    CHANNEL_NONE,
#define MESSAGE(name) CHANNEL_##name,
    CHANNEL_MESSAGES(MESSAGE)
#undef MESSAGE
};

struct channel_message {
    uint32_t magic;
    uint32_t type; /* enum channel_type */
    uint32_t value;
    uint32_t limit;
    char text[496]; /* NUL-terminated */
};

#endif
