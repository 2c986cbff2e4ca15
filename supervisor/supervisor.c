/* SPDX-License-Identifier: MIT
 *
 * supervisor - see supervisor.h.
 *
 * The law of this process: it reads no client's byte, loads no foreign code, starts no thread,
 * never blocks and never sleeps, and acts on nothing that a worker can write. It may run as root;
 * everything else here does not. What it may be told: signals, and lines on the control socket
 * from root or its own user.
 */
#include "supervisor/supervisor.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log_sink.h"
#include "lib/memory.h"
#include "lib/signals.h"
#include "supervisor/companion.h"
#include "supervisor/daemonise.h"
#include "supervisor/inherited.h"
#include "supervisor/pool_environment.h"
#include "supervisor/service_manager.h"
#include "supervisor/services.h"
#include "supervisor/signal_events.h"
#include "supervisor/stop.h"
#include "supervisor/upgrade_adopt.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define IN_USE_RETRY_MS 1000

extern char **environ;

/* The inits. */

/* Can it be opened, then whoever is in our session can type what our starter reads next. It is not
 * asked again: nothing here opens a terminal in a way that makes it ours. */
static bool find_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool found = fd >= 0;
    fds_close(&fd);
    return found;
}

static int init_program(struct supervisor *s, struct error *error)
{
    char beside[PATH_MAX], ignored[PATH_MAX];
    s->program = companion_open("preforkd-pool", O_PATH, X_OK, beside);
    if (s->program < 0)
        return error_set_errno(error, EXIT_CODE_SOFTWARE,
                               "cannot find preforkd-pool: neither %s nor %s/preforkd-pool can be "
                               "used",
                               beside, PREFORKD_LIBEXECDIR);
    s->library = companion_open("preforkd-preload.so", O_RDONLY, R_OK, ignored);
    s->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    s->environment = pool_environment(environ);
    s->has_terminal = find_terminal();
    return s->null >= 0 ? 0 : error_set_errno(error, EXIT_CODE_OS, "cannot open /dev/null");
}

static int init_log(const struct config *config, struct error *error)
{
    log_configure((enum log_level)config->log.level, (enum log_format)config->log.format);
    if (!config->log.file)
        return 0;
    int fd = log_sink_open_file(config->log.file, error);
    if (fd < 0)
        return -1;
    log_sink_switch(fd);
    close(fd);
    return 0;
}

static int init_pid_file(struct supervisor *s, struct error *error)
{
    s->pid_file = LOCKFILE_NONE;
    if (!s->config->pid_file)
        return 0;
    if (lockfile_acquire(&s->pid_file, s->config->pid_file, 0644, error) < 0)
        return -1;
    return lockfile_write_number(&s->pid_file, getpid(), error);
}

static int init_loop(struct supervisor *s, struct error *error)
{
    s->signals = (struct loop_source){-1, signal_events_read, s};
    if (loop_init(&s->loop) == 0 && (s->signals.fd = signals_open(true)) >= 0 &&
        loop_add(&s->loop, &s->signals, EPOLLIN) == 0)
        return 0;
    return error_set_errno(error, EXIT_CODE_OS, "cannot make the event loop");
}

static int init_control(struct supervisor *s, struct error *error)
{
    int status = control_init(&s->control, s, &s->loop, s->config->control, error);
    if (status < 0)
        control_release(&s->control);
    return status;
}

static int init_listeners(struct supervisor *s, struct error *error)
{
    int status = listener_open_all(&s->listeners, s->config, error);
    if (status == 0)
        listener_sweep(&s->listeners, s->config);
    return status;
}

/* Where our predecessor was killed, its children are leaving this very moment, workers with their
 * sockets and who was just forked with the locks: what is in use is tried again for a while. Nobody
 * is served yet who could be kept waiting. */
static int insist(struct supervisor *s, int (*init)(struct supervisor *s, struct error *error),
                  struct error *error)
{
    int64_t deadline = clock_now_ms() + IN_USE_RETRY_MS;
    int status = init(s, error);
    while (status < 0 && error->in_use && clock_now_ms() < deadline) {
        poll(NULL, 0, 10);
        status = init(s, error);
    }
    return status;
}

static void warn_of_idle_sockets(void)
{
    for (size_t i = 0; i < inherited_count(); i++) {
        const char *name = inherited_idle(i);
        if (name)
            log_warning("no service listens on the inherited socket \"%s\"; write fd://%s, or its "
                        "clients wait in vain",
                        name, name);
    }
}

static void init_services(struct supervisor *s)
{
    services_add(s, s->config);
    struct core_row *rows = reload_rows(s, s->config);
    core_init(&s->core, rows, s->config->service_count, s->started_ms);
    free(rows);
}

