/* SPDX-License-Identifier: MIT
 *
 * stream - see stream.h.
 */
#include "server/stream.h"

#include "lib/clock.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PRINTF_MAX 4096

/* What is kept goes out before anybody waits for the client. */
static ptrdiff_t read_more(struct preforkd_connection *c, void *bytes, size_t size)
{
    int status = stream_flush(c);
    return status < 0 ? status : connection_read(c, bytes, size);
}

static size_t take(struct preforkd_connection *c, void *bytes, size_t size)
{
    size_t count = c->in_end - c->in_at < size ? c->in_end - c->in_at : size;
    memcpy(bytes, c->room->in + c->in_at, count);
    c->in_at += count;
    return count;
}

/* At least one byte more into the buffer, or a record more. As connection_read();
 * PREFORKD_TOO_LONG: it is full. */
static ptrdiff_t fill(struct preforkd_connection *c)
{
    memmove(c->room->in, c->room->in + c->in_at, c->in_end - c->in_at);
    c->in_end -= c->in_at;
    c->in_at = 0;
    if (c->in_end >= CONNECTION_BUFFER)
        return PREFORKD_TOO_LONG;
    size_t room = c->records ? PREFORKD_RECORD_MAX : CONNECTION_BUFFER - c->in_end;
    ptrdiff_t got = read_more(c, c->room->in + c->in_end, room);
    c->in_end += got > 0 ? (size_t)got : 0;
    return got;
}

/* What a recv leaves of a record is lost: it goes by way of the buffer. */
static ptrdiff_t read_next(struct preforkd_connection *c, void *bytes, size_t size)
{
    bool kept = c->in_at < c->in_end;
    if (!kept && !c->records)
        return read_more(c, bytes, size);
    ptrdiff_t got = kept ? 1 : fill(c);
    return got <= 0 ? got : (ptrdiff_t)take(c, bytes, size);
}

ptrdiff_t stream_read_some(struct preforkd_connection *c, void *bytes, size_t size)
{
    return size == 0 ? 0 : read_next(c, bytes, size); /* recv(2) of 0 bytes looks like the end */
}

ptrdiff_t stream_peek(struct preforkd_connection *c, void *bytes, size_t size)
{
    if (size == 0)
        return 0;
    ptrdiff_t got = c->in_at < c->in_end ? 1 : fill(c);
    if (got <= 0)
        return got;
    size_t there = take(c, bytes, size);
    c->in_at -= there;
    return (ptrdiff_t)there;
}

/* A handler that tries again must not find the middle of a record. */
static void give_back(struct preforkd_connection *c, const void *bytes, size_t size)
{
    if (size > sizeof c->room->in)
        return;
    memcpy(c->room->in, bytes, size); /* it is empty: all of it was taken */
    c->in_at = 0;
    c->in_end = size;
}

ptrdiff_t stream_read_exact(struct preforkd_connection *c, void *bytes, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ptrdiff_t got = read_next(c, (char *)bytes + have, size - have);
        if (got == PREFORKD_END && have > 0)
            return PREFORKD_GONE;
        if (got == PREFORKD_TIMEOUT)
            give_back(c, bytes, have);
        if (got <= 0)
            return got;
        have += (size_t)got;
    }
    return (ptrdiff_t)size;
}

/* LENGTH bytes are the line and its end. */
static ptrdiff_t take_line(struct preforkd_connection *c, char *text, size_t size, size_t length)
{
    const char *line = c->room->in + c->in_at;
    size_t shown = length;
    if (shown > 0 && line[shown - 1] == '\n')
        shown--;
    if (shown < length && shown > 0 && line[shown - 1] == '\r')
        shown--;
    if (shown >= size)
        return PREFORKD_TOO_LONG;
    memcpy(text, line, shown);
    text[shown] = '\0';
    c->in_at += length;
    return (ptrdiff_t)length;
}

ptrdiff_t stream_read_line(struct preforkd_connection *c, char *text, size_t size)
{
    size_t seen = 0; /* without a newline in it */
    for (;;) {
        size_t there = c->in_end - c->in_at;
        const char *end = memchr(c->room->in + c->in_at + seen, '\n', there - seen);
        if (end)
            return take_line(c, text, size, (size_t)(end - c->room->in) - c->in_at + 1);
        if (there > size) /* and one of these may belong to its end */
            return PREFORKD_TOO_LONG;
        seen = there;
        ptrdiff_t got = fill(c);
        if (got == PREFORKD_END && there > 0)
            return take_line(c, text, size, there);
        if (got <= 0)
            return got;
    }
}

int stream_wait_some(struct preforkd_connection *c, int ms)
{
    int status = c->in_at < c->in_end ? 1 : stream_flush(c);
    return status != PREFORKD_OK ? status : connection_wait(c, ms);
}

int stream_flush(struct preforkd_connection *c)
{
    size_t size = c->out_length;
    c->out_length = 0; /* what cannot be sent is lost in any case */
    return size == 0 ? PREFORKD_OK : connection_write(c, c->room->out, size);
}

int stream_write_all(struct preforkd_connection *c, const void *bytes, size_t size)
{
    int status = stream_flush(c);
    return status < 0 ? status : connection_write(c, bytes, size);
}

int stream_vprint(struct preforkd_connection *c, const char *format, va_list arguments)
{
    int status = sizeof c->room->out - c->out_length <= PRINTF_MAX ? stream_flush(c) : PREFORKD_OK;
    if (status < 0)
        return status;
    int length = vsnprintf(c->room->out + c->out_length, PRINTF_MAX + 1, format, arguments);
    if (length < 0 || length > PRINTF_MAX)
        return PREFORKD_TOO_LONG;
    c->out_length += (size_t)length;
    return PREFORKD_OK;
}

int stream_print(struct preforkd_connection *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int status = stream_vprint(c, format, arguments);
    va_end(arguments);
    return status;
}

int stream_sendfile(struct preforkd_connection *c, int fd, int64_t offset, size_t size)
{
    int status = stream_flush(c);
    if (status < 0 || c->deadline_ms == CLOCK_NEVER)
        return status < 0 ? status : connection_send_file(c, fd, offset, size);
    /* sendfile(2) has no flag for it, and would wait for the client beyond the deadline. */
    int flags = fcntl(c->fd, F_GETFL);
    fcntl(c->fd, F_SETFL, flags | O_NONBLOCK);
    status = connection_send_file(c, fd, offset, size);
    fcntl(c->fd, F_SETFL, flags);
    return status;
}
