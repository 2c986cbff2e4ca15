/* SPDX-License-Identifier: MIT
 *
 * einhorn_message - the one line by which a worker acknowledges to einhorn that it is up. Pure.
 *
 * Einhorn reads YAML in which newline and percent sign are written as in a URL. Its own clients
 * send a block, others send JSON, which is YAML too, or escape as for a whole URL:
 *
 *     --- %0Acommand: worker:ack%0Apid: 1234%0A
 *     {"command":"worker:ack", "pid":1234}
 *     ---%0Acommand:%20worker:ack%0Apid:%201234
 *
 * All are flat maps, and no more than that is understood here: keys and values are words or quoted
 * strings without escapes, one map, nothing inside of anything. Other keys are skipped.
 */
#ifndef POOL_EINHORN_MESSAGE_H
#define POOL_EINHORN_MESSAGE_H

#include <stddef.h>
#include <sys/types.h>

/* A longer line is refused. */
#define EINHORN_MESSAGE_MAX 4096

/* Read the LENGTH bytes of TEXT, a line without its newline; they are overwritten. 0 where it is
 * an acknowledgement, with *PID as it says or 0 where it says none; else -1. */
int einhorn_message_parse(char *text, size_t length, pid_t *pid);

#endif
