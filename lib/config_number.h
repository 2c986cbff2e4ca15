/* SPDX-License-Identifier: MIT
 *
 * config_number - integers of a configuration file that libconfig would take for other ones. Pure.
 *
 * Version 1.5 keeps the low 32 bits of an integer, without a word: 8589934592 is read as 0, and
 * 4294967300 as 4. With an L behind it, it has 64.
 */
#ifndef LIB_CONFIG_NUMBER_H
#define LIB_CONFIG_NUMBER_H

#include <stddef.h>

/* Where in a file a line begins. */
enum config_number_state { CONFIG_NUMBER_CODE, CONFIG_NUMBER_COMMENT, CONFIG_NUMBER_STRING };

/* The first such integer from *AT on, where *STATE is; NULL: there is none. *LENGTH is how long it
 * is, *AT and *STATE are what is behind it. */
const char *config_number_find(const char **at, enum config_number_state *state, size_t *length);

#endif
