/* SPDX-License-Identifier: MIT
 *
 * stream - a connection read by lines and written piecemeal: the buffers between connection.c and
 * the handler. What needs no buffer passes by.
 */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include "server/connection.h"

/* As the host's functions of the same names (preforkd/handler.h). */
ptrdiff_t stream_read_some(struct preforkd_connection *c, void *bytes, size_t size);
ptrdiff_t stream_peek(struct preforkd_connection *c, void *bytes, size_t size);
ptrdiff_t stream_read_exact(struct preforkd_connection *c, void *bytes, size_t size);
ptrdiff_t stream_read_line(struct preforkd_connection *c, char *text, size_t size);
int stream_wait_some(struct preforkd_connection *c, int ms);
int stream_write_all(struct preforkd_connection *c, const void *bytes, size_t size);
int stream_print(struct preforkd_connection *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int stream_vprint(struct preforkd_connection *c, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
int stream_flush(struct preforkd_connection *c);
int stream_sendfile(struct preforkd_connection *c, int fd, int64_t offset, size_t size);

#endif
