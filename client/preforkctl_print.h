/* SPDX-License-Identifier: MIT
 *
 * preforkctl_print - answers as tables for people.
 */
#ifndef CLIENT_PREFORKCTL_PRINT_H
#define CLIENT_PREFORKCTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>

/* Print the RESULT of COMMAND (its name in include/control.h) on standard output: as one line of
 * JSON, or as text. */
void preforkctl_print(const char *command, const json_t *result, bool json);

#endif
