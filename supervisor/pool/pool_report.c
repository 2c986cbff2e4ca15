/* SPDX-License-Identifier: MIT
 *
 * pool_report - see pool_report.h.
 */
#include "supervisor/pool/pool_report.h"

#include "lib/channel.h"
#include "lib/clock.h"
#include "supervisor/pool/orders.h"
#include "supervisor/pool/pool_listen.h"

#define HEALTH_BURST      20
#define HEALTH_PER_SECOND 5

void pool_report_init(struct pool *pool)
{
    rate_init(&pool->health_rate, HEALTH_BURST, HEALTH_PER_SECOND, clock_now_ms());
}

/* TEXT is why fewer workers are ready than wanted, "" when all is well again. The supervisor is
 * told what is new, and not more often than it cares to hear. False where it was not told now. */
static bool report_health(struct pool *pool, const char *text)
{
    if (strcmp(text, pool->trouble_said) == 0)
        return true;
    if (rate_take(&pool->health_rate, 1, clock_now_ms()) == 0 ||
        orders_report(pool, CHANNEL_HEALTH, text) < 0)
        return false;
    snprintf(pool->trouble_said, sizeof pool->trouble_said, "%s", text);
    return true;
}

void pool_report(struct pool *pool)
{
    bool whole = pool->table.ready >= pool->policy.target;
    bool trouble = pool_policy_is_troubled(&pool->policy);
    if (!pool->ready_said && pool->policy.proved && (whole || trouble) && pool_listen_lasts(pool))
        pool->ready_said = orders_report(pool, CHANNEL_READY, NULL) == 0;
    if (trouble && pool->trouble[0] != '\0')
        report_health(pool, pool->trouble);
    if (!trouble && whole && pool->trouble_said[0] != '\0' && report_health(pool, "")) {
        pool->trouble[0] = '\0';
        log_info("all %lld workers are ready again", (long long)pool->policy.target);
    }
}
