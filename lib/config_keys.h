/* SPDX-License-Identifier: MIT
 *
 * config_keys - every key of the configuration file, once.
 *
 * From these rows come the fields of struct config, the parser, `preforkd --help-config`, the
 * printed effective configuration and the tests. To add a key, add a row.
 *
 *     COUNT(name, default, least, most, text)
 *     COUNT_OR_AUTO(name, default, least, most, text)       "auto" as well: CONFIG_AUTO, until
 *                                                           config_check.c puts a number there
 *     DURATION(name, default in ms, least, most, text)      0 means "no limit" where least is 0
 *     BOOLEAN(name, default, text)
 *     WORD(name, default or NULL, text)
 *     CHOICE(name, default, table of names, text)
 *     MODE(name, default, text)                             a file mode, written "0660"
 *     SIZE(name, least, most, text)                         "64M"; without a default: not set
 *     LIST(name, text)                                      words, [ "a", "b" ]
 *     VARIABLES(name, text)                                 [ "NAME=value" ] or { NAME = "value"; }
 */
#ifndef LIB_CONFIG_KEYS_H
#define LIB_CONFIG_KEYS_H

#include "include/warm.h"
#include "lib/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#undef stderr /* musl's macro is in the way of a key; the variable stays */

/* clang-format off */
#define CONFIG_GLOBAL_KEYS \
    WORD(user, NULL, "user that pools and workers run as; root starts default to nobody") \
    BOOLEAN(allow_root, false, "let user be root") \
    WORD(control, NULL, "path of the control socket") \
    WORD(pid_file, NULL, "file that holds the pid, locked while preforkd runs")

#define CONFIG_LOG_KEYS \
    CHOICE(level, LOG_LEVEL_INFO, log_level_names, "least severe level that is written") \
    CHOICE(format, LOG_FORMAT_LOGFMT, log_format_names, "logfmt or json") \
    WORD(file, NULL, "append to this file instead of standard error")

#define CONFIG_DAY_MS (INT64_C(24) * 3600 * 1000)
#define CONFIG_SERVICE_KEYS \
    COUNT_OR_AUTO(workers, 0, 1, 65536, \
                  "fixed number of workers; \"auto\": by affinity mask and cgroup quota, 16 per processor " \
                  "(programs that accept by themselves: 1); without it the elastic keys apply") \
    COUNT(start_workers, 5, 1, 65536, "elastic: workers at the start") \
    COUNT(min_spare, 5, 1, 65536, "elastic: when fewer are idle, more are started at once") \
    COUNT(max_spare, 10, 1, 65536, \
          "elastic: when more were idle for spare_idle_timeout, they are sent away") \
    DURATION(spare_idle_timeout, 60000, 100, 365 * CONFIG_DAY_MS, "elastic: see max_spare") \
    COUNT(max_workers, 256, 1, 65536, "most workers at any time") \
    COUNT(acceptors_per_processor, 8, 0, 1024, \
          "idle workers that wait in accept at once, so that connections find warm ones; the others " \
          "are parked until they are needed; 0 = all wait there, and connections go round evenly") \
    COUNT(max_connections_per_worker, 0, 0, INT64_C(1000000000), \
          "replace a worker after that many connections, or up to a fifth less; 1 = exactly one; 0 = never") \
    DURATION(max_worker_age, 0, 0, 365 * CONFIG_DAY_MS, "replace a worker that is older; 0 = never") \
    SIZE(max_worker_memory, INT64_C(1) << 20, INT64_C(1) << 60, \
         "replace a worker that uses more memory (PSS), when it has no client") \
    SIZE(max_worker_memory_hard, INT64_C(1) << 20, INT64_C(1) << 60, \
         "kill a worker that uses more") \
    DURATION(idle_timeout, 60000, 0, 365 * CONFIG_DAY_MS, \
             "end a connection on which no byte moved for that long (a client that does not take what is " \
             "queued for it: at most twice that); 0 = never") \
    DURATION(max_lifetime, 0, 0, 365 * CONFIG_DAY_MS, \
             "end a connection that is older; 0 = never") \
    DURATION(start_timeout, 10000, 10, CONFIG_DAY_MS, \
             "a worker or pool must be ready by then; a pool has 10 ms more for each worker above " \
             "256 that max_workers allows") \
    DURATION(graceful_timeout, 30000, 0, 365 * CONFIG_DAY_MS, \
             "how long connections in hand may go on when their worker has to leave") \
    CHOICE(drain, CONFIG_DRAIN_BACKLOG, config_drain_names, \
           "at a stop: backlog = serve who is in the queue already, off = close at once") \
    BOOLEAN(fresh_after_crash, true, \
            "replace the pool in the background after a worker crashed, so that nobody can guess at its " \
            "address layout") \
    DURATION(kill_timeout, 5000, 10, CONFIG_DAY_MS, \
             "how long a worker that has to end its connection, or to leave before it was " \
             "ready, may take before SIGKILL") \
    DURATION(restart_delay, 100, 1, CONFIG_DAY_MS, \
             "hold-off after a worker died before it was ready; doubles each time") \
    DURATION(restart_delay_max, 30000, 1, CONFIG_DAY_MS, "longest such hold-off") \
    COUNT(backlog, 4096, 1, 65535, "connections the kernel queues, listen(2)") \
    CHOICE(proxy_protocol, CONFIG_PROXY_OFF, config_proxy_names, \
           "\"required\": each connection begins with a PROXY header (HAProxy, versions 1 and 2) that " \
           "tells the client") \
    LIST(proxy_trusted, "who may send one: [ \"10.0.0.0/8\", \"::1\", \"unix\" ]; others are refused") \
    DURATION(proxy_timeout, 3000, 10, CONFIG_DAY_MS, "the header must be there by then") \
    COUNT(datagram_rate, 1000, 0, 1000000, \
          "UDP: how often per second built-in handlers answer one address at most; loopback is exempt; " \
          "0 = any number") \
    MODE(socket_mode, 0666, "permissions of Unix sockets in the file system") \
    BOOLEAN(access_log, true, "one log line per connection")

