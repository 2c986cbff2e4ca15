/* SPDX-License-Identifier: MIT
 *
 * clock - the time every deadline is measured in: CLOCK_MONOTONIC, in milliseconds.
 *
 * Wall-clock time is only ever printed (lib/log.c), never compared.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER INT64_MAX /* a deadline that does not come */

/* Milliseconds since some fixed moment. The same moment in all processes of a boot. */
int64_t clock_now_ms(void);

/* The same, accurate to a scheduler tick (1-10 ms) and about five times cheaper; no system call.
 * Async-signal-safe. */
int64_t clock_coarse_ms(void);

/* How far behind clock_now_ms() that one may be. */
#define CLOCK_COARSE_ERROR_MS 10

/* Microseconds on the same clock, for durations that are printed. */
int64_t clock_now_us(void);

/* The one of two deadlines that comes first. */
static inline int64_t clock_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* NOW + DELAY, CLOCK_NEVER where DELAY is 0 ("no limit") or the sum would overflow. */
int64_t clock_deadline(int64_t now_ms, int64_t delay_ms);

#endif
