/* SPDX-License-Identifier: MIT
 *
 * backoff - when to try again after a child died before it was ready.
 *
 * Exponential hold-off with jitter: `initial`, twice that, … up to `max`; a success starts it anew.
 * Pure: the clock and the dice are passed in.
 */
#ifndef LIB_BACKOFF_H
#define LIB_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    int64_t initial_ms;
    int64_t max_ms;
    unsigned failures;     /* in a row; 0 after a success */
    int64_t hold_until_ms; /* nothing is tried before; meaningful while failures > 0 */
};

/* Record a failure at NOW; DICE is any random number and spreads the delay over 75 to 125 %.
 * CAP_MS bounds this delay below max_ms (0: it does not). Returns the delay. */
int64_t backoff_failed(struct backoff *b, int64_t now_ms, int64_t cap_ms, uint32_t dice);

void backoff_succeeded(struct backoff *b);

/* True while nothing may be tried. */
bool backoff_holding(const struct backoff *b, int64_t now_ms);

#endif
