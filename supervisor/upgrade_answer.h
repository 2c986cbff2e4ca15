/* SPDX-License-Identifier: MIT
 *
 * upgrade_answer - what a binary has said that was asked whether it can take over, and how it
 * ended, as a yes or as the reason why not. Pure. Its words may be any bytes.
 */
#ifndef SUPERVISOR_UPGRADE_ANSWER_H
#define SUPERVISOR_UPGRADE_ANSWER_H

#include "lib/buffer.h"
#include "lib/child.h"
#include "lib/error.h"

#include <stdint.h>

struct upgrade_answer {
    const struct buffer *output; /* of its standard output, and */
    const struct buffer *errors; /* error; not NULL */
    struct child_end end;
    bool late; /* it was killed, for it had taken LIMIT_MS */
    int64_t limit_ms;
};

/* The version that it names with its yes, the caller's; NULL where it has not said yes, or is no
 * preforkd. */
char *upgrade_answer_version(const struct upgrade_answer *answer);

/* Why it cannot take over; where it says so itself, in its words, escaped for a terminal. */
void upgrade_answer_reason(const struct upgrade_answer *answer, struct error *why);

#endif
