/* SPDX-License-Identifier: MIT
 *
 * outcome - see outcome.h.
 */
#include "client/outcome.h"

#include <errno.h>
#include <stdbool.h>

static const char *const NAMES[OUTCOME_COUNT] = {
    [OUTCOME_SERVED] = "served",     [OUTCOME_LOCAL] = "local", [OUTCOME_REFUSED] = "refused",
    [OUTCOME_TIMEOUT] = "timeout",   [OUTCOME_RESET] = "reset", [OUTCOME_SHORT] = "short",
    [OUTCOME_MISMATCH] = "mismatch",
};

static const char *const SENTENCES[OUTCOME_COUNT] = {
    [OUTCOME_SERVED] = "answered",
    [OUTCOME_REFUSED] = "connection refused",
    [OUTCOME_TIMEOUT] = "timed out",
    [OUTCOME_RESET] = "connection reset by the server",
    [OUTCOME_SHORT] = "closed by the server without an answer",
    [OUTCOME_MISMATCH] = "the answer is not the one expected",
};

const char *outcome_name(enum outcome outcome)
{
    return outcome == OUTCOME_PENDING ? "pending" : NAMES[outcome];
}

enum outcome outcome_of_errno(int error_number)
{
    switch (error_number) {
    case ECONNREFUSED:
    case ENOENT: /* a Unix socket whose file is gone: its server is, too */
        return OUTCOME_REFUSED;
    case ETIMEDOUT:
        return OUTCOME_TIMEOUT;
    case ECONNRESET:
    case ECONNABORTED:
        return OUTCOME_RESET;
    case EPIPE: /* the server had closed in good order before we wrote */
        return OUTCOME_SHORT;
    default:
        return OUTCOME_LOCAL;
    }
}

enum outcome outcome_complain(enum outcome outcome, const char *address, int error_number)
{
    bool no_file = outcome == OUTCOME_REFUSED && error_number == ENOENT;
    const char *sentence =
        outcome == OUTCOME_LOCAL || no_file ? strerror(error_number) : SENTENCES[outcome];
    fprintf(stderr, "preforkc: %s: %s\n", address, sentence);
    return outcome;
}
