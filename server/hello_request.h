/* SPDX-License-Identifier: MIT
 *
 * hello_request - what the bytes that have arrived so far are: a plain message or an HTTP request.
 */
#ifndef SERVER_HELLO_REQUEST_H
#define SERVER_HELLO_REQUEST_H

#include <stddef.h>

enum hello_request {
    HELLO_MORE,  /* may become an HTTP request: read on */
    HELLO_PLAIN, /* anything else: one message, answered as it is */
    HELLO_HTTP,  /* the whole head of an HTTP/1.x request is there */
};

/* Pure. A request line is METHOD SP TARGET SP HTTP/d.d (RFC 9112, 3); the head ends with an empty
 * line. Bare LF is taken as a line end, as RFC 9112, 2.2 allows. */
enum hello_request hello_request_judge(const char *bytes, size_t length);

/* The first line without its end, for the log. */
size_t hello_request_line(const char *bytes, size_t length);

#endif
