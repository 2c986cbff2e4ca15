/* SPDX-License-Identifier: MIT
 *
 * pipeline - see pipeline.h.
 */
#include "client/pipeline.h"

bool pipeline_is_empty(const struct pipeline *p)
{
    return p->begin == p->end;
}

size_t pipeline_room(const struct pipeline *p)
{
    return sizeof p->bytes - p->end;
}

void pipeline_advance(struct pipeline *p, size_t count)
{
    p->begin += count;
    if (pipeline_is_empty(p))
        p->begin = p->end = 0;
}

size_t pipeline_message(struct pipeline *p)
{
    size_t length = p->end - p->begin;
    const char *newline = memchr(p->bytes + p->begin, '\n', length);
    if (newline)
        length = (size_t)(newline - (p->bytes + p->begin)) + 1;
    if (length > PIPELINE_MESSAGE_MAX)
        return PIPELINE_MESSAGE_MAX;
    if (newline || p->ended)
        return length;
    /* The rest of this line needs room, whatever has been before it. */
    memmove(p->bytes, p->bytes + p->begin, length);
    p->begin = 0;
    p->end = length;
    return 0;
}
