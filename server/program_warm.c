/* SPDX-License-Identifier: MIT
 *
 * program_warm - see program_warm.h.
 */
#include "server/program_warm.h"

#include "include/warm.h"
#include "lib/log.h"
#include "lib/memory.h"
#include "server/program.h"
#include "server/proxy_gate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static bool wanted;

void program_warm_decide(void)
{
    const char *obstacle = program.plan->library_fd < 0 ? "preforkd-preload.so is missing"
                                                        : program.file.unpreloadable;
    wanted = program.config->warm != WARM_OFF && !obstacle;
    if (program.config->warm != WARM_OFF && obstacle)
        log_warning("%s is started cold, when its client is there: %s", program.file.path,
                    obstacle);
}

bool program_warm_wanted(void)
{
    return wanted;
}

/* What the library needs stays out of the program's way: programs take the lowest numbers, and
 * shells the highest below 256. With limits.nofile it moves down as far as it must. */
#define NUMBERS_END 512

static int first_number(void)
{
    struct rlimit limit;
    int end = NUMBERS_END;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < NUMBERS_END)
        end = (int)limit.rlim_cur;
    return end - program.plan->listener_count - 8; /* those below, and some air */
}

/* Open in the program, at the next number from *NEXT on; *NEXT is -1 where there is no room. */
static int keep(int fd, int *next)
{
    int kept = *next < 0 ? -1 : fcntl(fd, F_DUPFD, *next);
    *next = kept < 0 ? -1 : kept + 1;
    return kept;
}

static int family(void)
{
    union socket_address local = {0};
    socklen_t length = sizeof local;
    return getsockname(program.plan->listeners[0], &local.any, &length) < 0 ? AF_UNIX
                                                                            : local.any.sa_family;
}

/* 0 and 1 until the client comes: a socket as it will be one, so that fstat(2) tells the same. */
static int place_placeholder(struct error *error)
{
    int fd = socket(family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot make a socket");
    program_place_errors(fd);
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    return 0;
}

static int no_room(struct error *error)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    return error_set(error, EXIT_CODE_CONFIG,
                     "%llu open files (limits.nofile) are too few to wait for a client with",
                     (unsigned long long)limit.rlim_cur);
}

static int fill_plan(struct warm_plan *warm, uint32_t slot, int control_fd, struct error *error)
{
    const struct worker_plan *plan = program.plan;
    int next = first_number();
    *warm = (struct warm_plan){.mode = (enum warm_mode)program.config->warm,
                               .slot = slot,
                               .slots = config_scoreboard_slots(plan->service),
                               .pool_pid = plan->pool_pid,
                               .gate_open = plan->gate_open,
                               .control_fd = -1,
                               .listener_count = plan->listener_count};
    warm->listener_first = keep(plan->listeners[0], &next);
    for (int i = 1; i < plan->listener_count; i++)
        if (keep(plan->listeners[i], &next) != warm->listener_first + i)
            return no_room(error); /* among the lowest, where some are taken */
    warm->scoreboard_fd = keep(plan->scoreboard_fd, &next);
    warm->notify_fd = keep(plan->notify_fd, &next);
    warm->gate_fd = keep(plan->gate_fd, &next);
    warm->library_fd = keep(plan->library_fd, &next);
    if (control_fd >= 0)
        warm->control_fd = keep(control_fd, &next);
    return next < 0 ? no_room(error) : 0;
}

/* Who waits in the program has no configuration to look at. */
static void put_proxy(void)
{
    struct proxy_gate gate;
    proxy_gate_init(&gate, program.plan->service);
    if (!gate.required)
        return;
    const struct warm_proxy proxy = {.timeout_ms = gate.rules.timeout_ms,
                                     .log = program.plan->service->access_log,
                                     .trusted = gate.rules.trusted,
                                     .count = gate.rules.count};
    char *text = memory_zeroed(WARM_PROXY_ROOM(proxy.count), 1);
    program_environment_put(&program.environment, memory_printf("%s=%s", WARM_PROXY_VARIABLE,
                                                                warm_proxy_print(&proxy, text)));
}

/* What the configuration wants preloaded comes behind us. */
static void put_variables(const struct warm_plan *warm)
{
    char text[WARM_TEXT_MAX];
    const char *theirs = program_environment_get(&program.environment, "LD_PRELOAD");
    put_proxy();
    program_environment_put(&program.environment,
                            memory_printf("%s=%s", WARM_VARIABLE, warm_print(warm, text)));
    program_environment_put(&program.environment,
                            memory_printf("LD_PRELOAD=/proc/self/fd/%d%s%s", warm->library_fd,
                                          theirs ? ":" : "", theirs ? theirs : ""));
}

void program_warm_start(uint32_t slot, int control_fd)
{
    struct warm_plan warm;
    struct error error;
    int log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, program.plan->keep_below);
    if (program_limit(&error) == 0 && place_placeholder(&error) == 0 &&
        fill_plan(&warm, slot, control_fd, &error) == 0) {
        put_variables(&warm);
        prctl(PR_SET_PDEATHSIG, 0); /* the library arms its own, as long as it waits */
        program_execute(&error);
    }
    dup2(log, STDERR_FILENO);
    log_error("%s", error.text);
}
