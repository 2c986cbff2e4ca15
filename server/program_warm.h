/* SPDX-License-Identifier: MIT
 *
 * program_warm - a worker starts its program ahead of the client, with the preload library in it.
 */
#ifndef SERVER_PROGRAM_WARM_H
#define SERVER_PROGRAM_WARM_H

#include <stdbool.h>
#include <stdint.h>

/* Is the program of this pool started warm? Where it should be and cannot, the reason is logged
 * once, by the pool. */
void program_warm_decide(void);
bool program_warm_wanted(void);

/* In the worker, after program_birth(): execute it as include/warm.h says. CONTROL_FD: of a
 * template, else -1. Returns only on failure, which is logged. */
void program_warm_start(uint32_t slot, int control_fd);

#endif
