/* SPDX-License-Identifier: MIT
 *
 * preforkctl_plan - what a reload would do, for people.
 */
#ifndef CLIENT_PREFORKCTL_PLAN_H
#define CLIENT_PREFORKCTL_PLAN_H

#include <jansson.h>

/* Print the answer to "reload --dry-run": a line for each service, one for each key that changes.
 */
void preforkctl_plan_print(const json_t *plan);

#endif
