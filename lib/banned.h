/* SPDX-License-Identifier: MIT
 *
 * banned - libc calls that this project does not make; using one is a compile error.
 *
 * Forced into every file by the Makefile (-include). The headers that declare the calls come
 * first, so that only our own uses are caught. What to use instead: snprintf or struct buffer
 * for the string calls, strtoll (see lib/quantity.c) for atoi, spawn plans for system.
 */
#ifndef LIB_BANNED_H
#define LIB_BANNED_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets
#pragma GCC poison atoi atol atoll atof system popen mktemp tmpnam tempnam
#undef alloca
#pragma GCC poison asctime ctime localtime gmtime vfork alloca

#endif
