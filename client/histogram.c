/* SPDX-License-Identifier: MIT
 *
 * histogram - see histogram.h.
 */
#include "client/histogram.h"

#define HALF  (1U << (HISTOGRAM_LINEAR_BITS - 1))
#define LIMIT (UINT64_C(1) << HISTOGRAM_VALUE_BITS)

/* How many low bits of VALUE are given up. */
static unsigned int shift_of(uint64_t value)
{
    unsigned int bits = 64 - (unsigned int)__builtin_clzll(value | 1);
    return bits > HISTOGRAM_LINEAR_BITS ? bits - HISTOGRAM_LINEAR_BITS : 0;
}

static unsigned int bucket_of(uint64_t value)
{
    unsigned int shift = shift_of(value);
    return shift * HALF + (unsigned int)(value >> shift);
}

/* The greatest value that bucket_of() puts into BUCKET. */
static uint64_t top_of(unsigned int bucket)
{
    if (bucket < 2 * HALF)
        return bucket;
    unsigned int shift = bucket / HALF - 1;
    uint64_t top_bits = bucket - shift * HALF;
    return ((top_bits + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    if (value >= LIMIT)
        value = LIMIT - 1;
    h->buckets[bucket_of(value)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    uint64_t seen = 0;
    double wanted = (double)h->count * percent / 100;
    for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return top_of(i) < h->max ? top_of(i) : h->max;
    }
    return h->max;
}
