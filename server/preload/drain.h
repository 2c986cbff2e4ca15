/* SPDX-License-Identifier: MIT
 *
 * drain - how a program that waits for its client is told to leave: WORKER_DRAIN and SIGTERM, which
 * the kernel also sends when the pool dies. The program's own way with these signals is put aside
 * for as long.
 */
#ifndef SERVER_PRELOAD_DRAIN_H
#define SERVER_PRELOAD_DRAIN_H

#include <signal.h>

/* Set when it was told. Waiting calls return at once from then on (descriptors_deaden()). */
extern volatile sig_atomic_t drain_asked;

/* With all signals blocked: take the signals over and let them through, beside those that MASK, the
 * program's, lets through. Ends the process where POOL_PID is no longer its parent. */
void drain_begin(const sigset_t *mask, int pool_pid);

/* Block all signals again, give the program back what was its own. */
void drain_end(void);

#endif
