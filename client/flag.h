/* SPDX-License-Identifier: MIT
 *
 * flag - the options of a subcommand, as a table.
 *
 * `--name VALUE` and `--name=VALUE` are taken anywhere between the other words; behind `--` nothing
 * is an option. Errors are one line that names the option and says what to write.
 */
#ifndef CLIENT_FLAG_H
#define CLIENT_FLAG_H

#include "lib/error.h"

#include <stdbool.h>
#include <stdint.h>

enum flag_kind {
    FLAG_SWITCH,   /* bool, takes no value */
    FLAG_TEXT,     /* const char *, points into argv */
    FLAG_COUNT,    /* int64_t */
    FLAG_DURATION, /* int64_t, milliseconds */
    FLAG_SIZE,     /* int64_t, bytes */
    FLAG_WORD,     /* int, index into words */
};

struct flag {
    const char *name; /* with its two dashes; NULL ends a table */
    enum flag_kind kind;
    void *value; /* what kind says; untouched where the option is not given */
    const char *const
        *words;       /* FLAG_WORD: the allowed ones, ends with NULL; FLAG_TEXT: an example */
    int64_t min, max; /* the numeric kinds: what is allowed */
};

/* Set what ARGV's options say and move the other words, in order, to the front of ARGV. Returns how
 * many those are, or -1 with ERROR filled. */
int flag_parse(const struct flag *flags, int argc, char **argv, struct error *error);

#endif
