/* SPDX-License-Identifier: MIT
 *
 * hook_scanf - the scanf of each standard. Headers make one name of another, according to the
 * standard that a program was compiled for; here each is written as the symbol that it is.
 */
#include "server/preload/hook_stream.h"

#include <stdarg.h>
#include <wchar.h>

#define FORMAT  const char *restrict format
#define WFORMAT const wchar_t *restrict format

/* In this file a function is called ID_vscanf that is the symbol SYMBOL "vscanf". */
#define HOOK_SCANF(id, symbol)                                                                     \
    int id##_vscanf(FORMAT, va_list list) HOOK_NAMED(symbol "vscanf");                             \
    int id##_vfscanf(FILE *stream, FORMAT, va_list list) HOOK_NAMED(symbol "vfscanf");             \
    int id##_scanf(FORMAT, ...) HOOK_NAMED(symbol "scanf");                                        \
    int id##_fscanf(FILE *stream, FORMAT, ...) HOOK_NAMED(symbol "fscanf");                        \
    int id##_vwscanf(WFORMAT, va_list list) HOOK_NAMED(symbol "vwscanf");                          \
    int id##_vfwscanf(FILE *stream, WFORMAT, va_list list) HOOK_NAMED(symbol "vfwscanf");          \
    int id##_wscanf(WFORMAT, ...) HOOK_NAMED(symbol "wscanf");                                     \
    int id##_fwscanf(FILE *stream, WFORMAT, ...) HOOK_NAMED(symbol "fwscanf");                     \
    HOOK_STREAM(int, id##_vscanf, (FORMAT, va_list list), (format, list), stdin)                   \
    HOOK_STREAM(int, id##_vfscanf, (FILE * stream, FORMAT, va_list list), (stream, format, list),  \
                stream)                                                                            \
    HOOK_LIST(int, id##_scanf, (FORMAT, ...), format, id##_vscanf(format, list))                   \
    HOOK_LIST(int, id##_fscanf, (FILE * stream, FORMAT, ...), format,                              \
              id##_vfscanf(stream, format, list))                                                  \
    HOOK_STREAM(int, id##_vwscanf, (WFORMAT, va_list list), (format, list), stdin)                 \
    HOOK_STREAM(int, id##_vfwscanf, (FILE * stream, WFORMAT, va_list list),                        \
                (stream, format, list), stream)                                                    \
    HOOK_LIST(int, id##_wscanf, (WFORMAT, ...), format, id##_vwscanf(format, list))                \
    HOOK_LIST(int, id##_fwscanf, (FILE * stream, WFORMAT, ...), format,                            \
              id##_vfwscanf(stream, format, list))

HOOK_SCANF(plain, "")
#ifdef __GLIBC__
HOOK_SCANF(c99, "__isoc99_")
#if __GLIBC_PREREQ(2, 38)
HOOK_SCANF(c23, "__isoc23_")
#endif
#endif
