/* SPDX-License-Identifier: MIT
 *
 * image - will a program that is executed load this library?
 */
#ifndef SERVER_PRELOAD_IMAGE_H
#define SERVER_PRELOAD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

/* True where execveat(2) with these three makes a dynamically linked program of it, with the loader
 * of this one and no more rights than it has: only then is LD_PRELOAD heard, and by a loader that
 * understands this library. Scripts are what their interpreter is. */
bool image_loads_us(int folder, const char *path, int flags);

/* The file that execvp(3) would find for NAME, in PATH (ROOM bytes). False where there is none. */
bool image_find(const char *name, char *path, size_t room);

#endif
