/* SPDX-License-Identifier: MIT
 *
 * pipeline - bytes on their way from one descriptor to another, in a bounded buffer.
 */
#ifndef CLIENT_PIPELINE_H
#define CLIENT_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#define PIPELINE_BYTES 262144 /* any message that a Unix socket takes by default */

/* The most that is sent as one message: the largest datagram of IPv4. */
#define PIPELINE_MESSAGE_MAX 65507

/* A zeroed struct is an empty one. */
struct pipeline {
    char bytes[PIPELINE_BYTES];
    size_t begin, end; /* begin == end: empty */
    bool ended;        /* nothing more comes in */
};

bool pipeline_is_empty(const struct pipeline *p);

/* How much may be added at bytes + end. */
size_t pipeline_room(const struct pipeline *p);

/* COUNT bytes have left it. */
void pipeline_advance(struct pipeline *p, size_t count);

/* Length of the first message in it: a line with its newline, what is left at the end, or part of a
 * line that is too long. 0: there is no whole one yet. */
size_t pipeline_message(struct pipeline *p);

#endif
