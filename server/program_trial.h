/* SPDX-License-Identifier: MIT
 *
 * program_trial - finds out whether a program can be executed, without running it.
 *
 * execve(2) itself is asked, as nothing else knows all the reasons why it may refuse: a child
 * executes the program under ptrace(2), which stops it before its first instruction, and is killed
 * there.
 */
#ifndef SERVER_PROGRAM_TRIAL_H
#define SERVER_PROGRAM_TRIAL_H

#include "lib/error.h"

/* Fork; the child calls EXECUTE, which returns only where execution failed, with ERROR. 0, also
 * where this system does not let us try; or -1 with that ERROR. Waits for the child. */
int program_trial(int (*execute)(struct error *error), struct error *error);

#endif
