/* SPDX-License-Identifier: MIT
 *
 * scratch - a process that asks one service's handler whether it could serve, for `preforkd -t`,
 * and ends: preforkd-pool without listeners (include/channel.h), as the service's user.
 *
 * It may run foreign code, on behalf of a person at a terminal, maybe root. It has a session of its
 * own and a pipe for its words, a limit in time, and dies with us. Nothing outlives scratch_ask():
 * whatever it has started becomes ours (children.h), and is killed.
 */
#ifndef SUPERVISOR_SCRATCH_H
#define SUPERVISOR_SCRATCH_H

#include "include/channel.h"
#include "lib/buffer.h"
#include "lib/child.h"
#include "lib/children.h"
#include "lib/config.h"

/* What all scratch processes of a run have in common. */
struct scratch_plan {
    const struct config *config;
    int program; /* preforkd-pool, O_PATH */
    int library; /* preforkd-preload.so, or what `null` is */
    int null;    /* /dev/null */
    int signals; /* signals_open(): what tells us to stop */
    char **environment;
    struct children inherited; /* children we had before: not from any scratch process */
};

enum scratch_outcome {
    SCRATCH_ENDED,
    SCRATCH_LATE,       /* it was killed, start_timeout was over */
    SCRATCH_INTERRUPTED /* it was killed, a signal told us to stop */
};

struct scratch {
    enum scratch_outcome outcome;
    int signal;           /* that one */
    struct child_end end; /* how it ended, with SCRATCH_ENDED */
    /* What it said of the handler: READY, FAILED with a text, or NONE where it did not come to
     * that. Gossip. */
    struct channel_message verdict;
    struct buffer words; /* from its descriptor 2, any bytes; to be released */
    bool cut;            /* and there were more */
};

/* Make PLAN. 0, or -1 with ERROR. All signals must be blocked. */
int scratch_prepare(struct scratch_plan *plan, const struct config *config, struct error *error);
void scratch_release(struct scratch_plan *plan);

/* Run one for SERVICE, to its end and that of all it has started. 0 with SCRATCH, or -1 with ERROR
 * where it could not be started. */
int scratch_ask(struct scratch *scratch, const struct scratch_plan *plan,
                const struct config_service *service, struct error *error);

#endif
