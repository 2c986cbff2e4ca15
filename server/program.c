/* SPDX-License-Identifier: MIT
 *
 * program - see program.h.
 *
 * What the program gets is told in one place each: descriptors in place_descriptors(), environment
 * in program_environment.c, everything else of a process in program_birth() and program_limit().
 */
#include "server/program.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/signals.h"
#include "server/program_trial.h"
#include "server/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct program program;

/* Shared by pool and workers: the errno of a worker that had a client and could not execute the
 * program. As long as it is not 0, workers try that before they are READY, so that clients wait in
 * the queue instead of being turned away. Cleared by the first that can. */
static atomic_int *doubt;

int program_failure(void)
{
    return atomic_load(doubt);
}

void program_doubt(int number)
{
    atomic_store(doubt, number != 0 ? number : EIO);
}

static int execute_limited(struct error *error)
{
    return program_limit(error) < 0 ? -1 : program_execute(error);
}

static int try_again(struct error *error)
{
    if (program_trial(execute_limited, error) < 0)
        return -1;
    atomic_store(doubt, 0);
    return 0;
}

/* What differs from the pool. A worker's priority cannot be raised here any more: the pool was
 * started with one below 0. */
int program_birth(struct error *error)
{
    const struct config_program *config = program.config;
    if (setsid() < 0 && errno != EPERM) /* EPERM: it leads one */
        return error_set_errno(error, EXIT_CODE_OS, "setsid");
    if (config->nice > 0 && setpriority(PRIO_PROCESS, 0, (int)config->nice) < 0)
        return error_set_errno(error, EXIT_CODE_CONFIG, "nice = %d", (int)config->nice);
    if (strcmp(config->directory, ".") != 0 && chdir(config->directory) < 0)
        return error_set_errno(error, EXIT_CODE_CONFIG, "directory %s", config->directory);
    umask((mode_t)config->umask);
    /* It may have gone since the pool tried it: better not READY than a client turned away. */
    if (access(program.file.path, X_OK) < 0)
        return error_set_errno(error, EXIT_CODE_CONFIG, "command %s", program.file.path);
    return program_failure() != 0 ? try_again(error) : 0;
}

/* Of processor time a second more is the last one: at the first the kernel sends SIGXCPU, which
 * says what it is, and at the last SIGKILL, setrlimit(2). Who may not have more has that alone. */
static rlim_t last_limit(unsigned resource, rlim_t most)
{
    struct rlimit now;
    bool more = resource == RLIMIT_CPU && most != RLIM_INFINITY && getrlimit(resource, &now) == 0 &&
                most < now.rlim_max;
    return more ? most + 1 : most;
}

static int limit(unsigned resource, const char *name, int64_t value, struct error *error)
{
    rlim_t most = value == CONFIG_UNLIMITED ? RLIM_INFINITY : (rlim_t)value;
    if (value == CONFIG_NOT_SET ||
        setrlimit(resource, &(struct rlimit){most, last_limit(resource, most)}) == 0)
        return 0;
    return error_set_errno(error, EXIT_CODE_CONFIG, "limits.%s = %lld", name, (long long)value);
}

