/* SPDX-License-Identifier: MIT
 *
 * datagram_wait - programs that are handed a datagram socket, inetd's "wait": when the next one may
 * be started. Of one that ends without having read its datagram the next would be started at once,
 * for ever.
 */
#ifndef SERVER_DATAGRAM_WAIT_H
#define SERVER_DATAGRAM_WAIT_H

#include <signal.h>

/* In the pool, before it forks. Nothing is held off where it fails. */
void datagram_wait_prepare(void);

/* In the worker that becomes the program: wait until something has come to the socket FD, and until
 * a program may be started for it. A duplicate of FD, LOWEST or above; -1 where *STOPPING became
 * true. Early where a signal comes. */
int datagram_wait_take(int fd, int lowest, const volatile sig_atomic_t *stopping);

#endif
