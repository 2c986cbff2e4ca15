/* SPDX-License-Identifier: MIT
 *
 * services - the list of services and of all pools: starting pools, and what their events mean.
 */
#ifndef SUPERVISOR_SERVICES_H
#define SUPERVISOR_SERVICES_H

#include "supervisor/supervisor.h"

/* Make a service of each in CONFIG that has none yet; no pool is started. */
void services_add(struct supervisor *s, const struct config *config);

struct service *services_find(const struct supervisor *s, const char *name);

/* May we, and each pool, open as many files as CONFIG takes? 0, or -1 with ERROR. */
int services_check_limits(const struct config *config, struct error *error);

/* Start the coming pool of a service with the configuration FROM. 0, or -1 with ERROR. */
int services_start_pool(struct supervisor *s, struct service *service, const struct config *from,
                        const struct config_service *config, struct error *error);

/* Take a service off the list. Its pools, if any, drain. */
void services_drop(struct supervisor *s, struct service *service);

/* Start what is due, kill what is overdue. Returns when to call again. */
int64_t services_check(struct supervisor *s, int64_t now_ms);

/* Answer who waits for the logs to be reopened, where every pool has done it. */
void services_check_reopened(struct supervisor *s);

/* Change the workers of one service (NULL: of every fixed pool) to VALUE, or by it. Returns how
 * many services changed; ERROR says why one did not. */
int services_scale(struct supervisor *s, const char *name, int64_t value, bool relative,
                   struct error *error);

#endif
