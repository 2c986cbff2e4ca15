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
#include "server/accept_log.h"
#include "server/datagram.h"
#include "server/datagram_wait.h"
#include "server/handler.h"
#include "server/handover.h"
#include "server/host.h"
#include "server/program.h"
#include "server/program_listen.h"
#include "server/program_template.h"
#include "server/program_warm.h"
#include "server/session.h"
#include "server/slot.h"
#include "server/tick.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
    const struct preforkd_handler *handler; /* set by worker_prepare() in the pool */
    void *state;
    const struct worker_plan *plan;
    char listeners[CHANNEL_LISTENERS_MAX][ADDRESS_TEXT_MAX]; /* for handlers */
    bool datagram[CHANNEL_LISTENERS_MAX]; /* which listeners have no connections */
    int reply_fds[CHANNEL_LISTENERS_MAX]; /* the same sockets, for answers; -1: there is none */
    struct proxy_gate gate;
    bool retired; /* the handler wants this worker to leave */
    volatile sig_atomic_t stopping;
    struct preforkd_connection connection;
} self = {.connection = {.fd = -1}};

static int prepare_program(const struct worker_plan *plan, struct error *error)
{
    if (program_prepare(plan, error) < 0)
        return -1;
    datagram_wait_prepare();
    program_warm_decide();
    return 0;
}

static void describe_listeners(const struct worker_plan *plan)
{
    struct address address;
    for (int i = 0; i < plan->listener_count; i++) {
        int type = SOCK_STREAM;
        socklen_t size = sizeof type;
        getsockopt(plan->listeners[i], SOL_SOCKET, SO_TYPE, &type, &size);
        self.datagram[i] = type == SOCK_DGRAM;
        if (handover_address(plan->listeners[i], &address) == 0)
            address_print(&address, self.listeners[i]);
    }
}

int worker_prepare(const struct worker_plan *plan, struct error *error)
{
    describe_listeners(plan);
    proxy_gate_init(&self.gate, plan->service);
    if (config_is_program(plan->service))
        return prepare_program(plan, error);
    self.handler = handler_init(plan->service, plan->scoreboard, &self.state, error);
    return self.handler ? 0 : -1;
}

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
    for (int i = 0; i < program.plan->listener_count; i++)
        if (self.datagram[i])
            return false;
    return !self.gate.required && program_template_possible();
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

static void close_reply_fds(void)
{
    for (int i = 0; i < self.plan->listener_count; i++)
        if (self.reply_fds[i] >= 0)
            close(self.reply_fds[i]);
}

