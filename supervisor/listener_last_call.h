/* SPDX-License-Identifier: MIT
 *
 * listener_last_call - a listening socket at the end of its time: nobody can queue up any more, but
 * who is in the queue is still served.
 *
 * TCP has no call for that: shutdown(2) and close(2) reset who is in the queue. A socket filter
 * that drops what begins a connection (SYN) does it: handshakes that have begun complete, later
 * clients get no answer, try again a second later (tcp(7)) and find the socket closed, or somebody
 * else on it. Where filters are not permitted, the socket is bound to a network interface that
 * there is not: later clients are refused. Where that fails, too, the queue takes nobody until it
 * is empty, and then one at a time (listen(2) with 0), who may be lost; so does that of an abstract
 * Unix socket. Other Unix sockets lose their name. Datagrams are dropped by a filter, and those in
 * the buffer are answered; but not by programs that are handed the socket itself, which may never
 * read them. Sockets that are inherited are their owner's affair.
 */
#ifndef SUPERVISOR_LISTENER_LAST_CALL_H
#define SUPERVISOR_LISTENER_LAST_CALL_H

#include "supervisor/listener.h"

/* For all sockets of SERVICE; where it cannot be done, the log says so. */
void listener_last_call(const struct listener_table *table, const struct config_service *service);

/* Does nobody wait in any of them who is to be served? */
bool listener_last_call_is_empty(const struct listener_table *table,
                                 const struct config_service *service);

#endif
