/* SPDX-License-Identifier: MIT
 *
 * dispatch - between the loop and the core: events go in, and what the core wants done goes to
 * whoever can do it, in order.
 */
#ifndef SUPERVISOR_DISPATCH_H
#define SUPERVISOR_DISPATCH_H

#include "supervisor/core.h"

struct supervisor;

/* Events that came up while actions were being carried out; they are next. */
struct dispatch {
    struct core_event *queue; /* their `why` is ours */
    size_t count;
    bool busy;
};

/* Clock and dice are added. EVENT's `why` is copied; its rows must live until the event was dealt
 * with, which is before this returns unless an action calls it. */
void dispatch_event(struct supervisor *s, struct core_event event);

/* core_change_resume_upgrade(), and what it wants done. */
void dispatch_resume_upgrade(struct supervisor *s);

void dispatch_release(struct dispatch *dispatch);

#endif
