/* SPDX-License-Identifier: MIT
 *
 * hook_stream - what the hooks of stdio have in common. There are about a hundred, all alike.
 */
#ifndef SERVER_PRELOAD_HOOK_STREAM_H
#define SERVER_PRELOAD_HOOK_STREAM_H

#include "server/preload/hook.h"

#include <errno.h>
#include <stdio.h>

/* Whatever stream it is that has descriptor 0 or 1: fdopen(3) makes others beside stdin. */
static inline void hook_touch_stream(FILE *stream)
{
    if (!client_due() || !stream)
        return;
    int saved = errno;
    client_touch(fileno(stream));
    errno = saved;
}

/* TYPE NAME PARAMETERS, for which NAME ARGUMENTS is called when STREAM has its client. */
#define HOOK_STREAM(type, name, parameters, arguments, stream)                                     \
    HOOK type name parameters                                                                      \
    {                                                                                              \
        hook_touch_stream(stream);                                                                 \
        return REAL(name) arguments;                                                               \
    }

/* TYPE NAME PARAMETERS, the last of which are a list behind parameter LAST: CALL is that of the
 * function that takes a va_list, LIST. */
#define HOOK_LIST(type, name, parameters, last, call)                                              \
    HOOK type name parameters                                                                      \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, last);                                                                      \
        type result = call;                                                                        \
        va_end(list);                                                                              \
        return result;                                                                             \
    }

#endif
