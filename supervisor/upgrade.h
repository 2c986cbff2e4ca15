/* SPDX-License-Identifier: MIT
 *
 * upgrade - another binary in the same process: pid, sockets, pools and counters stay.
 *
 * The new binary is asked in a child whether it can take over (upgrade_probe.h, upgrade_check.h);
 * where it says yes, what this process knows is written into a state (upgrade_save.h) and the
 * binary executed (upgrade_exec.h). It takes over what the state names (upgrade_adopt.h), and a
 * reload replaces every pool. When that happens is decided by the core.
 *
 * Until the execution, and where it fails, nothing has changed. Where the reload fails, the old
 * pools serve on below the new supervisor, as after any reload that fails.
 */
#ifndef SUPERVISOR_UPGRADE_H
#define SUPERVISOR_UPGRADE_H

#include "supervisor/core.h"
#include "supervisor/upgrade_probe.h"
#include "supervisor/upgrade_state.h"

struct supervisor;

struct upgrade {
    char *path;  /* where the binary is looked for, each time */
    char *from;  /* the version before, while its upgrade to us goes on; else NULL */
    int program; /* what was found there, while it is asked; else -1 */
    struct upgrade_probe probe;
    bool accepted; /* it is executed at the end of this turn of the loop */
    bool reload;   /* one was asked for before it was executed */
    int64_t began_ms;
};

/* Of an ordinary start (STATE NULL), or of one that goes on where another image stopped. */
void upgrade_init(struct supervisor *s, const struct upgrade_state *state);
void upgrade_release(struct supervisor *s);

/* The first thing that a new image does in its loop: have all pools replaced. Nothing at an
 * ordinary start. */
void upgrade_resume(struct supervisor *s);

/* Actions of the core (core.h). */
void upgrade_check(struct supervisor *s, const struct core_action *action);
void upgrade_execute(struct supervisor *s, const struct core_action *action);

/* It is over, WHY: why it failed, NULL where it did not. Logged, and told to who waits. */
void upgrade_conclude(struct supervisor *s, const char *why);

/* In each turn of the loop, last; executes what was accepted. Returns when to call again. */
int64_t upgrade_turn(struct supervisor *s, int64_t now_ms);

#endif
