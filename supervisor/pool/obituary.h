/* SPDX-License-Identifier: MIT
 *
 * obituary - the one log line that says how a worker ended, and what happens next.
 */
#ifndef POOL_OBITUARY_H
#define POOL_OBITUARY_H

#include "lib/child.h"
#include "lib/scoreboard.h"

struct obituary {
    uint32_t slot;
    int pid;
    int64_t age_ms;
    uint64_t connections; /* accepted, the one in hand included */
    const char *peer;     /* of the connection in hand, "" for none */
    const char *said;     /* its handler's or program's status text, "" for none */
    struct child_end end;
    bool expected; /* it left as it was told to */
    const char *next;
};

/* Unexpected deaths are warnings, expected ones are for debugging. */
void obituary_write(const struct obituary *o);

/* "signal SIGSEGV (core dumped)" or "status 3". Returns TEXT. */
#define OBITUARY_CAUSE_MAX 64
char *obituary_cause(const struct child_end *end, char text[static OBITUARY_CAUSE_MAX]);

#endif
