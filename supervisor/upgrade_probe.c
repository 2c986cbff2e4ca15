/* SPDX-License-Identifier: MIT
 *
 * upgrade_probe - see upgrade_probe.h.
 */
#include "supervisor/upgrade_probe.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/spawn.h"
#include "supervisor/upgrade_answer.h"
#include "supervisor/upgrade_check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define TEXT_MOST  2048 /* of each stream; the rest is not read */
#define GIVE_UP_MS 1000 /* after SIGKILL */

extern char **environ;

static void close_stream(struct upgrade_probe *probe, int i)
{
    loop_remove(probe->loop, &probe->streams[i]);
    fds_close(&probe->streams[i].fd);
}

/* What has come; a stream that says too much is closed. */
static void read_stream(struct upgrade_probe *probe, int i)
{
    struct buffer *text = &probe->texts[i];
    char piece[512];
    while (probe->streams[i].fd >= 0) {
        ssize_t got = read(probe->streams[i].fd, piece, sizeof piece);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got > 0)
            buffer_append(text, piece, (size_t)got);
        if (got <= 0 || text->length >= TEXT_MOST)
            close_stream(probe, i);
    }
}

static void on_stream(struct loop_source *source, uint32_t events)
{
    struct upgrade_probe *probe = source->owner;
    (void)events;
    read_stream(probe, source == &probe->streams[1]);
}

static void forget(struct upgrade_probe *probe)
{
    for (int i = 0; i < 2; i++) {
        close_stream(probe, i);
        buffer_release(&probe->texts[i]);
    }
    probe->deadline_ms = CLOCK_NEVER;
    probe->asked = probe->late = false;
}

static void on_pidfd(struct loop_source *source, uint32_t events)
{
    struct upgrade_probe *probe = source->owner;
    struct upgrade_answer answer = {.output = &probe->texts[0], .errors = &probe->texts[1]};
    struct error why;
    (void)events;
    for (int i = 0; i < 2; i++)
        read_stream(probe, i);
    loop_remove(probe->loop, source);
    if (child_reap(&probe->child, &answer.end) != 1) {
        loop_add(probe->loop, source, EPOLLIN);
        return;
    }
    source->fd = -1;
    answer.late = probe->late;
    answer.limit_ms = probe->limit_ms;
    bool asked = probe->asked;
    char *version = asked ? upgrade_answer_version(&answer) : NULL;
    upgrade_answer_reason(&answer, &why);
    forget(probe);
    probe->ended(probe->owner, version, asked ? why.text : NULL, answer.end.signalled);
    free(version);
}

void upgrade_probe_init(struct upgrade_probe *probe, struct loop *loop,
                        void (*ended)(void *owner, const char *version, const char *reason,
                                      bool killed),
                        void *owner)
{
    *probe = (struct upgrade_probe){.child = CHILD_NONE,
                                    .loop = loop,
                                    .deadline_ms = CLOCK_NEVER,
                                    .ended = ended,
                                    .owner = owner};
    probe->pidfd = (struct loop_source){-1, on_pidfd, probe};
    for (int i = 0; i < 2; i++)
        probe->streams[i] = (struct loop_source){-1, on_stream, probe};
}

static void spawn_failed(const struct spawn_plan *plan, const struct error *error)
{
    dprintf(plan->failed_fd, "%s\n", error->text);
}

/* preforkd --upgrade-check 3 and the arguments that it is to be executed with. */
static char **check_arguments(char *const *arguments)
{
    size_t count = 0;
    while (arguments[count])
        count++;
    char **all = memory_zeroed(count + 4, sizeof *all);
    static char option[] = UPGRADE_CHECK_OPTION, number[] = "3";
    all[0] = arguments[0];
    all[1] = option;
    all[2] = number;
    for (size_t i = 1; i < count; i++)
        all[i + 2] = arguments[i];
    return all;
}

