/* SPDX-License-Identifier: MIT
 *
 * image - will a program that is executed load this library?
 */
#ifndef SERVER_PRELOAD_IMAGE_H
#define SERVER_PRELOAD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

enum image {
    IMAGE_NONE,  /* cannot be executed at all */
    IMAGE_ALIEN, /* becomes a program without this library */
    IMAGE_LOADS_US
};

/* What execveat(2) with these three makes: a dynamically linked program, with the loader of this
 * one and no more rights than it has, loads us; only there LD_PRELOAD is heard, by a loader that
 * understands this library. Scripts are what their interpreter is. */
enum image image_judge(int folder, const char *path, int flags);

/* The file that execvp(3) would find for NAME, in PATH (ROOM bytes). False where there is none. */
bool image_find(const char *name, char *path, size_t room);

#endif
