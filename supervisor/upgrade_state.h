/* SPDX-License-Identifier: MIT
 *
 * upgrade_state - all that a new image of preforkd needs to go on where the old one stopped.
 *
 * It travels in a sealed memfd (upgrade_codec.h is its format), and descriptors by their numbers,
 * which stay the same across execve(2). The rows below are the only place that knows what there is:
 * from them come the structures, writer, reader and the tests. A tag is never used again for
 * something else. What an older version cannot do without, or a newer one cannot understand any
 * more, raises UPGRADE_STATE_LEAST.
 */
#ifndef SUPERVISOR_UPGRADE_STATE_H
#define SUPERVISOR_UPGRADE_STATE_H

#include "lib/clock.h"
#include "supervisor/upgrade_codec.h"

#include <stdbool.h>
#include <sys/types.h>

#ifndef UPGRADE_STATE_VERSION
#define UPGRADE_STATE_VERSION 1 /* of the writer; only shown */
#endif
#ifndef UPGRADE_STATE_LEAST
#define UPGRADE_STATE_LEAST 1 /* readers below this version must not try */
#endif

/*      NUMBER(tag, name, default, low, high)
 *      FLAG(tag, name)   TEXT(tag, name)   FD(tag, name)   COUNTS(tag, name, how many) */

#define UPGRADE_ANY -INT64_MAX, INT64_MAX /* of times */
#define UPGRADE_U32 0, UINT32_MAX

#ifndef UPGRADE_STATE_MORE
#define UPGRADE_STATE_MORE /* rows of a version to come, which only a test has */
#endif

/* One row: the daemon as a whole. */
#define UPGRADE_DAEMON_FIELDS                                                                      \
    NUMBER(1, pid, 0, 1, INT32_MAX) /* the state is for this process only */                       \
    NUMBER(2, started_ms, 0, UPGRADE_ANY)                                                          \
    NUMBER(3, generation, 1, 1, UINT32_MAX)                                                        \
    NUMBER(4, channel, 0, UPGRADE_U32)       /* CHANNEL_MAGIC of its pools */                      \
    NUMBER(5, board, 0, 0, INT64_MAX)        /* scoreboard_layout() of its pools */                \
    NUMBER(6, descriptors, -1, 0, INT64_MAX) /* fds_original_limit(); -1: none */                  \
    TEXT(7, version)                                                                               \
    TEXT(8, program) /* path of preforkd */                                                        \
    TEXT(9, config)  /* in force, as config_print_resolved() writes it */                          \
    TEXT(10, file)   /* where it came from */                                                      \
    FD(11, pid_file)                                                                               \
    FD(12, control)                                                                                \
    FD(13, control_lock)                                                                           \
    NUMBER(14, orphans_term_ms, CLOCK_NEVER, UPGRADE_ANY) /* struct orphans, next */               \
    NUMBER(15, orphans_kill_ms, CLOCK_NEVER, UPGRADE_ANY)                                          \
    FLAG(16, reload)  /* one was asked for */                                                      \
    TEXT(17, manager) /* NOTIFY_SOCKET */                                                          \
    NUMBER(18, watchdog_ms, 0, 0, INT64_MAX / 4)                                                   \
    NUMBER(19, began_ms, CLOCK_NEVER, UPGRADE_ANY) /* this upgrade */                              \
    UPGRADE_STATE_MORE

/* struct listener */
#define UPGRADE_LISTENER_FIELDS                                                                    \
    TEXT(1, service)                                                                               \
    TEXT(2, address)                                                                               \
    NUMBER(3, scope, 0, UPGRADE_U32) /* address_scope() */                                         \
    FD(4, fd)                                                                                      \
    NUMBER(5, type, 0, 0, INT32_MAX)                                                               \
    NUMBER(6, mode, 0, 0, 07777)                                                                   \
    FD(7, lock)

/* A socket of inherited.c, in their order; fd -1: it could not be used. */
#define UPGRADE_INHERITED_FIELDS                                                                   \
    TEXT(1, name)                                                                                  \
    FD(2, fd)

/* struct service, and core_service of the same number */
#define UPGRADE_SERVICE_FIELDS                                                                     \
    TEXT(1, name)                                                                                  \
    NUMBER(2, generation, 0, UPGRADE_U32)                                                          \
    NUMBER(3, workers, 0, 0, INT32_MAX)                                                            \
    TEXT(4, trouble)                                                                               \
    COUNTS(5, sums, UPGRADE_SUMS)                                                                  \
    NUMBER(6, retry_ms, CLOCK_NEVER, UPGRADE_ANY)                                                  \
    NUMBER(7, fresh_ms, 0, UPGRADE_ANY)                                                            \
    NUMBER(8, failures, 0, UPGRADE_U32)                                                            \
    NUMBER(9, replaced_us, 0, 0, INT64_MAX / 4) /* rate, spent_us and */                           \
    NUMBER(10, replaced_ms, 0, UPGRADE_ANY)     /* seen_ms */                                      \
    FLAG(11, restart)                                                                              \
    FLAG(12, stale)

