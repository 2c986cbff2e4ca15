/* SPDX-License-Identifier: MIT
 *
 * service_manager - see service_manager.h.
 */
#include "supervisor/service_manager.h"

#include "lib/clock.h"
#include "lib/memory.h"
#include "lib/quantity.h"
#include "lib/rate.h"
#include "supervisor/manager_message.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define QUEUE_MAX 4
#define AGAIN_MS  100
/* More than we take for what we said that we take. */
#define EXTEND_SPARE_MS 5000
/* A service that comes and goes changes the status at most that often. */
#define STATUS_BURST      10
#define STATUS_PER_SECOND 2

enum told { TOLD_NOTHING, TOLD_READY, TOLD_RELOADING, TOLD_STOPPING };

static struct {
    struct sockaddr_un address;
    socklen_t address_size; /* 0: there is no manager */
    int fd;
    bool odd;  /* NOTIFY_SOCKET is no address that we know, and that is not logged yet */
    bool deaf; /* the last message could not be sent, and that is logged */
    enum told told;
    int64_t promised_ms; /* until when the manager waits, as we told it; 0: not told */
    int64_t watchdog_ms; /* how often it is fed; 0: there is none */
    int64_t feed_ms;     /* when next */
    struct rate rate;    /* of messages that are nothing but a status */
    size_t queued;       /* messages not taken yet, oldest first */
    char queue[QUEUE_MAX][MANAGER_MESSAGE_MAX];
    char status[MANAGER_STATUS_MAX];               /* as told */
    char problem[sizeof((struct error *)0)->text]; /* of the last reload */
} manager = {.fd = -1};

static void adopt_socket(const char *where)
{
    if (!where)
        return;
    size_t length = strlen(where);
    manager.odd = length < 2 || length >= sizeof manager.address.sun_path ||
                  (where[0] != '/' && where[0] != '@');
    if (manager.odd)
        return;
    manager.address.sun_family = AF_UNIX;
    memcpy(manager.address.sun_path, where, length + 1);
    /* An abstract name has its length and no NUL at its end, unix(7). */
    manager.address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (where[0] == '@')
        manager.address.sun_path[0] = '\0';
    else
        manager.address_size++;
}

/* Half of what the manager allows, as sd_watchdog_enabled(3) advises. */
static int64_t watchdog_of(const char *usec, const char *pid)
{
    int64_t number;
    if (!usec || (pid && (quantity_parse_count(pid, &number) < 0 || number != getpid())))
        return 0;
    if (quantity_parse_count(usec, &number) < 0 || number <= 0)
        return 0;
    return number < 2000 ? 1 : number / 2000;
}

void service_manager_adopt(void)
{
    static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    memset(&manager, 0, sizeof manager);
    manager.fd = -1;
    adopt_socket(getenv("NOTIFY_SOCKET"));
    if (manager.address_size > 0)
        manager.watchdog_ms = watchdog_of(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
}

char *service_manager_save(int64_t *watchdog_ms)
{
    const char *path = manager.address.sun_path;
    *watchdog_ms = manager.watchdog_ms;
    if (manager.address_size == 0)
        return NULL;
    return path[0] ? memory_string(path) : memory_printf("@%s", path + 1);
}

/* What it was told last was READY: an upgrade begins only then. */
void service_manager_restore(const char *where, int64_t watchdog_ms)
{
    memset(&manager, 0, sizeof manager);
    manager.fd = -1;
    adopt_socket(where);
    manager.watchdog_ms = manager.address_size > 0 ? watchdog_ms : 0;
    manager.told = TOLD_READY;
}

/* 0, or -1: not now. What cannot be sent at all is told to the log, once, and dropped.
 */
static int send_text(const char *text)
{
    if (manager.fd < 0)
        manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (manager.fd < 0)
        return -1;
    ssize_t sent = sendto(manager.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&manager.address, manager.address_size);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR))
        return -1;
    if (sent < 0 && !manager.deaf)
        log_warning("cannot tell the service manager: %s", strerror(errno));
    manager.deaf = sent < 0;
    return 0;
}

static void flush(void)
{
    size_t done = 0;
    while (done < manager.queued && send_text(manager.queue[done]) == 0)
        done++;
    manager.queued -= done;
    memmove(manager.queue, manager.queue + done, manager.queued * sizeof *manager.queue);
}

/* Where too many wait, the newest takes the place of the one before it: it is what holds now. */
static void tell(const struct manager_message *message)
{
    if (manager.queued < QUEUE_MAX)
        manager.queued++;
    manager_message_write(manager.queue[manager.queued - 1], message);
    flush();
}

