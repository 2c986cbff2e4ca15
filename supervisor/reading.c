/* SPDX-License-Identifier: MIT
 *
 * reading - see reading.h.
 */
#include "supervisor/reading.h"

#include "lib/clock.h"
#include "lib/config_snapshot.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/signals.h"
#include "supervisor/reading_child.h"

#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

#define GIVE_UP_MS 1000 /* after SIGKILL */

/* The owner may begin again at once: nothing of R is touched after the call. */
static void tell(struct reading *r, struct config *config, const char *problem)
{
    r->told = true;
    r->due_ms = CLOCK_NEVER;
    r->done(r->owner, config, problem);
}

__attribute__((format(printf, 2, 3))) static void refuse(struct reading *r, const char *format, ...)
{
    struct error error;
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(&error, EXIT_CODE_CONFIG, "%s: %s", r->file, text);
    tell(r, NULL, error.text);
}

static void refuse_late(struct reading *r, const char *more)
{
    refuse(r, "reading it took longer than %d s; does a name server or a file system not answer?%s",
           READING_LIMIT_MS / 1000, more);
}

static void trim(struct buffer *text)
{
    while (text->length > 0 && text->data[text->length - 1] == '\n')
        text->data[--text->length] = '\0';
}

/* It ended by itself and has said something. */
static void take(struct reading *r, struct buffer *text, bool well)
{
    struct buffer errors = {0};
    struct config *config = well ? config_load_resolved(text->data, r->file, &errors) : NULL;
    if (well && !config) {
        trim(&errors);
        refuse(r, "what was read from it is not sound: %s", buffer_text(&errors));
    } else {
        trim(text);
        tell(r, config, config ? NULL : buffer_text(text));
    }
    buffer_release(&errors);
}

static void refuse_end(struct reading *r, const struct child_end *end)
{
    char name[SIGNALS_NAME_MAX], status[32];
    snprintf(status, sizeof status, "status %d", end->number);
    if (end->signalled && end->number == SIGXCPU)
        refuse(r, "reading it took more than %d s of processor time", READING_CPU_SECONDS);
    else if (!end->signalled && end->number == EXIT_CODE_OS)
        refuse(r, "reading it took more than %d MiB of memory", READING_MEMORY_MIB);
    else
        refuse(r, "the process that reads it was ended by %s; it may use %d MiB of memory",
               end->signalled ? signals_name(end->number, name) : status, READING_MEMORY_MIB);
}

static void conclude(struct reading *r, const struct child_end *end, int snapshot)
{
    struct buffer text = {0};
    bool said = !end->signalled && (end->number == 0 || end->number == EXIT_CODE_CONFIG);
    if (r->killed)
        refuse_late(r, "");
    else if (said && config_snapshot_take(snapshot, READING_SNAPSHOT_MAX, &text) == 0)
        take(r, &text, end->number == 0);
    else
        refuse_end(r, end);
    buffer_release(&text);
}

static void on_end(struct loop_source *source, uint32_t events)
{
    struct reading *r = source->owner;
    struct child_end end;
    (void)events;
    loop_remove(r->loop, source);
    if (child_reap(&r->child, &end) != 1) {
        loop_add(r->loop, source, EPOLLIN);
        return;
    }
    int snapshot = r->snapshot;
    source->fd = r->snapshot = -1;
    if (!r->told)
        conclude(r, &end, snapshot);
    close(snapshot);
}

void reading_init(struct reading *r, struct loop *loop,
                  void (*done)(void *owner, struct config *config, const char *problem),
                  void *owner)
{
    *r = (struct reading){.loop = loop, .done = done, .owner = owner, .child = CHILD_NONE};
    r->end = (struct loop_source){-1, on_end, r};
    r->snapshot = -1;
    r->due_ms = CLOCK_NEVER;
}

static int start(struct reading *r, struct error *error)
{
    pid_t parent = getpid();
    r->snapshot = config_snapshot_open(error);
    if (r->snapshot < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        reading_child_run(r->file, r->snapshot, parent);
    if (pid < 0)
        return error_set_errno(error, EXIT_CODE_OS, "fork");
    if (child_adopt(&r->child, pid) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "pidfd_open");
    r->end.fd = r->child.pidfd;
    if (loop_add(r->loop, &r->end, EPOLLIN) == 0)
        return 0;
    r->end.fd = -1;
    child_discard(&r->child);
    return error_set_errno(error, EXIT_CODE_OS, "cannot watch the process that reads");
}

int reading_begin(struct reading *r, const char *file, int64_t now_ms, struct error *error)
{
    struct error why;
    if (r->child.pidfd >= 0)
        return error_set(error, EXIT_CODE_OS,
                         "%s: process %d, which was to read it and took too long, does not end",
                         file, (int)r->child.pid);
    free(r->file);
    r->file = memory_string(file);
    r->killed = r->told = false;
    r->due_ms = now_ms + READING_LIMIT_MS;
    if (start(r, &why) == 0)
        return 0;
    fds_close(&r->snapshot);
    r->due_ms = CLOCK_NEVER;
    return error_set(error, why.code, "cannot read %s: %.1024s", file, why.text);
}

void reading_cancel(struct reading *r)
{
    r->told = true;
    r->due_ms = CLOCK_NEVER;
    child_signal(&r->child, SIGKILL);
}

int64_t reading_check(struct reading *r, int64_t now_ms)
{
    if (now_ms < r->due_ms)
        return r->due_ms;
    if (!r->killed) {
        r->killed = true;
        r->due_ms = now_ms + GIVE_UP_MS;
        child_signal(&r->child, SIGKILL);
    } else {
        refuse_late(r, " The process does not end, either");
    }
    return r->due_ms;
}

bool reading_holds(const struct reading *r, pid_t pid)
{
    return r->child.pidfd >= 0 && r->child.pid == pid;
}

void reading_release(struct reading *r)
{
    struct pollfd end = {.fd = r->child.pidfd, .events = POLLIN};
    struct child_end ignored;
    reading_cancel(r);
    loop_remove(r->loop, &r->end);
    if (end.fd >= 0 && poll(&end, 1, GIVE_UP_MS) > 0)
        child_reap(&r->child, &ignored);
    fds_close(&r->child.pidfd);
    fds_close(&r->snapshot);
    free(r->file);
    r->file = NULL;
}