static void on_drain(int number)
{
    int saved = errno;
    (void)number;
    self.stopping = 1;
    for (int i = 0; i < self.plan->listener_count; i++)
        dup3(self.plan->dead_fd, self.plan->listeners[i], O_CLOEXEC);
    dup3(self.plan->dead_fd, self.plan->gate_fd, O_CLOEXEC);
    if (self.connection.fd >= 0) /* it may take its time, and has no use for datagrams */
        close_reply_fds();
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

static void say_ready(void)
{
    uint64_t one = 1;
    slot_set_phase(self.connection.slot, SCOREBOARD_IDLE);
    ssize_t ignored = write(self.plan->notify_fd, &one, sizeof one);
    (void)ignored; /* the counter cannot overflow, and the pool looks at the slot anyway */
}

static void wait_at_gate(void)
{
    char ignored;
    if (!self.plan->gate_open)
        while (read(self.plan->gate_fd, &ignored, 1) < 0 && errno == EINTR)
            ;
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

/* A drain signal does not take these away: what has been received is answered. */
static void open_reply_fds(void)
{
    for (int i = 0; i < self.plan->listener_count; i++)
        self.reply_fds[i] = self.datagram[i] ? fcntl(self.plan->listeners[i], F_DUPFD_CLOEXEC,
                                                     self.plan->keep_below)
                                             : -1;
}

static void init_handler(void)
{
    char reason[256] = "no reason given";
    open_reply_fds();
    host_begin(self.connection.slot, &self.stopping);
    tick_begin(self.handler->tick ? self.handler->tick_ms : 0);
    if (!self.handler->worker_init ||
        self.handler->worker_init(&host_functions, &self.state, reason, sizeof reason) == 0)
        return;
    log_error("handler %s: %s", self.handler->name, reason);
    _exit(WORKER_EXIT_INIT);
}

static void on_woken(void)
{
    if (tick_due() && self.handler->tick)
        self.handler->tick(&host_functions, self.state);
}

static int next_client(struct acceptor *acceptor, union socket_address *peer)
{
    tick_allow();
    int fd = accept_next(acceptor, peer);
    tick_block();
    return fd;
}

static _Noreturn void become_program(int fd, const union socket_address *peer,
                                     const struct proxy_header *header)
{
    struct program_client client = {.environment = program.environment};
    program_become(&client, fd, peer, header, self.connection.slot);
    _exit(WORKER_EXIT_EXEC);
}

/* Returns only where a proxy did not say whom to serve. */
static void serve_program(int fd, const union socket_address *peer)
{
    struct scoreboard_worker *slot = self.connection.slot;
    struct proxy_header header;
    if (proxy_gate_pass(&self.gate, fd, peer, NULL, self.plan->service->access_log, &header))
        become_program(fd, peer, &header);
    SCOREBOARD_STORE(slot->refused, SCOREBOARD_LOAD(slot->refused) + 1);
    close(fd);
}

/* False where this worker is to leave after it. */
static bool serve(const struct session_plan *session, int fd, const union socket_address *peer,
                  int listener)
{
    struct preforkd_connection *c = &self.connection;
    uint64_t limit = (uint64_t)self.plan->service->max_connections_per_worker;
    if (self.plan->service->kind == CONFIG_EXEC) {
        serve_program(fd, peer);
        return true;
    }
    self.retired = session_serve(session, c, fd, peer, listener);
    return !self.retired && (limit == 0 || c->slot->connections < limit);
}

/* Wait for datagrams where this is the only socket, and have them answered. False where this worker
 * is to leave. */
static bool serve_datagrams(const struct datagram_plan *plan, const struct acceptor *acceptor)
{
    int fd = self.plan->listeners[acceptor->next];
    uint64_t limit = (uint64_t)self.plan->service->max_connections_per_worker;
    int status = datagram_serve(plan, fd, self.reply_fds[acceptor->next],
                                acceptor->count > 1 ? MSG_DONTWAIT : 0);
    int error = errno;
    if (status < 0 && error == EINTR)
        on_woken();
    if (status < 0 && !self.stopping && accept_judge(error) == ACCEPT_CLOSED)
        _exit(WORKER_EXIT_SOCKET);
    if (status < 0 && accept_judge(error) == ACCEPT_BACK_OFF)
        poll(NULL, 0, accept_delay_ms(1));
    return !self.stopping && (limit == 0 || plan->slot->connections < limit);
}

/* As inetd's "wait": the program gets the socket itself, with what has come, and reads on for as
 * long as it likes; nobody else reads there meanwhile. */
static void hand_datagrams_over(int listener)
{
    struct pollfd p = {.fd = self.plan->listeners[listener], .events = POLLIN};
    const union socket_address nobody = {.any.sa_family = AF_UNSPEC};
    while (!self.stopping) {
        if (poll(&p, 1, -1) <= 0)
            continue;
        datagram_wait_hold_off(p.fd, &self.stopping);
        int fd = fcntl(p.fd, F_DUPFD_CLOEXEC, self.plan->keep_below);
        if (self.stopping)
            return;
        become_program(fd, &nobody, NULL);
    }
}

static bool serve_next(const struct session_plan *session, const struct datagram_plan *datagrams,
                       struct acceptor *acceptor)
{
    union socket_address peer;
    int fd = next_client(acceptor, &peer);
    if (fd >= 0)
        return serve(session, fd, &peer, acceptor->next);
    if (fd != ACCEPT_DATAGRAM)
        return false;
    if (self.plan->service->kind != CONFIG_EXEC)
        return serve_datagrams(datagrams, acceptor);
    hand_datagrams_over(acceptor->next);
    return false;
}

/* Handlers of ours do not wait; those of others may, and datagrams should not wait with them. */
static int batch_size(void)
{
    return self.plan->service->kind == CONFIG_BUILT_IN ? DATAGRAM_BATCH_MAX : 1;
}

static bool leaves_as_told(void)
{
    uint64_t limit = (uint64_t)self.plan->service->max_connections_per_worker;
    return self.stopping || self.retired ||
           (limit > 0 && self.connection.slot->connections >= limit);
}

static void accept_and_serve(void)
{
    const struct config_service *service = self.plan->service;
    struct session_plan session = {.handler = self.handler,
                                   .state = self.state,
                                   .access_log = service->access_log,
                                   .gate = &self.gate,
                                   .listeners = self.listeners};
    struct datagram_plan datagrams = {.handler = self.handler,
                                      .state = self.state,
                                      .slot = self.connection.slot,
                                      .batch = batch_size(),
                                      .access_log = service->access_log};
    struct acceptor acceptor = {.listeners = self.plan->listeners,
                                .count = self.plan->listener_count,
                                .datagram = self.datagram,
                                .stopping = &self.stopping,
                                .tell = accept_log,
                                .woken = on_woken};
    while (serve_next(&session, &datagrams, &acceptor))
        ;
    if (!leaves_as_told())
        _exit(WORKER_EXIT_SOCKET);
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
    if (sys_close_range((unsigned)first, ~0U, 0) < 0)
        _exit(WORKER_EXIT_SYSTEM);
}

_Noreturn void worker_run(const struct worker_plan *plan, const struct worker_birth *birth)
{
    self.plan = plan;
    self.connection.slot = &plan->scoreboard->slots[birth->slot].worker;
    log_identify("worker", plan->service->name);
    prctl(PR_SET_NAME, "preforkd-worker");
    arrange_descriptors(birth);
    install_signal_handlers();
    lifeline();
    signals_unblock_all();
    if (config_is_program(plan->service))
        init_program(birth);
    else
        init_handler();
    say_ready();
    wait_at_gate();
    accept_and_serve();
    if (self.handler && self.handler->worker_exit)
        self.handler->worker_exit(&host_functions, self.state);
    slot_set_phase(self.connection.slot, SCOREBOARD_LEAVING);
    _exit(WORKER_EXIT_LEFT);
}
