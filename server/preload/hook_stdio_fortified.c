/* SPDX-License-Identifier: MIT
 *
 * hook_stdio_fortified - the names that glibc's headers give to functions of hook_stdio.c and
 * hook_stdio_wide.c in programs that were compiled with _FORTIFY_SOURCE.
 */
#include "server/preload/hook_stream.h"

#include <stdarg.h>
#include <wchar.h>

#ifdef __GLIBC__

#define FORMAT  const char *restrict format
#define WFORMAT const wchar_t *restrict format

int __vprintf_chk(int flag, FORMAT, va_list list);
int __vfprintf_chk(FILE *restrict stream, int flag, FORMAT, va_list list);
int __printf_chk(int flag, FORMAT, ...);
int __fprintf_chk(FILE *restrict stream, int flag, FORMAT, ...);
char *__fgets_chk(char *restrict line, size_t size, int room, FILE *restrict stream);
char *__fgets_unlocked_chk(char *restrict line, size_t size, int room, FILE *restrict stream);
size_t __fread_chk(void *restrict to, size_t room, size_t size, size_t count,
                   FILE *restrict stream);
size_t __fread_unlocked_chk(void *restrict to, size_t room, size_t size, size_t count,
                            FILE *restrict stream);

HOOK_STREAM(int, __vprintf_chk, (int flag, FORMAT, va_list list), (flag, format, list), stdout)
HOOK_STREAM(int, __vfprintf_chk, (FILE *restrict stream, int flag, FORMAT, va_list list),
            (stream, flag, format, list), stream)
HOOK_LIST(int, __printf_chk, (int flag, FORMAT, ...), format, __vprintf_chk(flag, format, list))
HOOK_LIST(int, __fprintf_chk, (FILE *restrict stream, int flag, FORMAT, ...), format,
          __vfprintf_chk(stream, flag, format, list))
HOOK_STREAM(char *, __fgets_chk,
            (char *restrict line, size_t size, int room, FILE *restrict stream),
            (line, size, room, stream), stream)
HOOK_STREAM(char *, __fgets_unlocked_chk,
            (char *restrict line, size_t size, int room, FILE *restrict stream),
            (line, size, room, stream), stream)
HOOK_STREAM(size_t, __fread_chk,
            (void *restrict to, size_t room, size_t size, size_t count, FILE *restrict stream),
            (to, room, size, count, stream), stream)
HOOK_STREAM(size_t, __fread_unlocked_chk,
            (void *restrict to, size_t room, size_t size, size_t count, FILE *restrict stream),
            (to, room, size, count, stream), stream)

int __vwprintf_chk(int flag, WFORMAT, va_list list);
int __vfwprintf_chk(FILE *restrict stream, int flag, WFORMAT, va_list list);
int __wprintf_chk(int flag, WFORMAT, ...);
int __fwprintf_chk(FILE *restrict stream, int flag, WFORMAT, ...);
wchar_t *__fgetws_chk(wchar_t *restrict line, size_t size, int room, FILE *restrict stream);
wchar_t *__fgetws_unlocked_chk(wchar_t *restrict line, size_t size, int room,
                               FILE *restrict stream);

HOOK_STREAM(int, __vwprintf_chk, (int flag, WFORMAT, va_list list), (flag, format, list), stdout)
HOOK_STREAM(int, __vfwprintf_chk, (FILE *restrict stream, int flag, WFORMAT, va_list list),
            (stream, flag, format, list), stream)
HOOK_LIST(int, __wprintf_chk, (int flag, WFORMAT, ...), format, __vwprintf_chk(flag, format, list))
HOOK_LIST(int, __fwprintf_chk, (FILE *restrict stream, int flag, WFORMAT, ...), format,
          __vfwprintf_chk(stream, flag, format, list))
HOOK_STREAM(wchar_t *, __fgetws_chk,
            (wchar_t *restrict line, size_t size, int room, FILE *restrict stream),
            (line, size, room, stream), stream)
HOOK_STREAM(wchar_t *, __fgetws_unlocked_chk,
            (wchar_t *restrict line, size_t size, int room, FILE *restrict stream),
            (line, size, room, stream), stream)

#endif
