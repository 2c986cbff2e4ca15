/* SPDX-License-Identifier: MIT
 *
 * histogram - how often which value occurred, within 1.6 %, in fixed memory.
 *
 * Log-linear: values below 128 are counted exactly, each power of two above is cut into 64 equal
 * buckets. A zeroed struct is an empty histogram.
 */
#ifndef CLIENT_HISTOGRAM_H
#define CLIENT_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_LINEAR_BITS 7  /* 2^7 values are exact */
#define HISTOGRAM_VALUE_BITS  40 /* 12 days in microseconds; anything above counts as the top */
#define HISTOGRAM_BUCKETS                                                                          \
    ((HISTOGRAM_VALUE_BITS - HISTOGRAM_LINEAR_BITS + 2) << (HISTOGRAM_LINEAR_BITS - 1))

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count; /* sum of buckets */
    uint64_t max;   /* exact */
};

void histogram_add(struct histogram *h, uint64_t value);

/* The value that PERCENT (0 to 100) of all values do not exceed; never below the true one, and
 * above it by less than 1.6 %. 0 for an empty histogram. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

#endif
