/* SPDX-License-Identifier: MIT
 *
 * command - see command.h.
 */
#include "client/command.h"

#include <stdio.h>

int command_fail(const struct command *command, enum exit_code code, const char *text)
{
    fprintf(stderr, "preforkc %s: %s\n", command->name, text);
    return (int)code;
}
