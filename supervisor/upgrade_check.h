/* SPDX-License-Identifier: MIT
 *
 * upgrade_check - the other side of upgrade_probe.h: could this binary take over from the preforkd
 * that asks?
 *
 *     preforkd --upgrade-check FD ARGUMENT…
 *
 * FD is the state, the arguments are those of the process that asks. Nothing is changed, bound or
 * signalled.
 */
#ifndef SUPERVISOR_UPGRADE_CHECK_H
#define SUPERVISOR_UPGRADE_CHECK_H

#define UPGRADE_CHECK_OPTION "--upgrade-check"

/* What a yes begins with, on standard output; the version and a newline follow. */
#define UPGRADE_CHECK_ANSWER "preforkd can take over: "

/* Is this such a command line? */
int upgrade_check_is(int argc, char **argv);

/* The whole process. Returns the exit code: 0 for yes, else why not is on standard error. */
int upgrade_check_run(int argc, char **argv);

#endif
