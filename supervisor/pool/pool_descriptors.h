/* SPDX-License-Identifier: MIT
 *
 * pool_descriptors - which numbers a pool's descriptors have: those that come as channel.h says,
 * those that its workers keep, and its own.
 *
 * What workers keep: numbers 0 to 2, then in the place of what was read and is not needed any more
 * gate and notify, then scoreboard, library (or wear) and listeners where they came, then mailbox
 * and errors. As no number there stays free, all that is opened later is above, and not for
 * workers.
 */
#ifndef POOL_POOL_DESCRIPTORS_H
#define POOL_POOL_DESCRIPTORS_H

#include "supervisor/pool/pool.h"

/* Fill in the numbers of pool->plan; LISTENERS: how many listening sockets there are. */
void pool_descriptors_describe(struct pool *pool, int listeners);

/* The configuration has been read: open what is missing, and move everything to its number. 0, or
 * -1 with ERROR; the channel can be used in any case. */
int pool_descriptors_arrange(struct pool *pool, struct error *error);

#endif
