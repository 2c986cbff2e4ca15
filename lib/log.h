/* SPDX-License-Identifier: MIT
 *
 * log - one line per event, as logfmt or JSON.
 *
 * A line is built field by field on the stack and written with one system call:
 *
 *     struct log_line line;
 *     log_begin(&line, LOG_LEVEL_WARNING, "worker died");
 *     log_int(&line, "slot", 3);
 *     log_end(&line);
 *
 * log_begin() adds time (UTC), level, role, pid and service. Values are escaped (lib/escape.h).
 * Never called from a signal handler. errno is preserved.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row per level: enum, name in configuration and log. Most severe first. */
#define LOG_LEVELS(LEVEL)                                                                          \
    LEVEL(ERROR, "error")                                                                          \
    LEVEL(WARNING, "warning")                                                                      \
    LEVEL(INFO, "info")                                                                            \
    LEVEL(DEBUG, "debug")

enum log_level {
#define LEVEL(id, name) LOG_LEVEL_##id,
    LOG_LEVELS(LEVEL)
#undef LEVEL
};

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* PIPE_BUF: lines of several processes in one pipe do not mix up to this length. */
#define LOG_LINE_MAX 4096

struct log_line {
    char text[LOG_LINE_MAX];
    size_t length;
    enum log_level level;
    bool off; /* below the level: the other calls do nothing */
    bool cut; /* a value was shortened */
};

/* Who speaks. ROLE and SERVICE (NULL for none) must live as long as lines are written; a process
 * calls it again after fork, which also drops the cached pid. */
void log_identify(const char *role, const char *service);
void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

void log_begin(struct log_line *line, enum log_level level, const char *message);
void log_text(struct log_line *line, const char *key, const char *value);
void log_bytes(struct log_line *line, const char *key, const void *bytes, size_t length);
void log_int(struct log_line *line, const char *key, int64_t value);
void log_seconds(struct log_line *line, const char *key, int64_t us); /* printed as 1.250000 */
void log_end(struct log_line *line);

/* A line without fields of its own. */
void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define log_error(...)   log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Names, by value; each list ends with NULL. */
extern const char *const log_level_names[];
extern const char *const log_format_names[];

#endif
