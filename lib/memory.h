/* SPDX-License-Identifier: MIT
 *
 * memory - allocation that never returns NULL.
 *
 * Small, bounded allocations only. When one fails the process ends with exit code 71 and one line
 * on standard error; its parent then does what it does for any death.
 */
#ifndef LIB_MEMORY_H
#define LIB_MEMORY_H

#include <stddef.h>

void *memory_zeroed(size_t count, size_t size);

/* Zeroed, for what a process that forks keeps for itself: its children have nothing there, and
 * fault where they look. Neither side pays for copies of it. Never given back. */
void *memory_unshared(size_t count, size_t size);
void *memory_resize(void *block, size_t size);
char *memory_string(const char *text); /* a copy; NULL stays NULL */
char *memory_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
