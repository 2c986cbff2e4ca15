/* SPDX-License-Identifier: MIT
 *
 * program_template - see program_template.h. From live() on a function runs in a worker.
 */
#include "server/program_template.h"

#include "include/warm.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/signals.h"
#include "lib/sys.h"
#include "server/accept.h"
#include "server/gate.h"
#include "server/program.h"
#include "server/slot.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Most of it is never touched. A signal's frame alone may take 12 KiB of the stack (AMX). */
#define CELL_SIZE  ((size_t)64 * 1024)
#define STACK_SIZE (CELL_SIZE / 2)

/* A worker's part of the memory, aligned to CELL_SIZE; its stack comes down from the end. There is
 * one for each slot: the pool orders a worker for it when the one before has been reaped. */
struct cell {
    struct scoreboard_worker *slot;
    bool gate_open;
    int error_fd;
    volatile sig_atomic_t stopping;
    struct program_client client;
    char *variables[];
};

static char *cells;

static size_t environment_size(void)
{
    return (program.environment.count + UCSPI_VARIABLES + 1) * sizeof(char *);
}

/* A sanitizer wants to know every stack. */
#if defined __SANITIZE_ADDRESS__
#define STACKS_ARE_OURS false
#elif defined __has_feature
#define STACKS_ARE_OURS !__has_feature(address_sanitizer)
#else
#define STACKS_ARE_OURS true
#endif

bool program_template_possible(void)
{
    return STACKS_ARE_OURS && program_failure() == 0 &&
           sizeof(struct cell) + environment_size() <= CELL_SIZE - STACK_SIZE;
}

static int map_cells(uint32_t count)
{
    size_t size = (count + (size_t)1) * CELL_SIZE;
    char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return -1;
    madvise(map, size, MADV_NOHUGEPAGE); /* one page of each cell's stack is all there is to it */
    cells = map + (CELL_SIZE - (uintptr_t)map % CELL_SIZE) % CELL_SIZE;
    return 0;
}

static struct cell *cell_at(const void *address)
{
    uintptr_t offset = (uintptr_t)address - (uintptr_t)cells;
    return (struct cell *)(void *)(cells + offset / CELL_SIZE * CELL_SIZE);
}

/* As worker.c has it. The cell is where the stack is. */
static void on_drain(int number)
{
    const struct worker_plan *plan = program.plan;
    int saved = errno;
    (void)number;
    cell_at(__builtin_frame_address(0))->stopping = 1;
    for (int i = 0; i < plan->listener_count; i++)
        dup3(plan->dead_fd, plan->listeners[i], O_CLOEXEC);
    dup3(plan->dead_fd, plan->gate_fd, O_CLOEXEC);
    errno = saved;
}