/* The group of a handler that is a program. */
#define CONFIG_PROGRAM_KEYS \
    LIST(command, "the program and its arguments, never through a shell; a name without / is " \
         "looked for in PATH; required") \
    WORD(directory, "/", "where it runs; \".\" stays where preforkd is, which is / with -d") \
    VARIABLES(environment, "what it finds in its environment besides the standard variables") \
    WORD(user, NULL, "run it as this user instead of the global one") \
    WORD(group, NULL, "and as this group, alone, instead of the user's groups") \
    MODE(umask, 0022, "permissions that files it makes shall not have") \
    COUNT(nice, 0, -20, 19, "its scheduling priority, nice(2)") \
    CHOICE(stderr, CONFIG_STDERR_LOG, config_stderr_names, \
           "where its standard error goes: log, socket (of the client) or null")

#define CONFIG_EXEC_KEYS \
    CHOICE(warm, WARM_OFF, config_warm_names, \
           "start it before its client is known: \"start\" waits before main(), \"io\" at the first " \
           "touch of descriptor 0 or 1") \
    BOOLEAN(warm_fork, false, "start it once, and make every worker a copy of that process") \
    DURATION(warm_fork_max_age, 3600000, 0, 365 * CONFIG_DAY_MS, \
             "start the process that is copied anew when it is older; 0 = never")

#define CONFIG_LISTEN_KEYS \
    LIST(protocols, "how it is told of its sockets: systemd, server_starter, einhorn; default all") \
    DURATION(ready_after, 1000, 0, CONFIG_DAY_MS / 2, \
             "a program that says nothing counts as ready when it has lived that long; 0 = only " \
             "READY=1 or an acknowledgement count") \
    CHOICE(stop_signal, CONFIG_STOP_TERM, config_stop_signal_names, "what tells it to finish") \
    DURATION(watchdog, 0, 0, CONFIG_DAY_MS, \
             "kill it when it has not said WATCHDOG=1 for that long; 0 = never")

