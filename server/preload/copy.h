/* SPDX-License-Identifier: MIT
 *
 * copy - fork(2) whose child is a child of this process's parent.
 *
 * fork() of the C library cannot do that, so this is clone(2) itself, with what the library does
 * around it done here: the thread id it keeps is renewed, and the list of robust mutexes is
 * registered again. Functions of pthread_atfork(3) do not run.
 */
#ifndef SERVER_PRELOAD_COPY_H
#define SERVER_PRELOAD_COPY_H

#include <sys/types.h>

/* In a process with one thread, all signals blocked. The child's pid, 0 in the child, or -errno. */
pid_t copy_make(void);

#endif