/* Inherited by the workers. There is nothing for them to cut, and no log to reopen. */
static void install_signal_handlers(void)
{
    struct sigaction drain = {.sa_handler = on_drain, .sa_flags = SA_RESTART};
    sigfillset(&drain.sa_mask);
    sigaction(WORKER_DRAIN, &drain, NULL);
    sigaction(SIGTERM, &drain, NULL);
    signal(WORKER_CUT, SIG_DFL);
    signal(WORKER_REOPEN, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
}

/* In a worker: to the log, as a line of its standard error. */
static void tell_refusal(enum accept_news news, int number)
{
    static const char text[] = "accept refused by the system, backing off\n";
    (void)number;
    if (news == ACCEPT_REFUSED) {
        ssize_t ignored = write(program.plan->error_fd, text, sizeof text - 1);
        (void)ignored;
    }
}

static void arrange(const struct cell *cell)
{
    const struct worker_plan *plan = program.plan;
    setsid();
    prctl(PR_SET_NAME, "preforkd-worker");
    dup3(cell->error_fd, plan->error_fd, O_CLOEXEC);
    if (sys_close_range((unsigned)plan->keep_below, ~0U, 0) < 0)
        _exit(WORKER_EXIT_SYSTEM);
    if (prctl(PR_SET_PDEATHSIG, WORKER_DRAIN) < 0 || getppid() != plan->pool_pid)
        _exit(WORKER_EXIT_PARENT);
    signals_unblock_all();
}

static int live(void *argument)
{
    struct cell *cell = argument;
    union socket_address peer;
    struct acceptor acceptor = {.listeners = program.plan->listeners,
                                .count = program.plan->listener_count,
                                .stopping = &cell->stopping,
                                .tell = tell_refusal};
    arrange(cell);
    if (!cell->gate_open)
        gate_wait(program.plan->gate_fd);
    int fd = accept_next(&acceptor, &peer);
    if (fd >= 0) {
        slot_begin(cell->slot, &peer);
        program_become(&cell->client, fd, &peer, NULL, cell->slot);
        _exit(WORKER_EXIT_EXEC);
    }
    if (!cell->stopping)
        _exit(WORKER_EXIT_SOCKET);
    slot_set_phase(cell->slot, SCOREBOARD_LEAVING);
    _exit(WORKER_EXIT_LEFT);
}

static struct cell *prepare_cell(const struct warm_order *order, int error_fd)
{
    struct cell *cell = (struct cell *)(void *)(cells + order->slot * CELL_SIZE);
    cell->slot = &program.plan->scoreboard->slots[order->slot].worker;
    cell->gate_open = order->gate_open != 0;
    cell->error_fd = error_fd;
    cell->stopping = 0;
    cell->client.environment = program.environment;
    cell->client.environment.variables = cell->variables;
    memcpy(cell->variables, program.environment.variables, environment_size());
    return cell;
}

/* What may have changed since the last one was made, and is better found now than with a client.
 * Then the pool makes the next one itself, and that tells what is wrong. */
static bool still_there(void)
{
    const char *directory = program.config->directory;
    bool fine = (strcmp(directory, ".") == 0 || chdir(directory) == 0) &&
                access(program.file.path, X_OK) == 0;
    if (!fine)
        program_doubt(errno);
    return fine;
}

/* It is READY as soon as it is there: nothing that it does before it accepts can fail. */
static pid_t make(const struct warm_order *order, int error_fd)
{
    if (order->slot >= config_scoreboard_slots(program.plan->service) || error_fd < 0)
        return -EINVAL;
    if (!still_there())
        return -program_failure();
    struct cell *cell = prepare_cell(order, error_fd);
    slot_set_phase(cell->slot, SCOREBOARD_IDLE);
    pid_t pid = clone(live, (char *)cell + CELL_SIZE, CLONE_VM | CLONE_PARENT | SIGCHLD, cell);
    if (pid > 0)
        return pid;
    int number = errno;
    slot_set_phase(cell->slot, SCOREBOARD_UNBORN);
    return -number;
}

/* The next order and its descriptor; the end of the line is the end of the template. */
static void receive(int control_fd, struct warm_order *order, int *error_fd)
{
    struct pollfd line = {.fd = control_fd, .events = POLLIN};
    int status;
    do {
        poll(&line, 1, -1);
        status = fds_receive(control_fd, order, sizeof *order, error_fd);
    } while (status < 0);
    if (status == 0)
        _exit(WORKER_EXIT_LEFT);
}

_Noreturn void program_template_serve(int control_fd)
{
    const struct warm_hello hello = {.magic = WARM_MAGIC, .threads = 1};
    struct warm_order order;
    int error_fd;
    prctl(PR_SET_NAME, "preforkd-copier");
    install_signal_handlers();
    dup2(program.plan->dead_fd, STDERR_FILENO); /* the log may be replaced, and is not ours */
    if (map_cells(config_scoreboard_slots(program.plan->service)) < 0 ||
        fds_send(control_fd, &hello, sizeof hello, -1) < 0)
        _exit(WORKER_EXIT_SYSTEM);
    for (;;) {
        receive(control_fd, &order, &error_fd);
        struct warm_answer answer = {.magic = WARM_MAGIC, .slot = order.slot};
        answer.pid = make(&order, error_fd);
        fds_close(&error_fd);
        fds_send(control_fd, &answer, sizeof answer, -1); /* no pool: found out with the next */
    }
}
