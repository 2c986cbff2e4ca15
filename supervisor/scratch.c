/* SPDX-License-Identifier: MIT
 *
 * scratch - see scratch.h.
 */
#include "supervisor/scratch.h"

#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/config_snapshot.h"
#include "lib/fds.h"
#include "lib/signals.h"
#include "lib/spawn.h"
#include "supervisor/companion.h"
#include "supervisor/pool_environment.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_MAX  16384 /* bytes that are kept of what it says */
#define GIVE_UP_MS 2000  /* after SIGKILL */

extern char **environ;

/* Our ends. */
struct ends {
    int channel, words;
};

static void spawn_failed(const struct spawn_plan *plan, const struct error *error)
{
    channel_send(plan->failed_fd, CHANNEL_FAILED, 0, 0, error->text, -1);
}

static int spawn(const struct scratch_plan *plan, const struct config_service *service,
                 const int their[2], int snapshot, struct child *child, struct error *error)
{
    char name[] = "preforkd-pool", listeners[] = "0";
    char *const arguments[] = {name, service->name, service->handler_place, listeners, NULL};
    const int descriptors[CHANNEL_FD_LISTENERS] = {plan->null, plan->null, their[1],     their[0],
                                                   snapshot,   plan->null, plan->library};
    struct spawn_plan spawn_plan = {.program = plan->program,
                                    .arguments = arguments,
                                    .environment = plan->environment,
                                    .descriptors = descriptors,
                                    .descriptor_count = CHANNEL_FD_LISTENERS,
                                    .user = service->credentials ? service->credentials
                                                                 : plan->config->credentials,
                                    .nice = (int)service->program.nice,
                                    .own_session = true,
                                    .death_signal = SIGKILL,
                                    .failed = spawn_failed,
                                    .failed_fd = their[0]};
    return spawn_start(&spawn_plan, child, error);
}

/* What only the child needs is closed again here, whatever came of it. */
static int start(const struct scratch_plan *plan, const struct config_service *service,
                 struct ends *our, struct child *child, struct error *error)
{
    int channel[2] = {-1, -1}, words[2] = {-1, -1}, snapshot = -1, status = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0 ||
        pipe2(words, O_CLOEXEC) < 0 || fcntl(words[0], F_SETFL, O_NONBLOCK) < 0)
        error_set_errno(error, EXIT_CODE_OS, "cannot listen to a scratch process");
    else if ((snapshot = config_snapshot_create(plan->config, service, error)) >= 0)
        status = spawn(plan, service, (const int[]){channel[1], words[1]}, snapshot, child, error);
    *our = (struct ends){channel[0], words[0]};
    fds_close(&channel[1]);
    fds_close(&words[1]);
    fds_close(&snapshot);
    return status;
}

/* Read what is there. Beyond the limit it is thrown away, so that nobody waits for us. False where
 * no more can come. */
static bool take_words(struct scratch *scratch, int fd)
{
    char piece[4096];
    ssize_t got = read(fd, piece, sizeof piece);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    size_t room = WORDS_MAX - scratch->words.length;
    size_t kept = (size_t)got < room ? (size_t)got : room;
    buffer_append(&scratch->words, piece, kept);
    scratch->cut = scratch->cut || kept < (size_t)got;
    return true;
}

/* The signal that tells us to stop; 0 where none of them is one. */
static int stop_signal(int signals)
{
    int number;
    while ((number = signals_next(signals)) != 0)
        if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT)
            return number;
    return 0;
}

static void watch(struct scratch *scratch, const struct scratch_plan *plan, int pidfd, int words,
                  int64_t end_ms)
{
    struct pollfd p[] = {{.fd = pidfd, .events = POLLIN},
                         {.fd = plan->signals, .events = POLLIN},
                         {.fd = words, .events = POLLIN}};
    scratch->outcome = SCRATCH_LATE;
    for (int64_t now = clock_now_ms(); now < end_ms; now = clock_now_ms()) {
        poll(p, 3, (int)(end_ms - now));
        if (p[1].revents && (scratch->signal = stop_signal(plan->signals)) != 0)
            scratch->outcome = SCRATCH_INTERRUPTED;
        else if (p[0].revents)
            scratch->outcome = SCRATCH_ENDED;
        else if (p[2].revents && !take_words(scratch, words))
            p[2].fd = -1;
        if (scratch->outcome != SCRATCH_LATE)
            return;
    }
}

/* Those that had it as a parent, or one of those, and so on, become ours one generation after the
 * other. False while there are any. */
static bool kill_the_rest(const struct children *inherited, struct children *now)
{
    bool none = true;
    if (children_read(now) < 0)
        return true;
    for (size_t i = 0; i < now->count; i++) {
        pid_t *pid = &now->pids[i];
        if (inherited->count > 0 &&
            bsearch(pid, inherited->pids, inherited->count, sizeof *pid, children_compare))
            continue;
        none = false;
        if (!children_reap(*pid))
            children_signal(*pid, SIGKILL);
    }
    return none;
}

static void end_all(struct scratch *scratch, const struct scratch_plan *plan, struct child *child)
{
    struct children now = CHILDREN_NONE;
    int64_t give_up_ms = clock_now_ms() + GIVE_UP_MS;
    if (child_reap(child, &scratch->end) != 1)
        child_discard(child);
    while (!kill_the_rest(&plan->inherited, &now) && clock_now_ms() < give_up_ms)
        poll(NULL, 0, 1);
    children_release(&now);
}

static void take_verdict(struct scratch *scratch, int channel)
{
    struct channel_message message;
    int passed;
    while (channel_receive(channel, &message, &passed) > 0) {
        fds_close(&passed);
        if (message.type == CHANNEL_READY || message.type == CHANNEL_FAILED)
            scratch->verdict = message;
    }
}

int scratch_ask(struct scratch *scratch, const struct scratch_plan *plan,
                const struct config_service *service, struct error *error)
{
    struct child child = CHILD_NONE;
    struct ends our;
    *scratch = (struct scratch){0};
    int status = start(plan, service, &our, &child, error);
    if (status == 0) {
        watch(scratch, plan, child.pidfd, our.words, clock_now_ms() + service->start_timeout);
        end_all(scratch, plan, &child);
        take_verdict(scratch, our.channel);
        while (!scratch->cut && take_words(scratch, our.words))
            ;
    }
    fds_close(&our.channel);
    fds_close(&our.words);
    return status;
}

int scratch_prepare(struct scratch_plan *plan, const struct config *config, struct error *error)
{
    char beside[PATH_MAX];
    *plan = (struct scratch_plan){.config = config,
                                  .program = companion_open("preforkd-pool", O_PATH, X_OK, beside),
                                  .library =
                                      companion_open("preforkd-preload.so", O_RDONLY, R_OK, beside),
                                  .null = open("/dev/null", O_RDWR | O_CLOEXEC),
                                  .signals = signals_open(true),
                                  .environment = pool_environment(environ)};
    if (plan->program < 0 || plan->null < 0 || plan->signals < 0 || children_adopt_orphans() < 0 ||
        children_read(&plan->inherited) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot ask the handlers");
    if (plan->library < 0)
        plan->library = plan->null;
    return 0;
}

void scratch_release(struct scratch_plan *plan)
{
    if (plan->library != plan->null)
        fds_close(&plan->library);
    fds_close(&plan->null);
    fds_close(&plan->program);
    fds_close(&plan->signals);
    free(plan->environment);
    children_release(&plan->inherited);
}