int program_limit(struct error *error)
{
    fds_restore_limit();
#define SIZE(name, ...)                                                                            \
    if (limit(LIMIT_##name, #name, program.config->limits.name, error) < 0)                        \
        return -1;
#define LIMIT_nofile RLIMIT_NOFILE
#define LIMIT_as     RLIMIT_AS
#define LIMIT_cpu    RLIMIT_CPU
#define LIMIT_core   RLIMIT_CORE
#define LIMIT_nproc  RLIMIT_NPROC
#define LIMIT_fsize  RLIMIT_FSIZE
    CONFIG_LIMIT_KEYS
#undef SIZE
    return 0;
}

/* The signals that a worker handles or ignores. Those whose default is to be ignored are dropped by
 * this where they are pending: what the pool had to say to a worker is nothing to a program. */
static void reset_signals(void)
{
    static const int ours[] = {WORKER_DRAIN, WORKER_CUT, WORKER_REOPEN, SIGTERM,
                               SIGALRM,      SIGTTOU,    SIGPIPE,       SIGXFSZ};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        signal(ours[i], SIG_DFL);
}

/* Somebody is just writing a new version of the file, or the system is short of something. */
static bool passes(int number)
{
    return number == ETXTBSY || number == EAGAIN || number == ENOMEM;
}

#define PATIENCE_MS 2000 /* a client may be waiting, which is better than to turn it away */
#define PAUSE_MS    20

/* Returns only on failure, with errno. */
static void execute(const struct program_environment *environment)
{
    int number;
    reset_signals();
    signals_unblock_all();
    for (int waited = 0; waited <= PATIENCE_MS; waited += PAUSE_MS) {
        execve(program.file.path, program.config->command.words, environment->variables);
        number = errno;
        if (!passes(number))
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    errno = number;
}

int program_execute(struct error *error)
{
    char reason[PROGRAM_FILE_REASON_MAX];
    execute(&program.environment);
    return error_set(error, EXIT_CODE_CONFIG, "cannot execute %s: %s", program.file.path,
                     program_file_reason(&program.file, errno, reason));
}

static int execute_on_trial(struct error *error)
{
    return program_birth(error) < 0 ? -1 : execute_limited(error);
}

int program_prepare(const struct worker_plan *plan, struct error *error)
{
    const struct config_program *config = &plan->service->program;
    program.plan = plan;
    program.config = config;
    doubt = mmap(NULL, sizeof *doubt, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (doubt == MAP_FAILED)
        return error_set_errno(error, EXIT_CODE_OS, "cannot map memory");
    program_environment_init(&program.environment, &config->environment);
    const char *search = program_environment_get(&program.environment, "PATH");
    if (program_file_find(&program.file, config->command.words[0], config->directory, search,
                          error) < 0)
        return -1;
    return program_trial(execute_on_trial, error);
}

void program_place_errors(int client)
{
    switch ((enum config_stderr)program.config->stderr) {
    case CONFIG_STDERR_LOG:
        dup2(program.plan->error_fd, STDERR_FILENO);
        break;
    case CONFIG_STDERR_SOCKET:
        dup2(client, STDERR_FILENO);
        break;
    case CONFIG_STDERR_NULL:
        dup2(program.plan->dead_fd, STDERR_FILENO);
        break;
    }
}

/* 0 and 1 are the client; everything else is closed by execve. */
static void place_descriptors(int fd)
{
    program_place_errors(fd);
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
}

/* Who the client is, for everybody who asks. */
static void introduce(struct program_client *client, int fd, const union socket_address *peer,
                      const struct proxy_header *header, struct scoreboard_worker *slot)
{
    bool told = header && proxy_header_names_client(header);
    if (told)
        slot_set_client(slot, &header->source, peer);
    SCOREBOARD_STORE(slot->started_us, clock_now_us());
    ucspi_describe(&client->connection, fd, told ? &header->source : peer,
                   told ? &header->destination : NULL);
    for (int i = 0; i < client->connection.count; i++)
        program_environment_put(&client->environment, client->connection.text[i]);
}

void program_become(struct program_client *client, int fd, const union socket_address *peer,
                    const struct proxy_header *header, struct scoreboard_worker *slot)
{
    struct error error;
    introduce(client, fd, peer, header, slot);
    signals_block_all();
    slot_set_phase(slot, SCOREBOARD_PROGRAM); /* from here on the pool looks after it */
    prctl(PR_SET_PDEATHSIG, 0);
    alarm(0); /* of a worker whose pool is gone; it would live on */
    place_descriptors(fd);
    if (program_limit(&error) == 0)
        execute(&client->environment);
    program_doubt(errno);
    slot_set_phase(slot, SCOREBOARD_BUSY);
}
