/* SPDX-License-Identifier: MIT
 *
 * preforkd/handler.h - what a protocol handler is, and what its host offers it.
 *
 * A handler is one struct preforkd_handler of functions; only handle() (or datagram()) is required.
 * A shared object exports it as `preforkd_handler`:
 *
 *     #include <preforkd/handler.h>
 *     static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
 *                       void *state) { … }
 *     PREFORKD_PLUGIN = {PREFORKD_HANDLER("lines"), .handle = handle};
 *
 * built with nothing to link: cc -shared -fPIC -o lines.so lines.c
 * In C++ the same lines are C++20, members in the order of their declaration; g++ and clang++ take
 * them with older standards, too, as an extension.
 *
 * Where and when (all of it as the service's unprivileged user, in processes with one thread):
 *
 *     check_config   `preforkd -t`: a scratch process, which ends after it. Start and reload: the
 *                    new pool, before pool_init; where it fails, that start or reload fails and
 *                    nothing else
 *     pool_init      the pool, once, before it forks workers
 *     worker_init    each worker, right after its fork; 0 makes it READY
 *     verify, setup, handle, finish   a worker, in this order, for each connection
 *     datagram       a worker, for each datagram
 *     tick           a worker, every tick_ms while it waits for a client
 *     worker_exit    a worker that leaves as it was told to
 *
 * None of them has a controlling terminal. Of the environment that preforkd was started with they
 * have PATH, TMPDIR, TZ, TZDIR, what chooses a language (LANG, LANGUAGE, LC_*, LOCPATH,
 * GCONV_PATH), what steers the loader, the C library and sanitizers (LD_*, MALLOC_*,
 * GLIBC_TUNABLES, ASAN_*, LSAN_*, UBSAN_*), and PREFORKD_*; neither HOME nor anything that its
 * starter keeps secret.
 *
 * A handler that crashes, hangs or exits takes its worker with it and nothing else; in check_config
 * and pool_init it makes the start of the service fail, with the reason. It must not close the
 * connection's descriptor, change dispositions of signals the host uses (WINCH, TERM, URG, CONT,
 * ALRM, VTALRM, and in pool_init CHLD) or leave processes behind. The built-in handlers use this
 * interface and no other.
 *
 * PREFORKD_ABI changes only when a compiled handler would break. Structures grow at their end: each
 * side says the size it knows, and the other one looks at no more than that. No member or argument
 * is of an enum type, whose size is the compiler's affair (-fshort-enums): names below are for int.
 */
#ifndef PREFORKD_HANDLER_H
#define PREFORKD_HANDLER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PREFORKD_ABI 1u

struct preforkd_connection; /* one client; belongs to the host, valid from verify() to finish() */
struct preforkd_datagram;   /* one datagram; belongs to the host, valid within datagram() */
struct preforkd_options;    /* the configuration; valid within check_config() and pool_init() */

/* What reading and writing say instead of a count of bytes. After any of these but TOO_LONG and
 * TIMEOUT nothing more can be read or written. */
enum preforkd_result {
    PREFORKD_OK = 0,
    PREFORKD_END = 0,   /* reading: the client has sent its end; it may still read */
    PREFORKD_GONE = -1, /* the client reset the connection, left in the middle, or reads no more */
    PREFORKD_STOPPING = -2, /* the worker has to leave, and graceful_timeout is over */
    PREFORKD_FAILED = -3,   /* the system refused */
    PREFORKD_TIMEOUT = -4,  /* idle_timeout, max_lifetime, or the deadline that the handler set */
    PREFORKD_TOO_LONG = -5  /* a line does not fit; nothing was taken */
};

/* How a connection is to be closed: what handle() returns. The host closes it in every case. */
enum preforkd_close {
    PREFORKD_CLOSE =
        0, /* what was written is sent; who still sends may lose what it has not read */
    PREFORKD_LINGER = 1,   /* send the end, then read and discard until the client closes, too */
    PREFORKD_ABORT = 2,    /* a reset: what was not sent yet is dropped */
    PREFORKD_DETACHED = 3, /* the handler has given a duplicate of the descriptor to somebody else:
                              only this process lets go of it; what print() keeps is dropped */
    PREFORKD_RETIRE = 16   /* or-ed: and this worker leaves; another one takes its place */
};

enum preforkd_log_level {
    PREFORKD_LOG_ERROR,
    PREFORKD_LOG_WARNING,
    PREFORKD_LOG_INFO,
    PREFORKD_LOG_DEBUG
};

enum preforkd_type {
    PREFORKD_TEXT,     /* "a word" */
    PREFORKD_INTEGER,  /* 42 */
    PREFORKD_BOOLEAN,  /* true */
    PREFORKD_DURATION, /* "250ms", "60s", or a number of seconds; in milliseconds */
    PREFORKD_SIZE      /* "64K", or a number of bytes; in bytes */
};

/* A row of the table of options. The host checks what the configuration says against it and
 * complains with FILE:LINE. Rows end with one whose name is NULL. */
