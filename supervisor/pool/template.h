/* SPDX-License-Identifier: MIT
 *
 * template - the process that workers of a program are copies of (include/warm.h).
 *
 * With warm_fork it runs the program up to the point where that would wait for its client; for a
 * program that is started cold it is server/program_template.h. It copies itself on order; the
 * copies are children of the pool. What it says is checked like the word of a worker: a
 * pid counts when the kernel agrees that it is a child of ours.
 *
 * Its states, one phrase each:
 *     NONE      there is no process
 *     STARTING  it was started, and has not reached its waiting point
 *     READY     it takes orders
 *     LEAVING   it takes no more orders, and ends when it has answered those that it has; it never
 *               has a client
 */
#ifndef POOL_TEMPLATE_H
#define POOL_TEMPLATE_H

#include "include/worker.h"
#include "lib/child.h"
#include "lib/loop.h"
#include "supervisor/pool/error_pipe.h"

enum template_state { TEMPLATE_NONE, TEMPLATE_STARTING, TEMPLATE_READY, TEMPLATE_LEAVING };

struct template;

/* Called from within the loop. */
struct template_events {
    void (*ready)(struct template *template);
    /* No copies can be made of it, for one of these: it has several threads, or files open for
     * writing. It ends. */
    void (*unfit)(struct template *template, uint32_t threads, uint32_t written);
    /* The copy for SLOT is the child PID; or PID is -errno. */
    void (*copied)(struct template *template, uint32_t slot, pid_t pid);
    /* It has ended; STATE is what it was in, and unanswered orders will not be answered. */
    void (*ended)(struct template *template, enum template_state state,
                  const struct child_end *end);
};

struct template
{
    struct loop *loop;
    const struct worker_plan *plan;
    const struct template_events *events;
    void *owner;
    enum template_state state; /* set by set_state() in template.c only */
    struct child child;
    struct loop_source pidfd, control;
    struct error_pipe errors;
    struct error_pipe_budget *error_budget; /* the pool's */
    int64_t born_ms;
    bool overdue;     /* was killed for not getting ready, or not answering */
    bool proved;      /* has made a copy */
    int64_t orders;   /* without an answer yet */
    int64_t settled;  /* those that were answered, or will not be any more, since the pool began */
    int64_t asked_ms; /* since when it owes the next answer, where there are orders */
};

void template_init(struct template *template, struct loop *loop, const struct worker_plan *plan,
                   struct error_pipe_budget *error_budget, const struct template_events *events,
                   void *owner);

/* From NONE to STARTING. 0, or -1 and errno. */
int template_start(struct template *template);

/* Order a copy for SLOT; ERROR_FD becomes its descriptor 2 and stays the caller's. Only where it is
 * READY. 0, or -1 and errno: it takes no more orders just now. */
int template_order(struct template *template, uint32_t slot, int error_fd);

/* Let it end; nothing where it is NONE. */
void template_leave(struct template *template);

#endif
