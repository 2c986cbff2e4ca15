/* SPDX-License-Identifier: MIT
 *
 * pool - the process that keeps the workers of one service.
 */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include "include/channel.h"
#include "lib/config.h"
#include "lib/loop.h"
#include "supervisor/pool/einhorn.h"
#include "supervisor/pool/elastic.h"
#include "supervisor/pool/notify.h"
#include "supervisor/pool/pool_policy.h"
#include "supervisor/pool/pool_retirement.h"
#include "supervisor/pool/pool_wear.h"
#include "supervisor/pool/stray.h"
#include "supervisor/pool/template.h"
#include "supervisor/pool/worker_table.h"

struct pool {
    struct config *config;
    const struct config_service *service; /* the one service of config */
    int listeners[CHANNEL_LISTENERS_MAX];
    struct worker_plan plan;
    struct worker_table table;
    struct strays strays; /* of programs */
    /* Of programs that accept by themselves. */
    bool programs_say;
    struct notify sd_notify;
    struct einhorn einhorn;
    struct template templates[2]; /* of copies; pool_template.c tells which is which */
    int template;
    bool template_refused; /* the program has several threads */
    int64_t renew_ms;      /* start the other template then */
    struct pool_policy policy;
    struct elastic elastic; /* of one without `workers` */
    int64_t count_ms;       /* then its idle workers are counted anew; CLOCK_NEVER: all is well */
    int64_t full_said_ms;
    struct pool_retirement retirement;
    struct pool_wear wear;
    struct deadline_limits limits;
    struct loop loop;
    struct loop_source channel; /* to the supervisor; fd -1 once it is gone */
    struct loop_source signals;
    int gate;                  /* write end of the gate's pipe; -1 once it is open */
    int log_mailbox;           /* our end; the workers' is plan.log_mailbox_fd */
    struct loop_source notify; /* workers say READY */
    int64_t listen_ms;         /* when a program that accepts by itself is to be looked at */
    int64_t stops_ms;          /* when to look for stopped workers; CLOCK_NEVER: none was */
    int64_t notify_ms;         /* until then it is not listened to; CLOCK_NEVER: it is */
    int64_t check_at_ms;       /* next look at the deadlines */
    bool ready_said;
    bool crash_said;
    bool drained_said;
    uint32_t drained;       /* of the workers before this slot none takes another client */
    char trouble[256];      /* why workers could not be started; "" when well */
    char trouble_said[256]; /* what the supervisor knows of it */
    struct rate health_rate;
};

/* The inits, in order: descriptors of channel.h, configuration, scoreboard, event loop, handler.
 * LISTENERS: how many listening sockets there are. 0, or -1 with ERROR. */
int pool_init(struct pool *pool, unsigned generation, int listeners, struct error *error);

/* Send COUNT workers away; what they have in hand may go on for MS milliseconds. */
void pool_drain_workers(struct pool *pool, int64_t count, int64_t ms);

/* Serve until the supervisor says otherwise or is gone. Returns when every worker has ended. */
void pool_run(struct pool *pool);

#endif
