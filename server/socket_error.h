/* SPDX-License-Identifier: MIT
 *
 * socket_error - what errno of a failed recv or send says about the other end; for workers and for
 * the preload library.
 */
#ifndef SERVER_SOCKET_ERROR_H
#define SERVER_SOCKET_ERROR_H

#include <errno.h>
#include <stdbool.h>

/* The other end is gone, or cannot be reached any more. False: it is this machine that failed. */
static inline bool socket_error_is_gone(int error)
{
    switch (error) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT: /* keepalive or retransmission gave up */
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENOTCONN:
        return true;
    default:
        return false;
    }
}

#endif