static void make_status(const struct supervisor *s, bool reloading, char status[MANAGER_STATUS_MAX])
{
    struct manager_facts facts = {
        .phase = s->core.phase,
        .reloading = reloading,
        .problem = manager.problem,
        .outcome = s->outcome.code == EXIT_CODE_OK ? "" : s->outcome.text,
        .services = s->services,
        .service_count = s->service_count,
        .pool_count = s->pool_count,
    };
    manager_message_status(status, &facts);
}

/* The time, from NOW, that the start, reload or stop that is going on may still take. 0: none is,
 * or the manager knows. */
static int64_t extension(const struct supervisor *s, int64_t now_ms)
{
    int64_t end_ms;
    if (s->core.phase == CORE_RUNNING && !core_change_is_reload(&s->core)) {
        manager.promised_ms = 0;
        return 0;
    }
    end_ms = core_last_ms(&s->core);
    if (end_ms <= manager.promised_ms || end_ms <= now_ms)
        return 0;
    manager.promised_ms = end_ms;
    return end_ms - now_ms + EXTEND_SPARE_MS;
}

/* The number of a process that has a namespace for itself says nothing outside. */
static pid_t main_pid(void)
{
    return getpid() == 1 ? 0 : getpid();
}

/* What its state is called where the manager has to hear of a new one; NULL where not. */
static const char *new_state(const struct supervisor *s)
{
    enum told told = s->core.phase == CORE_STARTING    ? TOLD_NOTHING
                     : s->core.phase == CORE_STOPPING  ? TOLD_STOPPING
                     : core_change_is_reload(&s->core) ? TOLD_RELOADING
                                                       : TOLD_READY;
    if (told == manager.told || told == TOLD_RELOADING)
        return NULL;
    manager.told = told;
    return told == TOLD_READY ? "READY=1" : "STOPPING=1";
}

static int64_t look(const struct supervisor *s, int64_t now_ms)
{
    char status[MANAGER_STATUS_MAX];
    struct manager_message message = {.state = new_state(s)};
    if (!message.state && manager.queued > 0)
        return CLOCK_NEVER; /* what is only for people waits until there is room */
    if (message.state)
        manager.promised_ms = 0; /* another timer runs there now */
    message.extend_ms = extension(s, now_ms);
    make_status(s, manager.told == TOLD_RELOADING, status);
    if (strcmp(status, manager.status) != 0)
        message.status = status;
    if (manager.told == TOLD_READY && message.state)
        message.main_pid = main_pid();
    if (!message.state && message.extend_ms == 0) {
        if (!message.status)
            return CLOCK_NEVER;
        if (manager.rate.burst == 0)
            rate_init(&manager.rate, STATUS_BURST, STATUS_PER_SECOND, now_ms);
        if (rate_take(&manager.rate, 1, now_ms) == 0)
            return rate_next_ms(&manager.rate, now_ms);
    }
    memcpy(manager.status, status, sizeof manager.status);
    tell(&message);
    return CLOCK_NEVER;
}

static int64_t feed(int64_t now_ms)
{
    if (manager.watchdog_ms == 0)
        return CLOCK_NEVER;
    if (now_ms >= manager.feed_ms)
        manager.feed_ms =
            now_ms + (send_text("WATCHDOG=1\n") == 0 ? manager.watchdog_ms : AGAIN_MS);
    return manager.feed_ms;
}

int64_t service_manager_check(const struct supervisor *s, int64_t now_ms)
{
    if (manager.odd)
        log_warning(
            "NOTIFY_SOCKET is neither a path nor @NAME: the service manager is told nothing");
    manager.odd = false;
    if (manager.address_size == 0)
        return CLOCK_NEVER;
    flush();
    int64_t next = look(s, now_ms);
    next = clock_earlier(next, feed(now_ms));
    return manager.queued > 0 ? clock_earlier(next, now_ms + AGAIN_MS) : next;
}

void service_manager_reloading(const struct supervisor *s)
{
    if (manager.address_size == 0)
        return;
    manager.told = TOLD_RELOADING;
    make_status(s, true, manager.status);
    tell(&(struct manager_message){
        .state = "RELOADING=1", .monotonic_us = clock_now_us(), .status = manager.status});
}

void service_manager_reloaded(const char *problem)
{
    snprintf(manager.problem, sizeof manager.problem, "%s", problem ? problem : "");
}

void service_manager_failed(const char *why)
{
    if (manager.address_size == 0)
        return;
    manager_message_reason(manager.status, why);
    tell(&(struct manager_message){.status = manager.status});
}
