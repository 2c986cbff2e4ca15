/* SPDX-License-Identifier: MIT
 *
 * worker - one process that accepts, serves one connection at a time, and repeats.
 *
 * Begins in worker_run(), right after the pool's fork, and never returns to the pool's code. In the
 * steady state a connection costs accept4, what the handler does, and close.
 *
 * Signals, blocked until the handlers below stand:
 *     WORKER_DRAIN  sets the flag and puts a dead descriptor in place of the listeners, so that an
 *                   accept that is about to begin returns at once; it also comes from the kernel
 *                   when the pool dies (PR_SET_PDEATHSIG), and then starts the clock of
 *                   graceful_timeout, which otherwise is the pool's affair
 *     WORKER_CUT    ends the connection in hand, if it is the one that is meant
 *     WORKER_REOPEN puts the new log in the place of descriptor 2
 *     SIGALRM       graceful_timeout is over and there is no pool to say so
 */
#include "include/worker.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"
#include "lib/log_sink.h"
#include "lib/signals.h"
#include "lib/sys.h"
#include "server/acceptors.h"
#include "server/datagram_wait.h"
#include "server/gate.h"
#include "server/handler.h"
#include "server/host.h"
#include "server/program.h"
#include "server/program_listen.h"
#include "server/program_template.h"
#include "server/program_warm.h"
#include "server/serve.h"
#include "server/serve_check.h"
#include "server/slot.h"
#include "server/tick.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct serve serve;

/* What a worker writes is together, and initialised, so that it shares a page with the little that
 * others initialise ("What a worker costs" in README.md). The rest is written before the fork. */
static struct {
    const struct worker_plan *plan;
    volatile sig_atomic_t stopping;
    struct preforkd_connection connection;
    struct wear wear;
} self = {.connection = {.fd = -1, .room = &connection_room}};

int worker_check(const struct worker_plan *plan, struct error *error)
{
    if (config_is_program(plan->service))
        return program_prepare(plan, error);
    return handler_check(plan->service, error) ? 0 : -1;
}

bool worker_is_warm(void)
{
    return program_warm_wanted();
}

/* Who accepts in a template's memory reads nothing from anybody. */
bool worker_is_copied(void)
{
    if (program_warm_wanted())
        return program.config->warm_fork;
    return !serve_takes_datagrams(&serve) && !serve.gate.required && program_template_possible();
}

void worker_tell_failure(char *text, size_t size)
{
    char reason[PROGRAM_FILE_REASON_MAX] = "it works again";
    if (program_failure() != 0)
        program_file_reason(&program.file, program_failure(), reason);
    snprintf(text, size, "cannot execute %s: %s", program.file.path, reason);
}

/* From here to lifeline(): signal handlers. Only async-signal-safe calls. */

static unsigned whole_seconds(int64_t ms)
{
    return (unsigned)((ms + 999) / 1000);
}

static void on_alarm(int number)
{
    (void)number;
    connection_cut(&self.connection, WORKER_END_GRACEFUL);
    signal(SIGALRM, SIG_DFL); /* a handler that does not return is ended by the next one */
    alarm(whole_seconds(self.plan->service->kill_timeout));
}

static void on_drain(int number)
{
    int saved = errno;
    (void)number;
    self.stopping = 1;
    acceptors_interrupt();
    for (int i = 0; i < self.plan->listener_count; i++)
        dup3(self.plan->dead_fd, self.plan->listeners[i], O_CLOEXEC);
    if (self.plan->wait_fd > 0)
        dup3(self.plan->dead_fd, self.plan->wait_fd, O_CLOEXEC);
    dup3(self.plan->dead_fd, self.plan->gate_fd, O_CLOEXEC);
    if (self.connection.fd >= 0) /* it may take its time, and has no use for datagrams */
        serve_close_replies(&serve);
    if (getppid() != self.plan->pool_pid) {
        int64_t left_ms = self.plan->service->graceful_timeout;
        if (left_ms > 0)
            alarm(whole_seconds(left_ms));
        else
            on_alarm(SIGALRM);
    }
    errno = saved;
}

static void on_cut(int number, siginfo_t *info, void *context)
{
    uint32_t value = (uint32_t)info->si_value.sival_int;
    enum worker_end reason = (enum worker_end)(value >> 24);
    int saved = errno;
    (void)number;
    (void)context;
    if (info->si_code == SI_QUEUE && (value & 0xFFFFFF) == (self.connection.sequence & 0xFFFFFF) &&
        (reason != WORKER_END_IDLE || !connection_is_taking(&self.connection)))
        connection_cut(&self.connection, reason);
    errno = saved;
}

static void on_reopen(int number)
{
    int saved = errno;
    (void)number;
    int log = fds_peek(self.plan->log_mailbox_fd);
    if (log >= 0) {
        log_sink_switch(log);
        close(log);
    }
    errno = saved;
}

