/* SPDX-License-Identifier: MIT
 *
 * manager_message - see manager_message.h.
 */
#include "supervisor/manager_message.h"

#include "lib/escape.h"

#include <inttypes.h>
#include <stdarg.h>

#define REASON_MAX  160 /* of one degraded service */
#define PROBLEM_MAX 300 /* of a reload */
/* Names of services are listed as long as that much is free. */
#define NAME_ROOM 220

struct line {
    char *text;
    size_t length;
    size_t room; /* with the NUL */
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line->text + line->length, line->room - line->length, format, arguments);
    va_end(arguments);
    size_t left = line->room - line->length - 1;
    line->length += (size_t)wanted < left ? (size_t)wanted : left;
}

/* How much of TEXT fits into ROOM without a piece of a character. */
static size_t fitting(const char *text, size_t length, size_t room)
{
    if (length <= room)
        return length;
    while (room > 0 && ((unsigned char)text[room] & 0xC0) == 0x80)
        room--;
    return room;
}

/* The first line of REASON, in at most MOST bytes and a few that tell what is missing. */
static void add_reason(struct line *line, const char *reason, size_t most)
{
    size_t whole = strcspn(reason, "\n"), length = fitting(reason, whole, most), more = 0;
    bool cut = length < whole;
    for (const char *at = strchr(reason, '\n'); at; at = strchr(at + 1, '\n'))
        more += at[1] != '\0';
    if (escape_is_plain(reason, length)) {
        add(line, "%.*s", (int)length, reason);
    } else {
        char safe[PROBLEM_MAX + 1];
        bool cut_here = false;
        safe[escape_write(safe, most, reason, length, &cut_here)] = '\0';
        cut = cut || cut_here;
        add(line, "%s", safe);
    }
    if (cut)
        add(line, "...");
    if (more > 0)
        add(line, " (and %zu more)", more);
}

static size_t count_running(const struct manager_facts *facts)
{
    size_t running = 0;
    for (size_t i = 0; i < facts->service_count; i++)
        running += facts->services[i]->state == SERVICE_RUNNING;
    return running;
}

/* Who is not running, and why. */
static void add_others(struct line *line, const struct manager_facts *facts, const char *title)
{
    size_t left = facts->service_count - count_running(facts), shown = 0;
    for (size_t i = 0; i < facts->service_count; i++) {
        const struct service *service = facts->services[i];
        if (service->state == SERVICE_RUNNING)
            continue;
        if (line->room - line->length < NAME_ROOM) {
            add(line, " and %zu more", left - shown);
            return;
        }
        add(line, "%s%.64s", shown++ == 0 ? title : ", ", service->name);
        if (service->trouble[0] != '\0') {
            add(line, " (");
            add_reason(line, service->trouble, shown > 1 ? REASON_MAX / 2 : REASON_MAX);
            add(line, ")");
        }
    }
}

static void add_services(struct line *line, const struct manager_facts *facts)
{
    size_t running = count_running(facts), all = facts->service_count;
    if (running < all)
        add(line, "%zu of ", running);
    add(line, "%zu service%s running", all, all == 1 ? "" : "s");
    add_others(line, facts, facts->phase == CORE_STARTING ? "; starting: " : "; degraded: ");
}

void manager_message_status(char status[static MANAGER_STATUS_MAX],
                            const struct manager_facts *facts)
{
    struct line line = {.text = status, .room = MANAGER_STATUS_MAX};
    status[0] = '\0';
    if (facts->outcome[0] != '\0') {
        add_reason(&line, facts->outcome, PROBLEM_MAX);
    } else if (facts->phase == CORE_STOPPING) {
        add(&line, "stopping, %zu pool%s left", facts->pool_count,
            facts->pool_count == 1 ? "" : "s");
    } else if (facts->reloading) {
        add(&line, "reloading");
    } else {
        if (facts->problem[0] != '\0') {
            add(&line, "reload failed, nothing changed: ");
            add_reason(&line, facts->problem, PROBLEM_MAX / 2);
            add(&line, "; ");
        }
        add_services(&line, facts);
    }
}

void manager_message_reason(char status[static MANAGER_STATUS_MAX], const char *reason)
{
    struct line line = {.text = status, .room = MANAGER_STATUS_MAX};
    status[0] = '\0';
    add_reason(&line, reason, PROBLEM_MAX);
}

size_t manager_message_write(char text[static MANAGER_MESSAGE_MAX],
                             const struct manager_message *message)
{
    struct line line = {.text = text, .room = MANAGER_MESSAGE_MAX};
    text[0] = '\0';
    if (message->state)
        add(&line, "%s\n", message->state);
    if (message->main_pid > 0)
        add(&line, "MAINPID=%d\n", (int)message->main_pid);
    if (message->monotonic_us > 0)
        add(&line, "MONOTONIC_USEC=%" PRId64 "\n", message->monotonic_us);
    if (message->extend_ms > 0)
        add(&line, "EXTEND_TIMEOUT_USEC=%" PRId64 "\n", message->extend_ms * 1000);
    if (message->status)
        add(&line, "STATUS=%s\n", message->status);
    return line.length;
}