/* struct scoreboard_totals: connections, bytes in and out, refused, crashes, restarts; counters. */
#define UPGRADE_SUMS 14

/* struct pool_process, and core_pool of the same number */
#define UPGRADE_POOL_FIELDS                                                                        \
    TEXT(1, name)                                                                                  \
    NUMBER(2, place, 0, 0, 2) /* enum core_place */                                                \
    NUMBER(3, generation, 0, UPGRADE_U32)                                                          \
    NUMBER(4, pid, 0, 2, INT32_MAX)                                                                \
    FD(5, channel)                                                                                 \
    FD(6, board)                                                                                   \
    NUMBER(7, slots, 0, 1, 2 * 65536)                                                              \
    NUMBER(8, born_ms, 0, UPGRADE_ANY)                                                             \
    NUMBER(9, state, 0, 0, 4) /* enum core_pool_state */                                           \
    NUMBER(10, deadline_ms, CLOCK_NEVER, UPGRADE_ANY)                                              \
    NUMBER(11, graceful_ms, 0, 0, INT64_MAX / 4)                                                   \
    NUMBER(12, kill_ms, 0, 0, INT64_MAX / 4)                                                       \
    FLAG(13, ready)                                                                                \
    FLAG(14, leaving)                                                                              \
    FLAG(15, killed)                                                                               \
    FLAG(16, degraded)                                                                             \
    FLAG(17, reopening)                                                                            \
    TEXT(18, trouble)                                                                              \
    FLAG(19, accepts)                                                                              \
    FLAG(20, homeless) /* its service is gone; one of that name is another one */                  \
    UPGRADE_STATE_MORE

/* struct orphan */
#define UPGRADE_ORPHAN_FIELDS                                                                      \
    NUMBER(1, pid, 0, 2, INT32_MAX)                                                                \
    FLAG(2, foreign)                                                                               \
    FLAG(3, left)                                                                                  \
    NUMBER(4, term_ms, CLOCK_NEVER, UPGRADE_ANY)                                                   \
    NUMBER(5, kill_ms, CLOCK_NEVER, UPGRADE_ANY)                                                   \
    NUMBER(6, give_up_ms, CLOCK_NEVER, UPGRADE_ANY)

/* struct control_client */
#define UPGRADE_CLIENT_FIELDS                                                                      \
    FD(1, fd)                                                                                      \
    NUMBER(2, wait, 0, 0, 63) /* enum control_wait */                                              \
    TEXT(3, request)          /* what of it has come */                                            \
    TEXT(4, answer)           /* what of it has not gone */                                        \
    NUMBER(5, deadline_ms, CLOCK_NEVER, UPGRADE_ANY)

/* Every record but the daemon's: tag, name, list. */
#define UPGRADE_RECORDS(RECORD)                                                                    \
    RECORD(2, listener, LISTENER)                                                                  \
    RECORD(3, inherited, INHERITED)                                                                \
    RECORD(4, service, SERVICE)                                                                    \
    RECORD(5, pool, POOL)                                                                          \
    RECORD(6, orphan, ORPHAN)                                                                      \
    RECORD(7, client, CLIENT)

#define NUMBER(tag, name, ...)      int64_t name;
#define FLAG(tag, name)             bool name;
#define TEXT(tag, name)             char *name;
#define FD(tag, name)               int name;
#define COUNTS(tag, name, how_many) uint64_t name[how_many];
/* clang-format off */
struct upgrade_daemon { UPGRADE_DAEMON_FIELDS };
#define RECORD(tag, name, NAME) struct upgrade_##name { UPGRADE_##NAME##_FIELDS };
UPGRADE_RECORDS(RECORD)
#undef RECORD

enum upgrade_record {
#define RECORD(tag, name, NAME) UPGRADE_##NAME,
UPGRADE_RECORDS(RECORD)
#undef RECORD
    UPGRADE_RECORD_COUNT
};

struct upgrade_state {
    struct upgrade_daemon daemon;
#define RECORD(tag, name, NAME) struct upgrade_##name *name; size_t name##_count;
    UPGRADE_RECORDS(RECORD)
#undef RECORD
};
/* clang-format on */
#undef NUMBER
#undef FLAG
#undef TEXT
#undef FD
#undef COUNTS

/* An empty one, with defaults. Ends with upgrade_state_free(); descriptors stay open. */
struct upgrade_state *upgrade_state_new(void);
void upgrade_state_free(struct upgrade_state *state);

/* A new last row of that record, with defaults; it moves with the next one that is added. */
void *upgrade_state_add(struct upgrade_state *state, enum upgrade_record record);

/* As bytes, and back: NULL with ERROR where they are no state, or one that this version must not
 * read. Every descriptor is then -1 or above 2 and named once; it need not be open. */
void upgrade_state_write(const struct upgrade_state *state, struct buffer *out);
struct upgrade_state *upgrade_state_read(const void *bytes, size_t length, struct error *error);

/* Every descriptor that is named, sorted; the caller frees the list. */
int *upgrade_state_fds(const struct upgrade_state *state, size_t *count);

#endif