struct preforkd_option {
    const char *name;
    int type;             /* enum preforkd_type */
    const char *fallback; /* as it would be written, without quotes; NULL: required */
    int64_t least, most;  /* of numbers; both 0: any */
    const char *text;     /* what it is, in a phrase */
};

/* Records: the messages of a connection by seqpacket:, unix(7). The longest that can be read. */
#define PREFORKD_RECORD_MAX (256 * 1024)

/* The host's functions. READING AND WRITING wait as long as the configuration's timeouts and the
 * handler's deadline allow; writes are complete or fail.
 *
 * RECORDS: read_some() returns bytes of one at most, all of them where SIZE suffices, or the rest
 * next time; to the other functions that read they are a stream. write_all() and flush() send one,
 * sendfile() any number. A longer one than PREFORKD_RECORD_MAX, or than the socket can send
 * (212,960 bytes where net.core.wmem_default is 212992), is PREFORKD_FAILED, and the log says so.
 * One without a byte is passed over: to receive it looks like the end. */
struct preforkd_host {
    uint32_t abi;  /* PREFORKD_ABI of the host */
    uint32_t size; /* of this structure in the running host */

    /* Wait until the client sent something, read at most SIZE bytes. Returns how many,
     * PREFORKD_END, or a result below 0. SIZE of 0 reads nothing and returns 0. */
    ptrdiff_t (*read_some)(struct preforkd_connection *connection, void *bytes, size_t size);

    /* The same, and what was read stays to be read again. SIZE is 16 KiB at most. */
    ptrdiff_t (*peek)(struct preforkd_connection *connection, void *bytes, size_t size);

    /* Read exactly SIZE bytes. Returns SIZE; PREFORKD_END where the end comes before the first
     * byte; PREFORKD_GONE where it comes in between. */
    ptrdiff_t (*read_exact)(struct preforkd_connection *connection, void *bytes, size_t size);

    /* Read up to a newline. TEXT gets the line without its "\n" or "\r\n", and a NUL. Returns how
     * many bytes the line had with its end (so an empty line is more than 0); a last line without
     * newline counts as one. PREFORKD_TOO_LONG where it does not fit into SIZE or 16 KiB. */
    ptrdiff_t (*read_line)(struct preforkd_connection *connection, char *text, size_t size);

    /* Wait until the client sent something or its end, at most MS milliseconds. 1, 0 when the time
     * is over, or a result below 0. */
    int (*wait_some)(struct preforkd_connection *connection, int ms);

    /* Send all of it, and before it what print() has kept. PREFORKD_OK or a result below 0. */
    int (*write_all)(struct preforkd_connection *connection, const void *bytes, size_t size);

    /* Formatted output (printf(3)), kept until flush(), a read that has to wait, write_all(), 16
     * KiB, or the end of finish(). At most 4 KiB at a time, PREFORKD_TOO_LONG beyond. */
    int (*print)(struct preforkd_connection *connection, const char *format, ...)
#if defined(__GNUC__)
        __attribute__((format(printf, 2, 3)))
#endif
        ;
    int (*flush)(struct preforkd_connection *connection);

    /* Send SIZE bytes of the file on descriptor FD from OFFSET on, sendfile(2). PREFORKD_FAILED
     * where the file is shorter. */
    int (*sendfile)(struct preforkd_connection *connection, int fd, int64_t offset, size_t size);

    /* From now on reading and writing together may wait until MS milliseconds from now; 0: as long
     * as the configuration allows (as at the beginning). extend() moves the date by MS. */
    void (*deadline_set)(struct preforkd_connection *connection, int64_t ms);
    void (*deadline_extend)(struct preforkd_connection *connection, int64_t ms);

    /* "192.0.2.1:4711", "[2001:db8::1]:4711" or "unix". peer is the client; where a proxy told who
     * that is, transport is the proxy, and otherwise the same. local is where the client connected
     * to, listener the entry of the configuration. Valid until finish() returns. */
    const char *(*peer)(struct preforkd_connection *connection);
    const char *(*transport)(struct preforkd_connection *connection);
    const char *(*local)(struct preforkd_connection *connection);
    const char *(*listener)(struct preforkd_connection *connection);

    /* The socket, for getsockopt(2) and the like. The host's; not to be closed. */
    int (*descriptor)(struct preforkd_connection *connection);

    /* Not 0 when this worker should finish: answer what was asked and return. */
    int (*stopping)(void);

    /* One line in the log; with CONNECTION (may be NULL) its client. BYTES (may be NULL) may come
     * from a client: they are escaped, ill-formed UTF-8 becomes U+FFFD. LEVEL is one of enum
     * preforkd_log_level. */
    void (*log)(struct preforkd_connection *connection, int level, const char *message,
                const char *key, const void *bytes, size_t size);

    /* What `preforkctl workers` and an obituary show of this worker, 95 bytes at most. In a worker
     * only; it holds until it is said anew, or the connection ends. */
    void (*status)(const char *text);

    /* Add to a counter of the handler's table (its index); status shows the sum over the workers.
     * In a worker only. */
    void (*count)(unsigned counter, uint64_t amount);

