/* SPDX-License-Identifier: MIT
 *
 * log - see log.h.
 */
#include "lib/log.h"

#include "lib/escape.h"
#include "lib/log_sink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

/* Kept free behind the last value: closing quote, the mark of a cut value, brace, newline. */
#define RESERVED 16

const char *const log_level_names[] = {
#define LEVEL(id, name) [LOG_LEVEL_##id] = name,
    LOG_LEVELS(LEVEL)
#undef LEVEL
        NULL};
const char *const log_format_names[] = {
    [LOG_FORMAT_LOGFMT] = "logfmt", [LOG_FORMAT_JSON] = "json", NULL};

static struct {
    const char *role;
    const char *service;
    pid_t pid;
    enum log_level level;
    enum log_format format;
} self = {.role = "preforkd", .level = LOG_LEVEL_INFO};

void log_identify(const char *role, const char *service)
{
    self.role = role;
    self.service = service;
    self.pid = getpid();
}

void log_configure(enum log_level level, enum log_format format)
{
    self.level = level;
    self.format = format;
    tzset(); /* gmtime_r reads the zone's file the first time: children shall not, one by one */
}

bool log_enabled(enum log_level level)
{
    return level <= self.level;
}

static size_t room(const struct log_line *line)
{
    /* A value that was cut ends within what is reserved: then there is none. */
    size_t end = LOG_LINE_MAX - RESERVED;
    return line->length < end ? end - line->length : 0;
}

/* Text of our own that needs no escaping. */
static void put(struct log_line *line, const char *text)
{
    size_t length = strlen(text);
    if (length > room(line)) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void put_key(struct log_line *line, const char *key)
{
    bool json = self.format == LOG_FORMAT_JSON;
    if (line->length > 0)
        put(line, json ? "," : " ");
    if (json)
        put(line, "\"");
    put(line, key);
    put(line, json ? "\":" : "=");
}

/* logfmt leaves a value bare where no reader can be misled by it. */
static bool bare(const char *bytes, size_t length)
{
    if (self.format == LOG_FORMAT_JSON || length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return true;
}

void log_bytes(struct log_line *line, const char *key, const void *bytes, size_t length)
{
    if (line->off || room(line) < strlen(key) + 8)
        return;
    put_key(line, key);
    bool quoted = !bare(bytes, length), cut = false;
    if (quoted)
        put(line, "\"");
    line->length += escape_write(line->text + line->length, room(line), bytes, length, &cut);
    if (cut) {
        memcpy(line->text + line->length, "...", 3);
        line->length += 3;
    }
    if (quoted)
        line->text[line->length++] = '"';
    line->cut = line->cut || cut;
}

void log_text(struct log_line *line, const char *key, const char *value)
{
    log_bytes(line, key, value, strlen(value));
}

static void put_number(struct log_line *line, const char *key, const char *digits)
{
    if (line->off || room(line) < strlen(key) + strlen(digits) + 8)
        return;
    put_key(line, key);
    put(line, digits);
}

void log_int(struct log_line *line, const char *key, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    put_number(line, key, digits);
}

void log_seconds(struct log_line *line, const char *key, int64_t us)
{
    char digits[40];
    us = us < 0 ? 0 : us;
    snprintf(digits, sizeof digits, "%" PRId64 ".%06d", us / 1000000, (int)(us % 1000000));
    put_number(line, key, digits);
}

static void put_time(struct log_line *line)
{
    struct timespec now;
    struct tm utc;
    char text[64], stamp[80];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp, sizeof stamp, "%s.%03ldZ", text, now.tv_nsec / 1000000);
    log_text(line, "time", stamp);
}

void log_begin(struct log_line *line, enum log_level level, const char *message)
{
    line->length = 0;
    line->cut = false;
    line->level = level;
    line->off = !log_enabled(level);
    if (line->off)
        return;
    int saved = errno;
    put_time(line);
    log_text(line, "level", log_level_names[level]);
    log_text(line, "role", self.role);
    log_int(line, "pid", self.pid ? self.pid : getpid());
    if (self.service)
        log_text(line, "service", self.service);
    log_text(line, "msg", message);
    errno = saved;
}

static void finish(struct log_line *line)
{
    if (self.format == LOG_FORMAT_JSON) {
        memmove(line->text + 1, line->text, line->length);
        line->text[0] = '{';
        line->length++;
        line->text[line->length++] = '}';
    }
    line->text[line->length++] = '\n';
}

static void report_dropped(void)
{
    struct log_line line;
    unsigned long count = log_sink_take_dropped();
    if (count == 0)
        return;
    log_begin(&line, LOG_LEVEL_WARNING, "log lines dropped: the reader was too slow");
    log_int(&line, "count", (int64_t)count);
    finish(&line);
    if (!line.off)
        log_sink_write(line.text, line.length);
}

void log_end(struct log_line *line)
{
    if (line->off)
        return;
    int saved = errno;
    finish(line);
    if (log_sink_write(line->text, line->length) == 0)
        report_dropped();
    errno = saved;
}

void log_message(enum log_level level, const char *format, ...)
{
    char text[2048];
    struct log_line line;
    va_list args;
    if (!log_enabled(level))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_begin(&line, level, text);
    log_end(&line);
}