static bool is_held(void *owner, pid_t pid)
{
    const struct supervisor *s = owner;
    for (size_t i = 0; i < s->pool_count; i++)
        if (s->pools[i]->child.pid == pid)
            return true;
    return reading_holds(&s->reload.reading, pid) || reading_holds(&s->dry_run.reading, pid) ||
           upgrade_probe_holds(&s->upgrade.probe, pid);
}

static int init_afresh(struct supervisor *s, struct error *error)
{
    if (services_check_limits(s->config, error) < 0 || init_loop(s, error) < 0 ||
        insist(s, init_pid_file, error) < 0 || insist(s, init_control, error) < 0 ||
        insist(s, init_listeners, error) < 0 || init_log(s->config, error) < 0 ||
        init_program(s, error) < 0)
        return -1;
    warn_of_idle_sockets();
    services_tell_automatic(s->config);
    orphans_init(&s->orphans, is_held, s);
    init_services(s);
    return 0;
}

/* Where another image stopped: what serves goes on, whatever is amiss with the rest. */
static int init_upgraded(struct supervisor *s, const struct upgrade_state *state,
                         struct error *error)
{
    s->generation = (unsigned)state->daemon.generation;
    s->started_ms = state->daemon.started_ms;
    s->ready = true;
    log_configure((enum log_level)s->config->log.level, (enum log_format)s->config->log.format);
    log_sink_adopt();
    if (init_loop(s, error) < 0)
        return -1;
    upgrade_adopt_sockets(s, state);
    if (services_check_limits(s->config, error) < 0 || init_program(s, error) < 0)
        log_error("%s", error->text);
    services_add(s, s->config);
    core_init(&s->core, NULL, 0, s->started_ms);
    upgrade_adopt_pools(s, state);
    orphans_init(&s->orphans, is_held, s);
    upgrade_adopt_orphans(s, state);
    upgrade_adopt_clients(s, state);
    return 0;
}

/* What supervisor_init() did, backwards. */
static void release(struct supervisor *s)
{
    dispatch_release(&s->dispatch);
    core_release(&s->core);
    services_release(s);
    upgrade_release(s);
    orphans_release(&s->orphans);
    reload_release(s);
    dry_run_release(s);
    fds_close(&s->program);
    fds_close(&s->library);
    fds_close(&s->null);
    free(s->environment);
    listener_sweep(&s->listeners, NULL);
    if (s->control.loop)
        control_release(&s->control);
    loop_remove(&s->loop, &s->signals);
    fds_close(&s->signals.fd);
    loop_release(&s->loop);
    lockfile_release(&s->pid_file);
    config_release(s->config);
}

int supervisor_init(struct supervisor *s, const struct options *options, struct config *config,
                    const struct upgrade_state *state, struct error *error)
{
    *s = (struct supervisor){.options = options,
                             .config = config,
                             .generation = 1,
                             .program = -1,
                             .library = -1,
                             .null = -1,
                             .signals = {.fd = -1},
                             .loop = {.epoll_fd = -1},
                             .pid_file = LOCKFILE_NONE,
                             .started_ms = clock_now_ms()};
    reload_init(s);
    dry_run_init(s);
    upgrade_init(s, state);
    if ((state ? init_upgraded(s, state, error) : init_afresh(s, error)) == 0)
        return 0;
    release(s);
    return -1;
}

void supervisor_ready(struct supervisor *s, const struct core_action *action)
{
    (void)action;
    s->ready = true;
    log_info("ready, %zu services", s->service_count);
    daemonise_report(EXIT_CODE_OK, "");
    services_update(s);
    service_manager_check(s, clock_now_ms()); /* before it is told of a change that waited */
}

static bool is_finished(const struct supervisor *s)
{
    return core_is_finished(&s->core) && orphans_count(&s->orphans) == 0;
}

/* Everything that is due; returns when the next thing is. */
static int64_t turn(struct supervisor *s)
{
    int64_t now = clock_now_ms();
    dispatch_event(s, (struct core_event){.type = CORE_ON_TICK});
    int64_t next = clock_earlier(reading_check(&s->reload.reading, now),
                                 reading_check(&s->dry_run.reading, now));
    services_update(s);
    next = clock_earlier(next, clock_earlier(control_check(&s->control, now), stop_check(s, now)));
    next = clock_earlier(next, orphans_check(&s->orphans, now));
    next = clock_earlier(next, service_manager_check(s, now));
    next = clock_earlier(next, upgrade_turn(s, now));
    return clock_earlier(next, core_next_ms(&s->core));
}

enum exit_code supervisor_run(struct supervisor *s)
{
    upgrade_resume(s);
    while (!is_finished(s)) {
        int64_t next = turn(s);
        if (!is_finished(s))
            loop_wait(&s->loop, next);
    }
    service_manager_check(s, clock_now_ms());
    log_info("stopped");
    daemonise_report(s->outcome.code, s->outcome.text);
    control_answer_waiting(&s->control, CONTROL_WAIT_STOP, NULL);
    release(s);
    return s->outcome.code;
}
