/* SPDX-License-Identifier: MIT
 *
 * reading - reading the configuration file while the loop goes on.
 *
 * The file is read by a child that ends then (reading_child.h), so that a parser that crashes, a
 * name server that does not answer or a file system that hangs is a refusal and nothing else. What
 * comes from it is a sealed text of bounded size, which is read strictly and looked up nowhere.
 */
#ifndef SUPERVISOR_READING_H
#define SUPERVISOR_READING_H

#include "lib/child.h"
#include "lib/config.h"
#include "lib/loop.h"

#define READING_LIMIT_MS 10000

struct reading {
    struct loop *loop;
    /* The outcome: CONFIG, which is the callee's, or NULL and the PROBLEM, in one line or several
     * without a newline at the end. Not called from within reading_begin(). */
    void (*done)(void *owner, struct config *config, const char *problem);
    void *owner;
    struct child child; /* pidfd -1: none */
    struct loop_source end;
    char *file;
    int snapshot;
    int64_t due_ms; /* when it is killed, or then given up; CLOCK_NEVER: nothing is due */
    bool killed;    /* it took too long */
    bool told;      /* the outcome is known, or of no interest any more */
};

void reading_init(struct reading *r, struct loop *loop,
                  void (*done)(void *owner, struct config *config, const char *problem),
                  void *owner);

/* Begin to read FILE; none is being read. 0; -1 with ERROR where there is no child, which may also
 * be because the last one could not even be killed. */
int reading_begin(struct reading *r, const char *file, int64_t now_ms, struct error *error);

/* Its outcome is of no interest any more: kill it. done() is not called. */
void reading_cancel(struct reading *r);

/* In each turn of the loop. Returns when to call again. */
int64_t reading_check(struct reading *r, int64_t now_ms);

/* Is PID its child? */
bool reading_holds(const struct reading *r, pid_t pid);

/* At the end of preforkd; waits a moment for a child that was killed. */
void reading_release(struct reading *r);

#endif
