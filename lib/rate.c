/* SPDX-License-Identifier: MIT
 *
 * rate - see rate.h.
 */
#include "lib/rate.h"

static int64_t token_us(const struct rate *r)
{
    return 1000000 / r->per_second;
}

static int64_t spent_now(const struct rate *r, int64_t now_ms)
{
    int64_t spent = r->spent_us - (now_ms - r->seen_ms) * 1000;
    return spent > 0 ? spent : 0;
}

void rate_init(struct rate *r, int64_t burst, int64_t per_second, int64_t now_ms)
{
    *r = (struct rate){.burst = burst, .per_second = per_second, .seen_ms = now_ms};
}

int64_t rate_take(struct rate *r, int64_t wanted, int64_t now_ms)
{
    r->spent_us = spent_now(r, now_ms);
    r->seen_ms = now_ms;
    int64_t left = r->burst - (r->spent_us + token_us(r) - 1) / token_us(r);
    int64_t taken = wanted < left ? wanted : left;
    if (taken < 0)
        taken = 0;
    r->spent_us += taken * token_us(r);
    return taken;
}

int64_t rate_next_ms(const struct rate *r, int64_t now_ms)
{
    int64_t over_us = spent_now(r, now_ms) - (r->burst - 1) * token_us(r);
    return over_us > 0 ? now_ms + (over_us + 999) / 1000 : now_ms;
}
