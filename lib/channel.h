/* SPDX-License-Identifier: MIT
 *
 * channel - sending and receiving the messages of include/channel.h.
 */
#ifndef LIB_CHANNEL_H
#define LIB_CHANNEL_H

#include "include/channel.h"
#include "lib/error.h"

/* Send without waiting. TEXT may be NULL; too long a text is cut. PASS: a descriptor to send
 * along, -1 for none. 0, or -1 and errno (EAGAIN: the other side does not read). */
int channel_send(int fd, enum channel_type type, uint32_t value, uint32_t limit, const char *text,
                 int pass);

/* Receive one message without waiting; it is checked (magic, type, terminated text). *PASSED as in
 * fds_receive(). 1, 0 at end of file, -1 and errno (EAGAIN: none there; EBADMSG: rubbish). */
int channel_receive(int fd, struct channel_message *message, int *passed);

/* "READY". For logs. */
const char *channel_name(enum channel_type type);

#endif
