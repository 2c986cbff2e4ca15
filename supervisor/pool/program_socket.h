/* SPDX-License-Identifier: MIT
 *
 * program_socket - when bytes last moved on the connection that a program holds.
 *
 * Nobody of ours is in that process to write it down, but TCP knows. The pool borrows the socket
 * for the question (pidfd_getfd(2), which a parent of the same user may) and gives it back at once,
 * so that the connection ends when the program closes it.
 */
#ifndef POOL_PROGRAM_SOCKET_H
#define POOL_PROGRAM_SOCKET_H

#include "lib/child.h"

/* Milliseconds since the last byte came or went on descriptor 0 of the program, or 1 where 0 is no
 * TCP socket. -1 where that cannot be found out: a Unix socket, both closed, another user. */
int64_t program_socket_idle_ms(const struct child *child);

#endif