/* limits = { … } in that group: setrlimit(2), soft and hard. */
#define CONFIG_LIMIT_KEYS \
    SIZE(nofile, 4, INT64_C(1) << 30, "open files") \
    SIZE(as, 1 << 20, INT64_C(1) << 60, "bytes of address space") \
    SIZE(cpu, 1, INT64_C(1) << 30, "seconds of processor time; SIGXCPU, a second later SIGKILL") \
    SIZE(core, 0, INT64_C(1) << 60, "bytes of a core file") \
    SIZE(nproc, 1, INT64_C(1) << 30, "processes of its user, all of them counted") \
    SIZE(fsize, 0, INT64_C(1) << 60, "bytes of any file it writes")
/* clang-format on */

enum config_proxy { CONFIG_PROXY_OFF, CONFIG_PROXY_REQUIRED };
extern const char *const config_proxy_names[];

/* Values of drain, stderr and stop_signal. */
enum config_drain { CONFIG_DRAIN_BACKLOG, CONFIG_DRAIN_OFF };
enum config_stderr { CONFIG_STDERR_LOG, CONFIG_STDERR_SOCKET, CONFIG_STDERR_NULL };
#define CONFIG_STOP_SIGNALS(SIGNAL)                                                                \
    SIGNAL(TERM) SIGNAL(INT) SIGNAL(QUIT) SIGNAL(HUP) SIGNAL(USR1) SIGNAL(USR2) SIGNAL(WINCH)
enum config_stop_signal {
#define SIGNAL(name) CONFIG_STOP_##name,
    CONFIG_STOP_SIGNALS(SIGNAL)
#undef SIGNAL
};
extern const char *const config_stderr_names[];
extern const char *const config_warm_names[];
extern const char *const config_drain_names[];
extern const char *const config_stop_signal_names[];

enum config_kind {
    CONFIG_COUNT,
    CONFIG_DURATION,
    CONFIG_BOOLEAN,
    CONFIG_WORD,
    CONFIG_CHOICE,
    CONFIG_MODE,
    CONFIG_SIZE,
    CONFIG_LIST,
    CONFIG_VARIABLES,
};

struct config_key {
    const char *name;
    enum config_kind kind;
    size_t offset;     /* of the field in its structure */
    int64_t fallback;  /* default; of a word: see fallback_word */
    int64_t low, high; /* inclusive */
    const char *fallback_word;
    const char *const *choices; /* ends with NULL */
    const char *text;
    bool automatic; /* of a count: it may be "auto" */
};

/* The rows as tables; each ends with a row whose name is NULL. Offsets count from struct config
 * (global), its member log, struct config_service, struct config_program and its member limits. */
extern const struct config_key config_global_keys[];
extern const struct config_key config_log_keys[];
extern const struct config_key config_service_keys[];
/* Of struct config_program: what the handler types exec and listen take, and the group limits. */
extern const struct config_key config_exec_keys[];
extern const struct config_key config_listen_keys[];
extern const struct config_key config_limit_keys[];

/* Names of a table, then those of EXTRA (ends with NULL), into OUT (ends with NULL). */
#define CONFIG_NAMES_MAX 64
void config_key_names(const struct config_key *keys, const char *const *extra,
                      const char *out[static CONFIG_NAMES_MAX]);

/* Fill the structure at BASE with the defaults of its table. */
void config_key_defaults(const struct config_key *keys, void *base);

/* Free the words of the structure at BASE. */
void config_key_release(const struct config_key *keys, void *base);

/* A value of LIST and VARIABLES. WORDS ends with NULL; it is NULL where the key is not set. */
struct config_list {
    char **words;
    size_t count;
};
void config_list_add(struct config_list *list, const char *word);
void config_list_release(struct config_list *list);

/* A SIZE that was not given: it has no default. */
#define CONFIG_NOT_SET INT64_C(-1)
/* A count that is still to be made from what the machine allows. */
#define CONFIG_AUTO INT64_C(-2)
/* "unlimited" */
#define CONFIG_UNLIMITED INT64_MAX

/* Is there a value in FIELD? A word that is not set, an empty list, and a number below its least
 * value stand for "absent". */
bool config_key_is_set(const struct config_key *key, const void *field);

/* The row called NAME, or NULL. */
const struct config_key *config_key_find(const struct config_key *keys, const char *name);

#endif