    /* Of the connection, for what the handler keeps between its functions: NULL at first. */
    void (*set_userdata)(struct preforkd_connection *connection, void *userdata);
    void *(*userdata)(struct preforkd_connection *connection);

    /* Values of options, of the type in the table: BOOLEAN is 0 or 1. Texts live as long as the
     * process. */
    const char *(*option_text)(const struct preforkd_options *options, const char *name);
    int64_t (*option_number)(const struct preforkd_options *options, const char *name);

    /* A datagram: its bytes, how many there are, who sent it ("192.0.2.1:4711"; "unix" for one
     * without an address), whether it was longer than what is here. */
    const void *(*datagram_bytes)(const struct preforkd_datagram *datagram, size_t *size);
    const char *(*datagram_peer)(struct preforkd_datagram *datagram);
    int (*datagram_is_cut)(const struct preforkd_datagram *datagram);

    /* Answer it, from the address that was asked. At most once; sent when datagram() returns. BYTES
     * must live until then. */
    void (*datagram_reply)(struct preforkd_datagram *datagram, const void *bytes, size_t size);

    /* Where it was sent to (a broadcast or multicast address as well), and the entry of the
     * configuration that took it; as local and listener above. Valid within datagram(). */
    const char *(*datagram_local)(struct preforkd_datagram *datagram);
    const char *(*datagram_listener)(const struct preforkd_datagram *datagram);

    /* As log(), with who sent DATAGRAM. */
    void (*datagram_log)(struct preforkd_datagram *datagram, int level, const char *message,
                         const char *key, const void *bytes, size_t size);

    /* As print(), for handlers that have such a function of their own. */
    int (*vprint)(struct preforkd_connection *connection, const char *format, va_list arguments)
#if defined(__GNUC__)
        __attribute__((format(printf, 2, 0)))
#endif
        ;
};

/* Most counters a handler may have, and the longest name with its NUL. */
#define PREFORKD_COUNTERS_MAX     8
#define PREFORKD_COUNTER_NAME_MAX 24

struct preforkd_handler {
    uint32_t abi;  /* PREFORKD_ABI */
    uint32_t size; /* sizeof(struct preforkd_handler) */
    const char *name;
    uint32_t option_size;                  /* sizeof(struct preforkd_option), a row of options */
    uint32_t tick_ms;                      /* 0: no tick() */
    const struct preforkd_option *options; /* NULL: it has none */
    const char *const *counters;           /* names, ends with NULL; NULL: it has none */

    /* Whatever a table cannot check. 0, or -1 with a sentence in REASON. */
    int (*check_config)(const struct preforkd_host *host, const struct preforkd_options *options,
                        char *reason, size_t reason_size);

    /* *STATE (NULL before) is handed to all functions below, as its copy in each worker. 0, or -1
     * with a sentence in REASON: the service does not start. */
    int (*pool_init)(const struct preforkd_host *host, const struct preforkd_options *options,
                     void **state, char *reason, size_t reason_size);

    /* May change *STATE for this worker. 0, or -1 with a sentence in REASON: the worker ends, which
     * counts as a death before READY. */
    int (*worker_init)(const struct preforkd_host *host, void **state, char *reason,
                       size_t reason_size);

    /* Before anything is read. 0, or -1: the connection is closed (PREFORKD_LINGER where something
     * was written) and counted as refused, and none of the next three is called. */
    int (*verify)(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state);

    /* 0, or -1: no handle(). finish() is called in either case. */
    int (*setup)(const struct preforkd_host *host, struct preforkd_connection *connection,
                 void *state);
    /* Returns one of enum preforkd_close, perhaps or-ed with PREFORKD_RETIRE. */
    int (*handle)(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state);
    void (*finish)(const struct preforkd_host *host, struct preforkd_connection *connection,
                   void *state);

    /* It must not wait: there is no connection whose end could wake it. When idle_timeout,
     * max_lifetime or graceful_timeout is over, it has kill_timeout left, and is killed. */
    void (*datagram)(const struct preforkd_host *host, struct preforkd_datagram *datagram,
                     void *state);
    void (*tick)(const struct preforkd_host *host, void *state);
    void (*worker_exit)(const struct preforkd_host *host, void *state);
};

#define PREFORKD_HANDLER(its_name)                                                                 \
    .abi = PREFORKD_ABI, .size = (uint32_t)sizeof(struct preforkd_handler), .name = (its_name),    \
    .option_size = (uint32_t)sizeof(struct preforkd_option)

/* The one symbol of a plugin, seen from outside even with -fvisibility=hidden. */
#if defined(__GNUC__)
#define PREFORKD_EXPORT __attribute__((visibility("default")))
#else
#define PREFORKD_EXPORT
#endif
#ifdef __cplusplus
#define PREFORKD_EXTERN extern "C"
#else
#define PREFORKD_EXTERN extern
#endif
#define PREFORKD_PLUGIN                                                                            \
    PREFORKD_EXTERN PREFORKD_EXPORT const struct preforkd_handler preforkd_handler;                \
    const struct preforkd_handler preforkd_handler

#ifdef __cplusplus
}
#endif

#endif
