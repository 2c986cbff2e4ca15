/* SPDX-License-Identifier: MIT
 *
 * datagram_send - the answers to a batch of datagrams; runs in the worker.
 */
#ifndef SERVER_DATAGRAM_SEND_H
#define SERVER_DATAGRAM_SEND_H

#include "include/scoreboard.h"
#include "server/datagram_message.h"

/* Send what the handler answered to the COUNT datagrams at BATCH, from the addresses that they were
 * sent to, count it in SLOT, and say in each how much was sent. Waits for a network card, but for
 * no client. */
void datagram_send_replies(struct preforkd_datagram *batch, int count, int fd,
                           struct scoreboard_worker *slot);

#endif
