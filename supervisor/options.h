/* SPDX-License-Identifier: MIT
 *
 * options - the command line of preforkd.
 */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include "lib/error.h"

#include <stdbool.h>
#include <stdint.h>

enum options_mode {
    OPTIONS_SERVE,
    OPTIONS_CHECK,        /* -t */
    OPTIONS_PRINT_CONFIG, /* --print-config */
    OPTIONS_HELP,
    OPTIONS_HELP_CONFIG,
    OPTIONS_VERSION,
};

struct options {
    enum options_mode mode;
    char **arguments; /* all of them, for the next image of this process */
    char *program;    /* where this one was started from (upgrade_path.h), set by main() */
    const char *config_file;
    bool daemonise;
    /* Serving without a file; listen is NULL otherwise. */
    const char *listen;
    const char *handler;
    bool dashes;    /* there was a -- */
    char **command; /* what follows it; NULL for nothing */
    const char *control;
    int64_t workers; /* 0: not given; may be CONFIG_AUTO */
};

/* 0, or -1 with ERROR (EXIT_CODE_USAGE). The strings are those of ARGV. */
int options_parse(struct options *options, int argc, char **argv, struct error *error);

/* The texts of --help and --help-config, on standard output. */
void options_help(void);
void options_help_config(void);

#endif
