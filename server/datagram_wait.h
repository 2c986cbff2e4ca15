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

/* In the worker that is about to become the program: the socket FD is readable. Returns at once
 * where its first datagram is another one than the last time, and else after 10 ms, doubling, 500
 * ms at most; early where *STOPPING becomes true. */
void datagram_wait_hold_off(int fd, const volatile sig_atomic_t *stopping);

#endif
