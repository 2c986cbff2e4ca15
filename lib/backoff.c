/* SPDX-License-Identifier: MIT
 *
 * backoff - see backoff.h.
 */
#include "lib/backoff.h"

int64_t backoff_failed(struct backoff *b, int64_t now_ms, int64_t cap_ms, uint32_t dice)
{
    int64_t limit = cap_ms > 0 && cap_ms < b->max_ms ? cap_ms : b->max_ms;
    int64_t delay = b->initial_ms;
    for (unsigned i = 0; i < b->failures && delay < limit; i++)
        delay *= 2;
    if (delay > limit)
        delay = limit;
    delay = delay * (75 + dice % 51) / 100;
    b->failures++;
    b->hold_until_ms = now_ms + delay;
    return delay;
}

void backoff_succeeded(struct backoff *b)
{
    b->failures = 0;
}

bool backoff_holding(const struct backoff *b, int64_t now_ms)
{
    return b->failures > 0 && now_ms < b->hold_until_ms;
}
