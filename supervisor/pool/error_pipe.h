/* SPDX-License-Identifier: MIT
 *
 * error_pipe - what a program writes to its standard error, line by line into the log with the
 * worker and the client in front.
 *
 * The pool never waits for a program and never lets one flood the log: a turn takes a bounded
 * piece, and lines beyond a rate are dropped, counted and reported.
 */
#ifndef POOL_ERROR_PIPE_H
#define POOL_ERROR_PIPE_H

#include "lib/buffer.h"
#include "lib/loop.h"
#include "lib/rate.h"
#include "lib/scoreboard.h"

/* What all programs of a pool may write into the log together: a client that makes its program
 * complain shall not fill the disk by coming again and again. */
struct error_pipe_budget {
    struct rate lines;
    struct rate reports; /* of lines that were dropped */
    int64_t dropped;     /* lines since that was last told */
};
void error_pipe_budget_init(struct error_pipe_budget *budget);

/* Tell what was dropped, once a second. Returns when to call again. */
int64_t error_pipe_budget_check(struct error_pipe_budget *budget, int64_t now_ms);

/* The same at once, at the end. */
void error_pipe_budget_report(struct error_pipe_budget *budget);

struct error_pipe {
    struct loop *loop;
    struct error_pipe_budget *budget;
    struct loop_source source;           /* the read end; -1: closed */
    const struct scoreboard_slot *shown; /* whose client is told; NULL: it has none */
    int pid;                             /* of the worker, to be told; 0: not known yet */
    struct buffer line;                  /* not ended yet */
};

#define ERROR_PIPE_NONE ((struct error_pipe){.source = {.fd = -1}})

/* Returns the write end, close-on-exec, the caller's; -1 and errno. PIPE must stay where it is
 * until error_pipe_close(). It is read from error_pipe_start() on. */
int error_pipe_open(struct error_pipe *pipe, struct loop *loop, struct error_pipe_budget *budget,
                    const struct scoreboard_slot *shown);

/* The worker that has the write end is PID. */
void error_pipe_start(struct error_pipe *pipe, int pid);

/* Write out what is there, and close. What others still write into it is lost to them (EPIPE). */
void error_pipe_close(struct error_pipe *pipe);

#endif
