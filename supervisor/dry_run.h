/* SPDX-License-Identifier: MIT
 *
 * dry_run - `preforkctl reload --dry-run`: what a reload would do, without doing any of it.
 *
 * The file is read and compared, a log file that is new is opened, and addresses that are new are
 * bound, and let go at once, as a reload would find out. What only the new pools can tell (does the
 * program start?) is not tried: that is for `preforkd -t`.
 */
#ifndef SUPERVISOR_DRY_RUN_H
#define SUPERVISOR_DRY_RUN_H

#include "supervisor/reading.h"

struct supervisor;

struct dry_run {
    struct reading reading;
    bool going;
    bool again; /* somebody else asked meanwhile, perhaps of another file */
};

void dry_run_init(struct supervisor *s);
void dry_run_release(struct supervisor *s);

/* The outcome is told to the control clients that wait for it. */
void dry_run_request(struct supervisor *s);

/* None is made any more; who waits is told WHY. */
void dry_run_abandon(struct supervisor *s, const char *why);

#endif
