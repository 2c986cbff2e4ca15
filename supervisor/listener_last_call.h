/* SPDX-License-Identifier: MIT
 *
 * listener_last_call - a listening socket at the end of its time: nobody can queue up any more, but
 * who is in the queue is still served.
 *
 * TCP has no call for that: shutdown(2) and close(2) reset who is in the queue. A socket filter
 * that drops what begins a connection (SYN) does it: handshakes that have begun complete, later
 * clients get no answer, try again a second later (tcp(7)) and find the socket closed, or somebody
 * else on it. Where filters are not permitted, the queue takes nobody until it is empty, and then
 * one at a time (listen(2) with 0). A Unix socket loses its name. Those that are inherited are
 * their owner's affair, and so are abstract ones and datagrams, for which there is no such way; all
 * of these count as empty.
 */
#ifndef SUPERVISOR_LISTENER_LAST_CALL_H
#define SUPERVISOR_LISTENER_LAST_CALL_H

#include "supervisor/listener.h"

/* For all sockets of SERVICE. */
void listener_last_call(const struct listener_table *table, const struct config_service *service);

/* Is nobody in the queue of any of them? */
bool listener_last_call_is_empty(const struct listener_table *table,
                                 const struct config_service *service);

#endif
