/* SPDX-License-Identifier: MIT
 *
 * clock - see clock.h.
 */
#include "lib/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_coarse_ms(void)
{
    return read_ms(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_deadline(int64_t now_ms, int64_t delay_ms)
{
    if (delay_ms <= 0 || delay_ms > CLOCK_NEVER - now_ms)
        return CLOCK_NEVER;
    return now_ms + delay_ms;
}
