/* SPDX-License-Identifier: MIT
 *
 * buffer - bytes that grow at the end.
 *
 * A zeroed struct is an empty buffer. Out of memory ends the process with one line: nothing that
 * uses it can go on sensibly, and parents that must survive keep their buffers small.
 */
#ifndef LIB_BUFFER_H
#define LIB_BUFFER_H

#include <stddef.h>

struct buffer {
    char *data; /* always NUL-terminated once anything was appended */
    size_t length;
    size_t capacity;
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drop COUNT bytes from the front. */
void buffer_consume(struct buffer *buffer, size_t count);

/* Make room for at least ROOM more bytes and return where they go; add what was written to
 * buffer->length (the terminating NUL is then the caller's affair). */
char *buffer_reserve(struct buffer *buffer, size_t room);

/* Free the memory; the buffer is empty again. */
void buffer_release(struct buffer *buffer);

/* The bytes as a string; "" for an empty buffer. */
const char *buffer_text(const struct buffer *buffer);

#endif