static int spawn(struct upgrade_probe *probe, int program, int state, int null, const int ends[2],
                 char *const *arguments, struct error *error)
{
    char **all = check_arguments(arguments);
    const int descriptors[] = {null, ends[0], ends[1], state};
    struct spawn_plan plan = {.program = program,
                              .arguments = all,
                              .environment = environ,
                              .descriptors = descriptors,
                              .descriptor_count = sizeof descriptors / sizeof *descriptors,
                              .trusted = true,
                              .death_signal = SIGKILL,
                              .failed = spawn_failed,
                              .failed_fd = ends[1]};
    int status = spawn_start(&plan, &probe->child, error);
    free(all);
    return status;
}

static int make_pipes(struct upgrade_probe *probe, int ends[2])
{
    for (int i = 0; i < 2; i++) {
        int both[2];
        if (pipe2(both, O_CLOEXEC) < 0)
            return -1;
        probe->streams[i].fd = both[0];
        ends[i] = both[1];
        fcntl(both[0], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static int watch(struct upgrade_probe *probe)
{
    probe->pidfd.fd = probe->child.pidfd;
    return loop_add(probe->loop, &probe->pidfd, EPOLLIN) < 0 ||
                   loop_add(probe->loop, &probe->streams[0], EPOLLIN) < 0 ||
                   loop_add(probe->loop, &probe->streams[1], EPOLLIN) < 0
               ? -1
               : 0;
}

int upgrade_probe_start(struct upgrade_probe *probe, int program, int state, char *const *arguments,
                        int64_t limit_ms, struct error *error)
{
    int ends[2] = {-1, -1}, null, status = -1;
    if (probe->child.pidfd >= 0)
        return error_set(error, EXIT_CODE_OS,
                         "process %d, which was asked before and took too long, does not end",
                         (int)probe->child.pid);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || make_pipes(probe, ends) < 0)
        error_set_errno(error, EXIT_CODE_OS, "pipe");
    else if ((status = spawn(probe, program, state, null, ends, arguments, error)) == 0 &&
             (status = watch(probe)) < 0)
        error_set_errno(error, EXIT_CODE_OS, "cannot watch the new binary");
    fds_close(&null);
    fds_close(&ends[0]);
    fds_close(&ends[1]);
    probe->limit_ms = limit_ms;
    probe->deadline_ms = clock_now_ms() + limit_ms;
    probe->asked = true;
    if (status < 0)
        upgrade_probe_release(probe);
    return status;
}

void upgrade_probe_abandon(struct upgrade_probe *probe)
{
    if (probe->child.pidfd >= 0)
        child_kill_group(&probe->child);
    forget(probe);
}

/* A file system hangs, perhaps. It stays held, and is reaped when it ends. */
static void give_up(struct upgrade_probe *probe)
{
    struct error why;
    error_set(&why, EXIT_CODE_FAILURE,
              "the new binary did not answer within %d s, and process %d does not end, either",
              (int)(probe->limit_ms / 1000), (int)probe->child.pid);
    forget(probe);
    probe->ended(probe->owner, NULL, why.text, false);
}

int64_t upgrade_probe_check(struct upgrade_probe *probe, int64_t now_ms)
{
    if (now_ms < probe->deadline_ms)
        return probe->deadline_ms;
    if (!probe->late) {
        child_kill_group(&probe->child);
        probe->late = true;
        probe->deadline_ms = now_ms + GIVE_UP_MS;
    } else
        give_up(probe);
    return probe->deadline_ms;
}

bool upgrade_probe_holds(const struct upgrade_probe *probe, pid_t pid)
{
    return probe->child.pidfd >= 0 && probe->child.pid == pid;
}

void upgrade_probe_release(struct upgrade_probe *probe)
{
    struct pollfd end = {.fd = probe->child.pidfd, .events = POLLIN};
    struct child_end ignored;
    upgrade_probe_abandon(probe);
    loop_remove(probe->loop, &probe->pidfd);
    if (end.fd >= 0 && poll(&end, 1, GIVE_UP_MS) > 0)
        child_reap(&probe->child, &ignored);
    fds_close(&probe->child.pidfd);
    probe->pidfd.fd = -1;
}
