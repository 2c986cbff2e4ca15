/* SPDX-License-Identifier: MIT
 *
 * reload_report - a plan as JSON, for people who ask before they reload.
 */
#ifndef SUPERVISOR_RELOAD_REPORT_H
#define SUPERVISOR_RELOAD_REPORT_H

#include "supervisor/reload_plan.h"

#include <jansson.h>

/* {"changes": [CHANGE…], "services": [{"name", "action", "changes": [CHANGE…]}…]}, where the action
 * is add, change, keep or remove, the outer changes are of keys outside of services, and each
 * CHANGE is {"key", "before", "after"}: values as in --print-config, null where a key is not set.
 */
json_t *reload_report(const struct reload_plan *plan, const struct config *now,
                      const struct config *next);

#endif
