/* SPDX-License-Identifier: MIT
 *
 * serve_check - can a service be served on the sockets that it got? Decides only.
 *
 * The configuration is checked against the types that its addresses tell. Which type fd://NAME has
 * is known where the socket is, in the pool: here the same laws are kept once more.
 */
#ifndef SERVER_SERVE_CHECK_H
#define SERVER_SERVE_CHECK_H

#include "lib/error.h"
#include "server/serve.h"

/* In the pool, once SERVE is prepared and has its handler (NULL: a program). 0, or -1 with ERROR,
 * "FILE:LINE: …". */
int serve_check(const struct serve *serve, struct error *error);

#endif
