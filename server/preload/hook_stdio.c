/* SPDX-License-Identifier: MIT
 *
 * hook_stdio - streams on 0 or 1. The C library reads and writes for them inside, where no hook is
 * asked, so that these functions are hooked themselves: the client is taken with the first
 * character, not when the buffer is written.
 *
 * That leaves nothing for the end of a program: a buffer holds something only where there is a
 * client. A program that ends without having read or written has not served anybody, whatever its
 * exit functions close or flush; fclose() and fflush() count only where something is in the buffer.
 */
#include "server/preload/hook_stream.h"

#include <stdarg.h>
#include <stdio_ext.h>

#define IN  (stdin)
#define OUT (stdout)

HOOK_STREAM(int, fgetc, (FILE * stream), (stream), stream)
HOOK_STREAM(int, getc, (FILE * stream), (stream), stream)
HOOK_STREAM(int, getchar, (void), (), IN)
HOOK_STREAM(char *, fgets, (char *restrict line, int room, FILE *restrict stream),
            (line, room, stream), stream)
HOOK_STREAM(size_t, fread, (void *restrict to, size_t size, size_t count, FILE *restrict stream),
            (to, size, count, stream), stream)
HOOK_STREAM(ssize_t, getline, (char **restrict line, size_t *restrict room, FILE *restrict stream),
            (line, room, stream), stream)
HOOK_STREAM(ssize_t, getdelim,
            (char **restrict line, size_t *restrict room, int end, FILE *restrict stream),
            (line, room, end, stream), stream)
HOOK_STREAM(int, fputc, (int c, FILE *stream), (c, stream), stream)
HOOK_STREAM(int, putc, (int c, FILE *stream), (c, stream), stream)
HOOK_STREAM(int, putchar, (int c), (c), OUT)
HOOK_STREAM(int, puts, (const char *text), (text), OUT)
HOOK_STREAM(int, fputs, (const char *restrict text, FILE *restrict stream), (text, stream), stream)
HOOK_STREAM(size_t, fwrite,
            (const void *restrict from, size_t size, size_t count, FILE *restrict stream),
            (from, size, count, stream), stream)
HOOK_STREAM(int, vprintf, (const char *restrict format, va_list list), (format, list), OUT)
HOOK_STREAM(int, vfprintf, (FILE *restrict stream, const char *restrict format, va_list list),
            (stream, format, list), stream)
HOOK_STREAM(FILE *, freopen,
            (const char *restrict path, const char *restrict mode, FILE *restrict stream),
            (path, mode, stream), stream)

HOOK_LIST(int, printf, (const char *restrict format, ...), format, vprintf(format, list))
HOOK_LIST(int, fprintf, (FILE *restrict stream, const char *restrict format, ...), format,
          vfprintf(stream, format, list))

static void touch_pending(FILE *stream)
{
    if (client_due() && stream && __fpending(stream) > 0)
        hook_touch_stream(stream);
}

HOOK int fflush(FILE *stream)
{
    touch_pending(stream ? stream : stdout);
    return REAL(fflush)(stream);
}

HOOK int fclose(FILE *stream)
{
    touch_pending(stream);
    return REAL(fclose)(stream);
}

#ifdef __GLIBC__
#undef fread_unlocked /* macros, too */
#undef fwrite_unlocked
HOOK_STREAM(int, fgetc_unlocked, (FILE * stream), (stream), stream)
HOOK_STREAM(int, getc_unlocked, (FILE * stream), (stream), stream)
HOOK_STREAM(int, getchar_unlocked, (void), (), IN)
HOOK_STREAM(char *, fgets_unlocked, (char *restrict line, int room, FILE *restrict stream),
            (line, room, stream), stream)
HOOK_STREAM(size_t, fread_unlocked,
            (void *restrict to, size_t size, size_t count, FILE *restrict stream),
            (to, size, count, stream), stream)
HOOK_STREAM(int, fputc_unlocked, (int c, FILE *stream), (c, stream), stream)
HOOK_STREAM(int, putc_unlocked, (int c, FILE *stream), (c, stream), stream)
HOOK_STREAM(int, putchar_unlocked, (int c), (c), OUT)
HOOK_STREAM(int, fputs_unlocked, (const char *restrict text, FILE *restrict stream), (text, stream),
            stream)
HOOK_STREAM(size_t, fwrite_unlocked,
            (const void *restrict from, size_t size, size_t count, FILE *restrict stream),
            (from, size, count, stream), stream)

HOOK int fflush_unlocked(FILE *stream)
{
    touch_pending(stream ? stream : stdout);
    return REAL(fflush_unlocked)(stream);
}

/* What the unlocked functions call when they were inlined and their buffer is empty or full; there
 * is none at first. */
int __underflow(FILE *stream);
HOOK_STREAM(int, __underflow, (FILE * stream), (stream), stream)
HOOK_STREAM(int, __uflow, (FILE * stream), (stream), stream)
HOOK_STREAM(int, __overflow, (FILE * stream, int c), (stream, c), stream)

/* What headers made of some of the above. */
int _IO_getc(FILE *stream);
int _IO_putc(int c, FILE *stream);

HOOK int _IO_getc(FILE *stream)
{
    return getc(stream);
}

HOOK int _IO_putc(int c, FILE *stream)
{
    return putc(c, stream);
}

HOOK ssize_t __getdelim(char **restrict line, size_t *restrict room, int end, FILE *restrict stream)
{
    return getdelim(line, room, end, stream);
}
#endif
