/* SPDX-License-Identifier: MIT
 *
 * client - the one this process waits for, and whether it is due, being taken, or there.
 *
 * Every hook asks client_due() first. Once the client is there that is all a hook does beside
 * calling the real function.
 */
#ifndef SERVER_PRELOAD_CLIENT_H
#define SERVER_PRELOAD_CLIENT_H

#include "include/warm.h"

#include <stdatomic.h>

enum client_state {
    CLIENT_NONE, /* there is no plan, or the client is there: the library does nothing */
    CLIENT_DUE,
    CLIENT_TAKING
};
extern _Atomic int client_state;

/* From now on a client is due. PLAN stays the caller's. */
void client_expect(struct warm_plan *plan);

/* Does the calling code have to do with a client that is due? Not where it is the library itself
 * while it waits, and not in a process that was made by other means than the hooked ones. Slow. */
bool client_concerns_us(void);

/* Wait for the client as a worker does (include/worker.h) and put it at 0 and 1; the process ends
 * where there will be none. Returns at once where that is done, or does not concern the caller;
 * waits where another thread is at it. Keeps errno. */
void client_take(void);

/* The plan as it is now. */
const struct warm_plan *client_plan(void);

/* The variables of its connection, *COUNT of them; 0 before it is there. */
char *const *client_variables(int *count);

static inline bool client_due(void)
{
    return __builtin_expect(atomic_load_explicit(&client_state, memory_order_acquire), 0) !=
           CLIENT_NONE;
}

/* The program is about to make something that is not for copies of it: a template waits here. */
void client_take_if_template(void);

/* FD is about to be used. 2 is the client's only with stderr = "socket". */
#define CLIENT_DESCRIPTORS 3
void client_take_at(int fd);
static inline void client_touch(int fd)
{
    if (client_due() && fd >= 0 && fd < CLIENT_DESCRIPTORS)
        client_take_at(fd);
}

#endif
