/* SPDX-License-Identifier: MIT
 *
 * outcome - how a conversation with a server ended: in exactly one of these ways.
 *
 * The numbers are the exit codes of `preforkc send` and `preforkc chat`, and the classes that
 * `preforkc load` counts. Once published they do not change.
 */
#ifndef CLIENT_OUTCOME_H
#define CLIENT_OUTCOME_H

enum outcome {
    OUTCOME_PENDING = -1, /* not over yet */
    OUTCOME_SERVED = 0,   /* answered as expected */
    OUTCOME_LOCAL = 1, /* failed on this side: no descriptor, no port, no route, bad permissions */
    OUTCOME_REFUSED = 2, /* nobody listens there */
    OUTCOME_TIMEOUT = 3,
    OUTCOME_RESET = 4,
    OUTCOME_SHORT = 5,    /* the server closed before the answer, or before all of it */
    OUTCOME_MISMATCH = 6, /* the answer is not the one expected (load only) */
};
#define OUTCOME_COUNT 7

/* One word: served, local, refused, timeout, reset, short, mismatch. */
const char *outcome_name(enum outcome outcome);

/* The outcome that a failed socket call with this errno means. */
enum outcome outcome_of_errno(int error_number);

/* Tell on standard error why ADDRESS did not answer; ERROR_NUMBER is read for OUTCOME_LOCAL only.
 * Returns OUTCOME, for `return outcome_complain(...)`. */
enum outcome outcome_complain(enum outcome outcome, const char *address, int error_number);

#endif
