/* SPDX-License-Identifier: MIT
 *
 * error - what went wrong, as text for a person and as an exit code.
 *
 * Functions that can fail for reasons outside the program return 0 or -1 and fill a struct error;
 * they log nothing. The caller that can name the object (service, option, file) reports it once.
 */
#ifndef LIB_ERROR_H
#define LIB_ERROR_H

#include <stdbool.h>

/* Exit codes of preforkd, as in sysexits(3). */
enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILURE = 1,      /* preforkctl, preforkc: the answer is no */
    EXIT_CODE_USAGE = 64,       /* command line */
    EXIT_CODE_UNAVAILABLE = 69, /* a socket could not be bound, a service never became ready */
    EXIT_CODE_SOFTWARE = 70,    /* our own fault */
    EXIT_CODE_OS = 71,          /* the system refused: fork, memory, descriptors */
    EXIT_CODE_CONFIG = 78,      /* configuration */
};

struct error {
    enum exit_code code;
    bool in_use;     /* an address or a lock is taken: it may be free a moment later */
    char text[3072]; /* one line or several, without a newline at the end */
};

/* Fill ERROR (in_use is false then); always returns -1, so that a caller can `return
 * error_set(...)`. */
int error_set(struct error *error, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and strerror(errno) behind the text. errno is preserved. */
int error_set_errno(struct error *error, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
