/* SPDX-License-Identifier: MIT
 *
 * deadline - whose time is up: a worker that does not get ready, a connection that is idle or too
 * old, a worker that was told to end and does not. Pure.
 *
 * The pool looks at the scoreboard instead of being told, so that deadlines cost a connection no
 * system call. How it knows when to look: a connection that begins after a look cannot be due
 * before that look plus the shortest limit; those that are there say exactly when they are due.
 */
#ifndef POOL_DEADLINE_H
#define POOL_DEADLINE_H

#include "include/worker.h"
#include "lib/clock.h"
#include "lib/scoreboard.h"

struct deadline_limits {
    int64_t start_ms;    /* start_timeout */
    int64_t idle_ms;     /* idle_timeout, 0: none */
    int64_t lifetime_ms; /* max_lifetime, 0: none */
    int64_t kill_ms;     /* kill_timeout */
    int64_t unready_ms;  /* for one that has to leave and is not READY; 0: as for any other */
};

/* What was said to a worker already; DEADLINE_NOTICE_NONE at its birth. */
struct deadline_notice {
    int64_t told_ms;     /* when it was told to leave; CLOCK_NEVER before */
    int64_t leave_by_ms; /* graceful_timeout after that; CLOCK_NEVER: nobody waits for its client */
    bool given;          /* its connection was cut, or leave_by_ms has come */
    uint32_t sequence;   /* which connection */
    enum worker_end reason;
    int64_t moved_ms;   /* of that connection, when the notice was given */
    int64_t kill_at_ms; /* SIGKILL when it is still at it by then */
};

#define DEADLINE_NOTICE_NONE                                                                       \
    ((struct deadline_notice){.told_ms = CLOCK_NEVER, .leave_by_ms = CLOCK_NEVER})

/* After a cut for idleness the worker may find that bytes moved; it is looked at again then. */
#define DEADLINE_LOOK_AGAIN_MS 50

enum deadline_action { DEADLINE_NONE, DEADLINE_CUT, DEADLINE_KILL };

struct deadline_verdict {
    enum deadline_action action;
    enum worker_end reason; /* of a cut */
    int64_t next_ms;        /* look at this worker again then */
};

/* Judge one worker that is not FREE. Updates NOTICE when the verdict is to cut, and takes it back
 * when the connection turned out to be alive. */
struct deadline_verdict deadline_judge(const struct scoreboard_view *worker,
                                       const struct deadline_limits *limits,
                                       struct deadline_notice *notice, int64_t now_ms);

/* When to look again for connections that have not begun yet. */
int64_t deadline_horizon(const struct deadline_limits *limits, int64_t now_ms);

#endif
