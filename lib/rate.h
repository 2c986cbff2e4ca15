/* SPDX-License-Identifier: MIT
 *
 * rate - a token bucket: so many at once, so many per second after that. Pure.
 */
#ifndef LIB_RATE_H
#define LIB_RATE_H

#include <stdint.h>

struct rate {
    int64_t burst;      /* bucket size */
    int64_t per_second; /* refill, at least 1 */
    int64_t spent_us;   /* how much of the bucket is empty, as refill time in microseconds */
    int64_t seen_ms;    /* when spent_us was last brought up to date */
};

/* A full bucket at NOW. */
void rate_init(struct rate *r, int64_t burst, int64_t per_second, int64_t now_ms);

/* Take up to WANTED tokens; returns how many there were. */
int64_t rate_take(struct rate *r, int64_t wanted, int64_t now_ms);

/* When the next token will be there; NOW where one is. */
int64_t rate_next_ms(const struct rate *r, int64_t now_ms);

#endif