static void install_signal_handlers(void)
{
    struct sigaction drain = {.sa_handler = on_drain, .sa_flags = SA_RESTART};
    struct sigaction cut = {.sa_sigaction = on_cut, .sa_flags = SA_RESTART | SA_SIGINFO};
    struct sigaction reopen = {.sa_handler = on_reopen, .sa_flags = SA_RESTART};
    struct sigaction ring = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    /* One at a time: no handler interrupts another. */
    sigfillset(&drain.sa_mask);
    sigfillset(&cut.sa_mask);
    sigfillset(&reopen.sa_mask);
    sigfillset(&ring.sa_mask);
    sigaction(WORKER_DRAIN, &drain, NULL);
    sigaction(SIGTERM, &drain, NULL);
    sigaction(WORKER_CUT, &cut, NULL);
    sigaction(WORKER_REOPEN, &reopen, NULL);
    sigaction(SIGALRM, &ring, NULL);
    signal(SIGTTOU, SIG_IGN); /* a terminal that stops background jobs shall not stop the log */
}

static void lifeline(void)
{
    if (prctl(PR_SET_PDEATHSIG, WORKER_DRAIN) < 0 || getppid() != self.plan->pool_pid)
        _exit(WORKER_EXIT_PARENT);
}

static int prepare_program(const struct worker_plan *plan, struct error *error)
{
    if (program_prepare(plan, error) < 0)
        return -1;
    datagram_wait_prepare();
    program_warm_decide();
    return 0;
}

static int prepare_service(const struct worker_plan *plan, struct error *error)
{
    if (config_is_program(plan->service))
        return serve_check(&serve, error) < 0 ? -1 : prepare_program(plan, error);
    if (serve_guard_datagrams(&serve, error) < 0)
        return -1;
    serve.handler = handler_init(plan->service, plan->scoreboard, &serve.state, error);
    return serve.handler ? serve_check(&serve, error) : -1;
}

int worker_prepare(const struct worker_plan *plan, struct error *error)
{
    self.plan = plan;
    serve.connection = &self.connection;
    serve.stopping = &self.stopping;
    serve.wear = &self.wear;
    serve_prepare(&serve, plan);
    host_begin(&self.connection.slot, &self.stopping);
    slot_join(plan->scoreboard, plan->notify_fd);
    if (prepare_service(plan, error) < 0)
        return -1;
    install_signal_handlers();
    return 0;
}

/* Everything that can be done before a client is there. A program that is started warm, or accepts
 * by itself, begins here. */
static void init_program(const struct worker_birth *birth)
{
    struct error error;
    bool ahead = self.plan->service->kind == CONFIG_LISTEN || program_warm_wanted() ||
                 birth->control_fd >= 0;
    if (ahead)
        signals_block_all(); /* what comes from now on finds a program, or none */
    if (self.stopping) {
        if (birth->control_fd < 0) /* a template has no slot */
            slot_set_phase(self.connection.slot, SCOREBOARD_LEAVING);
        _exit(WORKER_EXIT_LEFT);
    }
    if (program_birth(&error) < 0)
        log_error("%s", error.text);
    else if (self.plan->service->kind == CONFIG_LISTEN)
        program_listen_start(birth->slot);
    else if (program_warm_wanted())
        program_warm_start(birth->slot, birth->control_fd < 0 ? -1 : self.plan->keep_below);
    else if (birth->control_fd >= 0)
        program_template_serve(self.plan->keep_below);
    else
        return;
    _exit(WORKER_EXIT_INIT);
}

static void init_handler(uint32_t slot)
{
    char reason[256] = "no reason given";
    serve_open_replies(&serve);
    wear_init(&self.wear, self.plan, slot);
    tick_begin(serve.handler->tick ? serve.handler->tick_ms : 0);
    if (!serve.handler->worker_init ||
        serve.handler->worker_init(&host_functions, &serve.state, reason, sizeof reason) == 0)
        return;
    log_error("handler %s: %s", serve.handler->name, reason);
    _exit(WORKER_EXIT_INIT);
}

/* The pool's own are closed; what only this worker has got moves to where the plan says. */
static void arrange_descriptors(const struct worker_birth *birth)
{
    const struct worker_plan *plan = self.plan;
    int first = plan->keep_below;
    if (birth->error_fd >= 0)
        dup3(birth->error_fd, plan->error_fd, O_CLOEXEC);
    if (birth->control_fd >= 0)
        dup3(birth->control_fd, first++, O_CLOEXEC);
    if (sys_close_range((unsigned)first, ~0U, CLOSE_RANGE_UNSHARE) < 0)
        _exit(WORKER_EXIT_SYSTEM);
}

_Noreturn void worker_run(const struct worker_plan *plan, const struct worker_birth *birth)
{
    self.connection.slot = &plan->scoreboard->slots[birth->slot].worker;
    acceptors_use(&plan->acceptors, birth->slot, self.connection.slot);
    log_identify("worker", plan->service->name);
    prctl(PR_SET_NAME, "preforkd-worker");
    arrange_descriptors(birth);
    lifeline();
    signals_unblock_all();
    if (config_is_program(plan->service))
        init_program(birth);
    else
        init_handler(birth->slot);
    gate_say_ready(self.connection.slot, plan->notify_fd);
    if (!plan->gate_open)
        gate_wait(plan->gate_fd);
    if (!serve_clients(&serve))
        _exit(WORKER_EXIT_SOCKET);
    if (serve.handler && serve.handler->worker_exit)
        serve.handler->worker_exit(&host_functions, serve.state);
    slot_set_phase(self.connection.slot, SCOREBOARD_LEAVING);
    _exit(WORKER_EXIT_LEFT);
}
