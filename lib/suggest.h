/* SPDX-License-Identifier: MIT
 *
 * suggest - "did you mean": the known word nearest to a mistyped one.
 */
#ifndef LIB_SUGGEST_H
#define LIB_SUGGEST_H

/* The entry of KNOWN (ends with NULL) that differs least from WORD by insertions, deletions,
 * substitutions and neighbours swapped; NULL where none is near enough to be what was meant. */
const char *suggest_nearest(const char *word, const char *const *known);

#endif
