/* SPDX-License-Identifier: MIT
 *
 * reload - putting a changed configuration file into force, as a whole or not at all.
 *
 * The steps, in the order and under the conditions that the core decides (core_change.c): the file
 * is read and checked by a child (reading.h), and compared; every new address is bound; the pools
 * of new and changed services start, while the old ones serve on; when all of them are READY the
 * new configuration is put into force, they take over, and what they replace drains. When any step
 * fails, what was prepared is taken back and nothing has changed.
 */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include "supervisor/core.h"
#include "supervisor/reading.h"
#include "supervisor/reload_plan.h"

struct supervisor;

#define RELOAD_NO_FILE "there is no file to reload: everything was given on the command line"

struct reload {
    struct reading reading;
    struct config *next;   /* from READ to COMMIT or ROLL_BACK */
    struct config *before; /* from COMMIT to COMMITTED */
    struct reload_plan plan;
    struct core_row *rows; /* of next, for the core */
    int log;               /* the log file of next, where it is another one; -1: it is not */
    int64_t began_ms;
};

void reload_init(struct supervisor *s);
void reload_release(struct supervisor *s);

/* One is wanted. What it brings outdoes every number of workers that was asked for before. */
void reload_request(struct supervisor *s);

/* Actions of the core (core.h). */
void reload_read(struct supervisor *s, const struct core_action *action);
void reload_bind(struct supervisor *s, const struct core_action *action);
void reload_commit(struct supervisor *s, const struct core_action *action);
void reload_committed(struct supervisor *s, const struct core_action *action);
void reload_roll_back(struct supervisor *s, const struct core_action *action);
void reload_waits(struct supervisor *s, const struct core_action *action);

/* The log file of NEXT where it is another one than that of NOW; else NULL. */
const char *reload_new_log(const struct config *now, const struct config *next);

/* The rows of CONFIG for the core, one per service, all of them changed. The caller frees. */
struct core_row *reload_rows(const struct supervisor *s, const struct config *config);

#endif
