/* SPDX-License-Identifier: MIT
 *
 * control_command - what the commands of include/control.h do.
 */
#ifndef SUPERVISOR_CONTROL_COMMAND_H
#define SUPERVISOR_CONTROL_COMMAND_H

#include "supervisor/control.h"

/* Carry out LINE (one request without its newline; it is taken apart) for CLIENT: answers it, or
 * leaves it waiting. */
void control_command_run(struct supervisor *s, struct control_client *client, char *line);

#endif
