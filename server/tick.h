/* SPDX-License-Identifier: MIT
 *
 * tick - a periodic signal that lets a worker look up from its wait for a client.
 *
 * It is blocked but for the wait, so that no call of a handler is ever interrupted by it.
 */
#ifndef SERVER_TICK_H
#define SERVER_TICK_H

#include <stdbool.h>
#include <stdint.h>

/* Every PERIOD_MS from now on; 0: never. */
void tick_begin(uint32_t period_ms);

/* Around the wait. tick_due(): has it come since it was last asked? */
void tick_allow(void);
void tick_block(void);
bool tick_due(void);

#endif
