/* SPDX-License-Identifier: MIT
 *
 * supervisor - the process that owns configuration, listening sockets and the life of pools.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "lib/config.h"
#include "lib/loop.h"
#include "supervisor/control.h"
#include "supervisor/core.h"
#include "supervisor/dispatch.h"
#include "supervisor/dry_run.h"
#include "supervisor/listener.h"
#include "supervisor/options.h"
#include "supervisor/orphans.h"
#include "supervisor/reload.h"
#include "supervisor/service.h"
#include "supervisor/upgrade.h"

struct supervisor {
    const struct options *options;
    struct config *config; /* in force */
    unsigned generation;   /* configurations put into force so far */
    struct core core;      /* decides */
    struct dispatch dispatch;
    bool ready, stopping; /* what has been said of it */
    struct loop loop;
    struct loop_source signals;
    struct lockfile pid_file;
    struct control control;
    struct listener_table listeners;
    int program;        /* preforkd-pool, opened once: a file replaced on disk does not matter */
    int library;        /* preforkd-preload.so, likewise; -1: there is none */
    int null;           /* /dev/null, for the standard descriptors of pools */
    char **environment; /* of pools */
    bool has_terminal;  /* our session has a controlling terminal: found at the start */
    struct service **services; /* of config, and while a reload prepares also the new ones */
    size_t service_count;
    unsigned last_service;       /* the newest number */
    struct pool_process **pools; /* every one that is alive, whosesoever */
    size_t pool_count;
    struct reload reload;
    struct dry_run dry_run;
    struct upgrade upgrade;
    struct orphans orphans;
    int64_t started_ms;
    struct error outcome; /* why it ends; code EXIT_CODE_OK for a stop as asked */
};

/* The inits, in order; STATE is that of the image before this one, NULL at an ordinary start. -1
 * with ERROR: nothing is left behind. Takes CONFIG. */
int supervisor_init(struct supervisor *s, const struct options *options, struct config *config,
                    const struct upgrade_state *state, struct error *error);

/* Serve until told to stop. Returns the exit code; everything is released. */
enum exit_code supervisor_run(struct supervisor *s);

/* Action of the core (core.h): every service is READY. */
void supervisor_ready(struct supervisor *s, const struct core_action *action);

#endif
