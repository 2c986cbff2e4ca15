/* SPDX-License-Identifier: MIT
 *
 * buffer - see buffer.h.
 */
#include "lib/buffer.h"

#include "lib/memory.h"

#include <stdarg.h>

char *buffer_reserve(struct buffer *buffer, size_t room)
{
    size_t wanted = buffer->length + room + 1;
    if (wanted > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity < wanted)
            capacity *= 2;
        buffer->data = memory_resize(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    char *room = buffer_reserve(buffer, length);
    if (length > 0)
        memcpy(room, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        return;
    char *room = buffer_reserve(buffer, (size_t)length);
    va_start(args, format);
    vsnprintf(room, (size_t)length + 1, format, args);
    va_end(args);
    buffer->length += (size_t)length;
}

void buffer_consume(struct buffer *buffer, size_t count)
{
    if (count == 0)
        return;
    buffer->length -= count;
    memmove(buffer->data, buffer->data + count, buffer->length);
    buffer->data[buffer->length] = '\0';
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->data ? buffer->data : "";
}
