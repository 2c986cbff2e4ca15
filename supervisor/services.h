/* SPDX-License-Identifier: MIT
 *
 * services - the list of services and of all pools; what the core wants done with them.
 */
#ifndef SUPERVISOR_SERVICES_H
#define SUPERVISOR_SERVICES_H

#include "supervisor/supervisor.h"

/* Make a service of each in CONFIG that has none yet; the core is not told. */
void services_add(struct supervisor *s, const struct config *config);

struct service *services_find(const struct supervisor *s, const char *name);
struct service *services_find_number(const struct supervisor *s, unsigned number);
struct pool_process *services_find_pool(const struct supervisor *s, unsigned number);

/* The pool of SERVICE that serves; NULL: there is none. */
struct pool_process *services_current(const struct supervisor *s, const struct service *service);

/* May we, and each pool, open as many files as CONFIG takes? 0, or -1 with ERROR. */
int services_check_limits(const struct config *config, struct error *error);

/* Log for each service of CONFIG with `workers = "auto"` how its number comes about. */
void services_tell_automatic(const struct config *config);

/* Actions of the core (core.h). */
void services_start_pool(struct supervisor *s, const struct core_action *action);
void services_promote(struct supervisor *s, const struct core_action *action);
void services_held_off(struct supervisor *s, const struct core_action *action);
void services_give_up(struct supervisor *s, const struct core_action *action);
void services_drop(struct supervisor *s, const struct core_action *action);

/* Forget a pool that has ended. */
void services_forget_pool(struct supervisor *s, struct pool_process *pool);

/* Bring what is shown of them up to date. */
void services_update(struct supervisor *s);

/* Change the workers of one service (NULL: of every fixed pool) to VALUE, or by it. Returns how
 * many services changed; ERROR says why one did not. */
int services_scale(struct supervisor *s, const char *name, int64_t value, bool relative,
                   struct error *error);

/* Forget all of them. */
void services_release(struct supervisor *s);

#endif
