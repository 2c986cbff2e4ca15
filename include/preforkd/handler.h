/* SPDX-License-Identifier: MIT
 *
 * preforkd/handler.h - what a protocol handler is, and what its host offers it.
 *
 * A handler is a struct preforkd_handler of functions. The pool process calls pool_init() once
 * before it forks workers; each worker, a process with one thread, then calls worker_init() and,
 * for one connection after the other, handle(). All of them run as the service's unprivileged
 * user. The built-in handlers use this interface and no other.
 *
 * The interface is provisional until handlers can be loaded from shared objects; from then on
 * PREFORKD_HANDLER_ABI changes only when a compiled handler would break.
 */
#ifndef PREFORKD_HANDLER_H
#define PREFORKD_HANDLER_H

#include <stddef.h>
#include <stdint.h>

#define PREFORKD_HANDLER_ABI 0

struct preforkd_connection; /* one client; belongs to the host, valid within handle() */
struct preforkd_options;    /* the handler's group of the configuration; valid within pool_init() */

/* What reading and writing may say instead of a count of bytes. */
enum preforkd_result {
    PREFORKD_OK = 0,
    PREFORKD_GONE = -1,  /* the client reset the connection or no longer reads */
    PREFORKD_ENDED = -2, /* the host ended it: idle_timeout, max_lifetime, graceful_timeout */
    PREFORKD_FAILED = -3 /* the system refused */
};

/* How handle() wants its connection closed. The host closes it in every case. */
enum preforkd_close {
    PREFORKD_CLOSE = 0, /* at once; the client may lose what it has not read if it still sends */
    PREFORKD_LINGER = 1 /* send the end, then read and discard until the client closes too */
};

enum preforkd_log_level {
    PREFORKD_LOG_ERROR,
    PREFORKD_LOG_WARNING,
    PREFORKD_LOG_INFO,
    PREFORKD_LOG_DEBUG
};

/* The host's functions. None may be called outside the handler's own functions. */
struct preforkd_host {
    uint32_t size; /* of this structure in the running host: newer hosts append members */

    /* Wait until the client sent something, read at most SIZE bytes. Returns how many, 0 when the
     * client has sent its end (it may still read), or an enum preforkd_result < 0. */
    ptrdiff_t (*read_some)(struct preforkd_connection *connection, void *bytes, size_t size);

    /* Wait until the client sent something or its end, at most MS milliseconds. 1, 0 when the time
     * is over, or an enum preforkd_result < 0. */
    int (*wait_some)(struct preforkd_connection *connection, int ms);

    /* Write all of it, waiting as long as the client is slow. PREFORKD_OK or an error. */
    int (*write_all)(struct preforkd_connection *connection, const void *bytes, size_t size);

    /* "192.0.2.1:4711", "[2001:db8::1]:4711" or "unix". Valid within handle(). */
    const char *(*peer)(struct preforkd_connection *connection);

    /* Not 0 when this worker should finish: answer what was asked and return. */
    int (*stopping)(struct preforkd_connection *connection);

    /* One line in the log with service, worker and peer. BYTES may come from the client: they are
     * escaped; ill-formed UTF-8 becomes U+FFFD. */
    void (*log)(struct preforkd_connection *connection, enum preforkd_log_level level,
                const char *message, const char *key, const void *bytes, size_t size);

    /* The value of an option, NULL where the handler has none of that name. Only in pool_init();
     * the text lives as long as the process. */
    const char *(*option)(const struct preforkd_options *options, const char *name);
};

struct preforkd_handler {
    uint32_t abi;  /* PREFORKD_HANDLER_ABI */
    uint32_t size; /* sizeof(struct preforkd_handler) */
    const char *name;

    /* In the pool, before any fork. *STATE is handed to all other functions, as its copy in each
     * worker. Returns 0, or -1 with a sentence in REASON: the service then does not start. */
    int (*pool_init)(const struct preforkd_host *host, const struct preforkd_options *options,
                     void **state, char *reason, size_t reason_size);

    /* In each worker, before it is READY. Returns 0, or -1 with a sentence in REASON: the worker
     * ends, which counts as a death before READY. */
    int (*worker_init)(const struct preforkd_host *host, void *state, char *reason,
                       size_t reason_size);

    /* One client. Must not close the connection's descriptor, block signals or leave processes
     * behind. Required; all other functions may be NULL. */
    enum preforkd_close (*handle)(const struct preforkd_host *host,
                                  struct preforkd_connection *connection, void *state);
};

#endif
