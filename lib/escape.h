/* SPDX-License-Identifier: MIT
 *
 * escape - foreign bytes made safe for one line of a log.
 *
 * Well-formed UTF-8 stays as it is; bytes that are not become U+FFFD. Control characters (C0, DEL,
 * C1), line and paragraph separators and the characters that reorder or hide text on a terminal
 * become \n, \r, \t or \uXXXX; quote and backslash get a backslash. The result is valid inside
 * the quotes of JSON (RFC 8259) and of logfmt.
 */
#ifndef LIB_ESCAPE_H
#define LIB_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Append the LENGTH bytes at BYTES to OUT, which has ROOM bytes; no NUL is written. Stops before
 * the first character that does not fit and sets *CUT. Returns the bytes written. */
size_t escape_write(char *out, size_t room, const void *bytes, size_t length, bool *cut);

/* True where escape_write() would change nothing but quotes and backslashes: well-formed UTF-8 that
 * can be shown on a terminal. */
bool escape_is_plain(const void *bytes, size_t length);

/* The LENGTH bytes as a string for people, in OUT, which has SIZE bytes: as they are where they are
 * plain, as escape_write() makes them otherwise. Ends before the first character that does not
 * fit. */
void escape_text(char *out, size_t size, const void *bytes, size_t length);

#endif
