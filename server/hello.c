/* SPDX-License-Identifier: MIT
 *
 * hello - the handler that reads one request, logs it, answers "Hello, world!" and closes.
 *
 * A request that is HTTP gets a valid HTTP/1.1 response with that body (RFC 9112); anything else is
 * one message and gets the bare text. The connection is closed with lingering, so that a request
 * that is longer than what was read does not turn the answer into a reset.
 */
#include "server/handler.h"
#include "server/hello_request.h"

#define REQUEST_MAX (32 * 1024)
#define PATIENCE_MS 1000 /* for the rest of a request line */
#define BODY        "Hello, world!"

static char bytes[REQUEST_MAX];

static void answer_http(const struct preforkd_host *host, struct preforkd_connection *connection,
                        const char *status, int with_body)
{
    char text[512];
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                          "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                          status, sizeof BODY - 1, with_body ? BODY : "");
    host->write_all(connection, text, (size_t)length);
}

/* Read until it is clear what the request is. *LENGTH is 0 where the client sent nothing. */
static enum hello_request read_request(const struct preforkd_host *host,
                                       struct preforkd_connection *connection, size_t *length)
{
    enum hello_request kind = HELLO_MORE;
    *length = 0;
    while (kind == HELLO_MORE && *length < sizeof bytes) {
        /* "GET" may be a plain message, too: whoever means HTTP goes on soon. */
        if (*length > 0 && !memchr(bytes, '\n', *length) &&
            host->wait_some(connection, PATIENCE_MS) == 0)
            return HELLO_PLAIN;
        ptrdiff_t got = host->read_some(connection, bytes + *length, sizeof bytes - *length);
        if (got < 0)
            *length = 0;
        if (got <= 0)
            return HELLO_PLAIN; /* half a request, and no more will come */
        *length += (size_t)got;
        kind = hello_request_judge(bytes, *length);
    }
    return kind;
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    size_t length;
    enum hello_request kind = read_request(host, connection, &length);
    (void)state;
    if (length == 0)
        return PREFORKD_CLOSE;
    host->log(connection, PREFORKD_LOG_INFO, "request", "line", bytes,
              hello_request_line(bytes, length));
    if (kind == HELLO_PLAIN)
        host->write_all(connection, BODY, sizeof BODY - 1);
    else if (kind == HELLO_MORE)
        answer_http(host, connection, "431 Request Header Fields Too Large", 1);
    else
        answer_http(host, connection, "200 OK", memcmp(bytes, "HEAD ", 5) != 0);
    return PREFORKD_LINGER;
}

const struct preforkd_handler handler_hello = {
    PREFORKD_HANDLER("hello"),
    .handle = handle,
};
