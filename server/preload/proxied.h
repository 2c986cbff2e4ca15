/* SPDX-License-Identifier: MIT
 *
 * proxied - a service behind a proxy: the client is whom the proxy names. What proxy_gate.h is to a
 * worker that has a configuration and a log.
 */
#ifndef SERVER_PRELOAD_PROXIED_H
#define SERVER_PRELOAD_PROXIED_H

#include "server/proxy_judge.h"

/* TEXT is the value of WARM_PROXY_VARIABLE, NULL: there is no proxy. Ends the process where it
 * cannot be read: clients that nobody vouches for are not to be served. */
void proxied_adopt(const char *text);

/* The variable, "NAME=value", for the program that comes next; NULL where there is no proxy. */
char *proxied_variable(void);

/* Read the header of the connection on FD. True where it may be served; *HEADER may name the client
 * then (names_client). False where it has to be closed, which has been told where it is to be. */
bool proxied_pass(int fd, const union socket_address *peer, struct proxy_header *header);

#endif
