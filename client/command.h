/* SPDX-License-Identifier: MIT
 *
 * command - the subcommands of preforkc, as preforkc.c knows them.
 */
#ifndef CLIENT_COMMAND_H
#define CLIENT_COMMAND_H

#include "lib/error.h"

struct command {
    const char *name;
    const char *summary;               /* one line, for `preforkc --help` */
    const char *help;                  /* all of `preforkc NAME --help` */
    int (*run)(int argc, char **argv); /* the words behind the name; returns the exit code */
};

extern const struct command SEND_COMMAND; /* send.c */
extern const struct command CHAT_COMMAND; /* chat.c */
extern const struct command LOAD_COMMAND; /* load.c */

/* One line "preforkc NAME: TEXT" on standard error. Returns CODE. */
int command_fail(const struct command *command, enum exit_code code, const char *text);

#endif
