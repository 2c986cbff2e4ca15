/* SPDX-License-Identifier: MIT
 *
 * upgrade_probe - the new binary, asked in a child whether it could take over; the loop goes on
 * meanwhile.
 *
 * It is executed by the descriptor that is executed in earnest later: what was asked is what runs.
 */
#ifndef SUPERVISOR_UPGRADE_PROBE_H
#define SUPERVISOR_UPGRADE_PROBE_H

#include "lib/buffer.h"
#include "lib/child.h"
#include "lib/error.h"
#include "lib/loop.h"

struct upgrade_probe {
    struct child child;
    struct loop *loop;
    struct loop_source pidfd;
    struct loop_source streams[2]; /* its standard output and error; fd -1: ended */
    struct buffer texts[2];        /* what came of them, bounded */
    int64_t limit_ms, deadline_ms; /* when it is killed, or then given up; CLOCK_NEVER: not */
    bool asked;                    /* somebody wants to know the outcome */
    bool late;                     /* it was killed for it */
    /* It has ended; see upgrade_probe_init(). */
    void (*ended)(void *owner, const char *version, const char *reason, bool killed);
    void *owner;
};

/* Nothing runs. ENDED is told the version of the one that said yes; else NULL and the REASON, which
 * is NULL, too, where nobody wants to know any more. KILLED: by a signal, so that what it had
 * started may have been left to us. */
void upgrade_probe_init(struct upgrade_probe *probe, struct loop *loop,
                        void (*ended)(void *owner, const char *version, const char *reason,
                                      bool killed),
                        void *owner);

/* Ask PROGRAM (O_PATH) about the state in the descriptor STATE; ARGUMENTS are those that it is to
 * be executed with. Both stay the caller's. It must have answered within LIMIT_MS. 0, or -1 with
 * ERROR: none is asked, which may also be because the last one could not even be killed. */
int upgrade_probe_start(struct upgrade_probe *probe, int program, int state, char *const *arguments,
                        int64_t limit_ms, struct error *error);

/* Kill it; nobody wants to know any more. It stays held until it was reaped. */
void upgrade_probe_abandon(struct upgrade_probe *probe);

/* Kill it where it is late. Returns when to call again. */
int64_t upgrade_probe_check(struct upgrade_probe *probe, int64_t now_ms);

/* Is PID it? */
bool upgrade_probe_holds(const struct upgrade_probe *probe, pid_t pid);

/* At the end of preforkd: kill it where it still runs, and wait a moment for it. */
void upgrade_probe_release(struct upgrade_probe *probe);

#endif
