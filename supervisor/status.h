/* SPDX-License-Identifier: MIT
 *
 * status - what `preforkctl status` and `workers` show, as JSON (jansson). Fields are only added.
 *
 * Numbers come from scoreboards that workers can write: they are shown, and nothing else.
 */
#ifndef SUPERVISOR_STATUS_H
#define SUPERVISOR_STATUS_H

#include "supervisor/control_client.h"
#include "supervisor/supervisor.h"

#include <jansson.h>

json_t *status_report(const struct supervisor *s);

/* Answers CLIENT with the workers of every pool, or of those of one service, those that are leaving
 * included. */
void status_workers(const struct supervisor *s, const char *service, struct control_client *client);

#endif
