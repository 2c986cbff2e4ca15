/* SPDX-License-Identifier: MIT
 *
 * config_auto - see config_auto.h.
 */
#include "lib/config_auto.h"

#include <inttypes.h>

int64_t config_auto_workers(const struct config_service *service, const struct cpu_budget *budget,
                            char reason[static CONFIG_AUTO_REASON_MAX])
{
    bool listen = service->kind == CONFIG_LISTEN;
    int64_t each = listen ? CONFIG_AUTO_LISTEN_EACH : CONFIG_AUTO_EACH;
    int64_t least = listen ? CONFIG_AUTO_LISTEN_LEAST : CONFIG_AUTO_LEAST;
    int64_t most = service->max_workers;
    int64_t workers = (cpu_budget_share(budget) * each + 999) / 1000;
    char have[CPU_BUDGET_TEXT_MAX], bound[48] = "";
    if (workers < least) {
        workers = least;
        snprintf(bound, sizeof bound, ", at least %" PRId64, least);
    }
    if (workers > most) {
        workers = most;
        snprintf(bound, sizeof bound, ", at most max_workers");
    }
    snprintf(reason, CONFIG_AUTO_REASON_MAX, "%s -> %" PRId64 " %s (%" PRId64 " for each%s)",
             cpu_budget_print(budget, have), workers, workers == 1 ? "worker" : "workers", each,
             bound);
    return workers;
}
