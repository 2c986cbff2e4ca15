/* SPDX-License-Identifier: MIT
 *
 * hook_stdio_wide - what hook_stdio.c does, for streams of wide characters.
 */
#include "server/preload/hook_stream.h"

#include <stdarg.h>
#include <wchar.h>

HOOK_STREAM(wint_t, fgetwc, (FILE * stream), (stream), stream)
HOOK_STREAM(wint_t, getwc, (FILE * stream), (stream), stream)
HOOK_STREAM(wint_t, getwchar, (void), (), stdin)
HOOK_STREAM(wchar_t *, fgetws, (wchar_t *restrict line, int room, FILE *restrict stream),
            (line, room, stream), stream)
HOOK_STREAM(wint_t, fputwc, (wchar_t c, FILE *stream), (c, stream), stream)
HOOK_STREAM(wint_t, putwc, (wchar_t c, FILE *stream), (c, stream), stream)
HOOK_STREAM(wint_t, putwchar, (wchar_t c), (c), stdout)
HOOK_STREAM(int, fputws, (const wchar_t *restrict text, FILE *restrict stream), (text, stream),
            stream)
HOOK_STREAM(int, vwprintf, (const wchar_t *restrict format, va_list list), (format, list), stdout)
HOOK_STREAM(int, vfwprintf, (FILE *restrict stream, const wchar_t *restrict format, va_list list),
            (stream, format, list), stream)

HOOK_LIST(int, wprintf, (const wchar_t *restrict format, ...), format, vwprintf(format, list))
HOOK_LIST(int, fwprintf, (FILE *restrict stream, const wchar_t *restrict format, ...), format,
          vfwprintf(stream, format, list))

#ifdef __GLIBC__
HOOK_STREAM(wint_t, fgetwc_unlocked, (FILE * stream), (stream), stream)
HOOK_STREAM(wint_t, getwc_unlocked, (FILE * stream), (stream), stream)
HOOK_STREAM(wint_t, getwchar_unlocked, (void), (), stdin)
HOOK_STREAM(wchar_t *, fgetws_unlocked, (wchar_t *restrict line, int room, FILE *restrict stream),
            (line, room, stream), stream)
HOOK_STREAM(wint_t, fputwc_unlocked, (wchar_t c, FILE *stream), (c, stream), stream)
HOOK_STREAM(wint_t, putwc_unlocked, (wchar_t c, FILE *stream), (c, stream), stream)
HOOK_STREAM(wint_t, putwchar_unlocked, (wchar_t c), (c), stdout)
HOOK_STREAM(int, fputws_unlocked, (const wchar_t *restrict text, FILE *restrict stream),
            (text, stream), stream)

/* What the macros call when a buffer is empty or full. */
wint_t __wunderflow(FILE *stream);
wint_t __wuflow(FILE *stream);
wint_t __woverflow(FILE *stream, wint_t c);
HOOK_STREAM(wint_t, __wunderflow, (FILE * stream), (stream), stream)
HOOK_STREAM(wint_t, __wuflow, (FILE * stream), (stream), stream)
HOOK_STREAM(wint_t, __woverflow, (FILE * stream, wint_t c), (stream, c), stream)
#endif
