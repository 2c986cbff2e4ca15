/* SPDX-License-Identifier: MIT
 *
 * program_listen - see program_listen.h.
 */
#include "server/program_listen.h"

#include "lib/log.h"
#include "lib/memory.h"
#include "server/handover.h"
#include "server/program.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FIRST_SOCKET 3 /* SD_LISTEN_FDS_START */

/* In this order: a number that is taken is that of a socket that has moved already, or of what a
 * worker needs and a program does not. */
static int place_sockets(struct error *error)
{
    const struct worker_plan *plan = program.plan;
    program_place_errors(plan->dead_fd);
    if (dup2(plan->dead_fd, STDIN_FILENO) < 0 || dup2(plan->error_fd, STDOUT_FILENO) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot place the standard descriptors");
    for (int i = 0; i < plan->listener_count; i++)
        if (dup2(plan->listeners[i], FIRST_SOCKET + i) < 0)
            return error_set_errno(error, EXIT_CODE_OS, "cannot place socket %d", i);
    return 0;
}

static unsigned protocols(void)
{
    return (config_protocol(program.config, "systemd") ? HANDOVER_SYSTEMD : 0u) |
           (config_protocol(program.config, "server_starter") ? HANDOVER_SERVER_STARTER : 0u) |
           (config_protocol(program.config, "einhorn") ? HANDOVER_EINHORN : 0u);
}

static int put_variables(uint32_t slot, struct error *error)
{
    const struct worker_plan *plan = program.plan;
    struct address addresses[CHANNEL_LISTENERS_MAX];
    char *variables[HANDOVER_VARIABLES + 1];
    struct handover handover = {.protocols = protocols(),
                                .service = plan->service->name,
                                .addresses = addresses,
                                .count = plan->listener_count,
                                .first = FIRST_SOCKET,
                                .generation = plan->generation,
                                .slot = slot,
                                .pool_pid = plan->pool_pid,
                                .pid = getpid(),
                                .notify = plan->notify_name,
                                .einhorn = plan->einhorn_path,
                                .watchdog_ms = program.config->watchdog};
    for (int i = 0; i < plan->listener_count; i++)
        if (handover_address(plan->listeners[i], &addresses[i]) < 0)
            return error_set_errno(error, EXIT_CODE_OS, "cannot tell the address of socket %d", i);
    int count = handover_environment(&handover, variables);
    for (int i = 0; i < count; i++)
        program_environment_put(&program.environment, variables[i]);
    program_environment_put(&program.environment,
                            memory_printf(WORKER_VARIABLE "=%d", (int)handover.pid));
    return 0;
}

/* When the pool dies, the program is told to finish, as by the pool. */
static void arm_lifeline(void)
{
    prctl(PR_SET_PDEATHSIG, config_stop_signal(program.config));
    if (getppid() != program.plan->pool_pid)
        _exit(WORKER_EXIT_PARENT);
}

void program_listen_start(uint32_t slot)
{
    struct error error;
    int log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, program.plan->keep_below);
    arm_lifeline();
    if (put_variables(slot, &error) == 0 && place_sockets(&error) == 0 &&
        program_limit(&error) == 0)
        program_execute(&error);
    dup2(log, STDERR_FILENO);
    log_error("%s", error.text);
}
