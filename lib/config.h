/* SPDX-License-Identifier: MIT
 *
 * config - the configuration as the programs see it: complete, checked, defaults filled in.
 *
 * What keys there are, of which kind, with which default and range, stands in config_keys.h alone;
 * the fields below are made from that table. config_read.c fills the model from a file,
 * config_check.c holds what must be true across keys, config_print.c writes it back.
 */
#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H

#include "lib/address.h"
#include "lib/buffer.h"
#include "lib/config_keys.h"
#include "lib/credentials.h"
#include "lib/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(name, ...)     int64_t name;
#define COUNT_OR_AUTO        COUNT
#define DURATION(name, ...)  int64_t name; /* milliseconds */
#define BOOLEAN(name, ...)   bool name;
#define WORD(name, ...)      char *name; /* NULL: not set */
#define CHOICE(name, ...)    int name;
#define MODE(name, ...)      int64_t name;
#define SIZE(name, ...)      int64_t name; /* CONFIG_NOT_SET: not given */
#define LIST(name, ...)      struct config_list name;
#define VARIABLES(name, ...) struct config_list name; /* "NAME=value" */

struct config_listen {
    char *text;       /* as written */
    int line;         /* where, for complaints that come later (binding); 0: in no file */
    unsigned element; /* of the list, wrong ones counted */
    struct address *found;
    int count;
};

/* Of a handler, whose table the supervisor does not know: as written, with its place for
 * complaints. */
enum config_option_kind {
    CONFIG_OPTION_STRING,
    CONFIG_OPTION_INTEGER,
    CONFIG_OPTION_FLOAT,
    CONFIG_OPTION_BOOLEAN /* "true", "false" */
};

struct config_option {
    char *name;
    char *value;
    enum config_option_kind kind;
    char *place; /* "FILE:LINE" */
};

/* Handlers of type "exec" and "listen". */
struct config_program {
    CONFIG_PROGRAM_KEYS
    CONFIG_EXEC_KEYS
    CONFIG_LISTEN_KEYS
    struct {
        CONFIG_LIMIT_KEYS
    } limits;
};

enum config_handler {
    CONFIG_BUILT_IN, /* one of include/handlers.h */
    CONFIG_PLUGIN,   /* a shared object */
    CONFIG_EXEC,     /* a program for each connection */
    CONFIG_LISTEN    /* programs that accept by themselves */
};

struct config_service {
    char *name;
    struct config_listen *listens;
    size_t listen_count;
    enum config_handler kind;
    char *handler;                 /* its type, as written */
    char *handler_place;           /* "FILE:LINE" */
    char *plugin;                  /* path of the shared object */
    struct config_option *options; /* of the handler, defaults filled in */
    size_t option_count;
    struct config_program program;   /* unless built-in */
    struct credentials *credentials; /* what its pools become; NULL: as the global ones */
    CONFIG_SERVICE_KEYS
    char *workers_reason; /* where `workers` is "auto": why that many, in one line; else NULL */
};

struct config {
    char *file; /* absolute path, or "command line" */
    CONFIG_GLOBAL_KEYS
    struct {
        CONFIG_LOG_KEYS
    } log;
    struct credentials *credentials; /* what pools become; NULL: they stay who we are */
    struct config_service *services;
    size_t service_count;
    in_port_t *udp_ports; /* of all services, also of those that a snapshot leaves out */
    size_t udp_port_count;
};

#undef COUNT
#undef COUNT_OR_AUTO
#undef DURATION
#undef BOOLEAN
#undef WORD
#undef CHOICE
#undef MODE
#undef SIZE
#undef LIST
#undef VARIABLES

/* Read and check FILE. NULL where anything is wrong: ERRORS then has a line "FILE:LINE: text" for
 * every error of the file. May ask the name server and the user database. */
struct config *config_load(const char *file, struct buffer *errors);

/* The same for one service given on the command line: a built-in HANDLER, or (NULL) the COMMAND,
 * which ends with NULL. ADDRESS may be HOST:PORT alone. WORKERS: 0 for the default, or
 * CONFIG_AUTO. */
struct config *config_load_command_line(const char *address, const char *handler,
                                        char *const *command, int64_t workers, const char *control,
                                        struct buffer *errors);

/* Read what config_print_snapshot() wrote: nothing is resolved or looked up. */
struct config *config_load_snapshot(const char *text, struct buffer *errors);

/* Read what config_print_resolved() wrote, complete and without a look-up, as the configuration of
 * FILE. Every rule that needs none is checked again; strict, for who wrote it may have gone mad. */
struct config *config_load_resolved(const char *text, const char *file, struct buffer *errors);

void config_release(struct config *config);

/* The service of that name, NULL where there is none. */
struct config_service *config_find(const struct config *config, const char *name);

/* Open files that a pool with so many WORKERS needs: for each of them, and its own. */
unsigned long config_pool_descriptors(const struct config_service *service, int64_t workers);

/* Do its workers become programs? Else they run a handler of ours or of a plugin. */
bool config_is_program(const struct config_service *service);

/* Is the program to be told of its sockets in this way? */
bool config_protocol(const struct config_program *program, const char *name);

/* The number of the signal that tells such a program to finish. */
int config_stop_signal(const struct config_program *program);

/* Does its pool grow and shrink with the load? Whoever accepts by itself does not tell its own. */
bool config_is_elastic(const struct config_service *service);

/* Workers wanted at the start, and the most there may be. */
int64_t config_start_workers(const struct config_service *service);
int64_t config_most_workers(const struct config_service *service);

/* A pool has to be READY by then, in milliseconds: start_timeout, and more where there may be very
 * many workers. Each of these has start_timeout. */
int64_t config_start_limit(const struct config_service *service);

/* Listening sockets: one for each address of each entry. */
int config_sockets(const struct config_service *service);

/* Slots of the scoreboard: that many again, for workers that are leaving while others have taken
 * their place. */
uint32_t config_scoreboard_slots(const struct config_service *service);

/* The effective configuration, as a file that reads back to the same model. */
void config_print(const struct config *config, struct buffer *out);

/* What one pool needs to know: the log settings, its service, and the UDP ports of all. */
void config_print_snapshot(const struct config *config, const struct config_service *service,
                           struct buffer *out);

/* All of it, with what was looked up: reads back to the same model anywhere. */
void config_print_resolved(const struct config *config, struct buffer *out);

#endif
