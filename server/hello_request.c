/* SPDX-License-Identifier: MIT
 *
 * hello_request - see hello_request.h.
 */
#include "server/hello_request.h"

#include <stdbool.h>

static const char *const METHODS[] = {"GET ",     "HEAD ",    "POST ",  "PUT ",   "DELETE ",
                                      "OPTIONS ", "CONNECT ", "TRACE ", "PATCH ", NULL};

/* The length of a method (and its space) that the bytes begin with; 0 where they are the
 * beginning of one, -1 where they can never become one. */
static int method_length(const char *bytes, size_t length)
{
    for (const char *const *m = METHODS; *m; m++) {
        size_t wanted = strlen(*m);
        if (memcmp(bytes, *m, length < wanted ? length : wanted) == 0)
            return length < wanted ? 0 : (int)wanted;
    }
    return -1;
}

size_t hello_request_line(const char *bytes, size_t length)
{
    const char *end = memchr(bytes, '\n', length);
    size_t line = end ? (size_t)(end - bytes) : length;
    return line > 0 && bytes[line - 1] == '\r' ? line - 1 : line;
}

/* Behind a method of so many bytes, blank included: a target, a blank, a version. */
static bool version_at_end(const char *line, size_t length, size_t method)
{
    static const char version[] = "HTTP/";
    if (length < method + sizeof "x HTTP/1.1" - 1)
        return false;
    const char *v = line + length - 8;
    return v[-1] == ' ' && memcmp(v, version, 5) == 0 && v[5] >= '0' && v[5] <= '9' &&
           v[6] == '.' && v[7] >= '0' && v[7] <= '9';
}

/* An empty line behind the first one. */
static bool head_complete(const char *bytes, size_t length)
{
    for (size_t i = 1; i < length; i++)
        if (bytes[i] == '\n' &&
            (bytes[i - 1] == '\n' || (i > 1 && bytes[i - 1] == '\r' && bytes[i - 2] == '\n')))
            return true;
    return false;
}

enum hello_request hello_request_judge(const char *bytes, size_t length)
{
    int method = method_length(bytes, length);
    if (method < 0)
        return HELLO_PLAIN;
    if (method == 0 || !memchr(bytes, '\n', length))
        return HELLO_MORE;
    if (!version_at_end(bytes, hello_request_line(bytes, length), (size_t)method))
        return HELLO_PLAIN;
    return head_complete(bytes, length) ? HELLO_HTTP : HELLO_MORE;
}
