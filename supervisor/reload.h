/* SPDX-License-Identifier: MIT
 *
 * reload - putting a changed configuration file into force, as a whole or not at all.
 *
 *     IDLE       nothing is going on
 *     PREPARING  the file is read, checked and compared, every new address is bound, and the pools
 *                of new and changed services are starting; the old ones serve on
 *
 * When all of them are READY the new configuration is put into force: they take over, what they
 * replace drains. When any step fails, what was prepared is taken back and nothing has changed.
 * A request that comes while one is being worked on is done after it, once for all that came.
 */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include "supervisor/reload_plan.h"
#include "supervisor/service.h"

struct supervisor;

enum reload_state { RELOAD_IDLE, RELOAD_PREPARING };

struct reload {
    enum reload_state state;
    bool again;          /* another request came meanwhile */
    struct config *next; /* while PREPARING */
    struct reload_plan plan;
    int log; /* the log file of next, where it is another one; -1: it is not */
    int64_t began_ms;
};

/* HUP, or `preforkctl reload`. The outcome is logged and told to the control clients that wait. */
void reload_request(struct supervisor *s);

/* Begin the reload that was asked for while none could be, if any: the daemon is RUNNING and IDLE.
 */
void reload_resume(struct supervisor *s);

/* A pool that belongs to the reload became READY / could not be started or died before that. */
void reload_pool_ready(struct supervisor *s);
void reload_pool_failed(struct supervisor *s, const struct service *service, const char *why);

/* The daemon stops: take back what was prepared. */
void reload_abandon(struct supervisor *s);

#endif
