/* SPDX-License-Identifier: MIT
 *
 * spawn - see spawn.h.
 */
#include "lib/spawn.h"

#include "lib/fds.h"
#include "lib/signals.h"
#include "lib/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Numbers that must survive until exec while the low ones are being rearranged. */
static int move_above(int fd, size_t count, struct error *error)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, (int)count);
    if (moved < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot duplicate a descriptor");
    return moved;
}

/* Two passes: first every source out of the way of every target, then into place. */
static int arrange_descriptors(const struct spawn_plan *plan, struct error *error)
{
    int above[64];
    size_t count = plan->descriptor_count;
    if (count > sizeof above / sizeof *above)
        return error_set(error, EXIT_CODE_SOFTWARE, "%zu descriptors are too many", count);
    for (size_t i = 0; i < count; i++)
        if ((above[i] = move_above(plan->descriptors[i], count, error)) < 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        if (dup2(above[i], (int)i) < 0) /* without close-on-exec: these are meant to stay */
            return error_set_errno(error, EXIT_CODE_OS, "cannot place descriptor %zu", i);
    if (sys_close_range((unsigned)count, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "close_range");
    return 0;
}

/* The change of user clears the death signal, so it is armed behind it; a parent that died in
 * between is seen by its pid being gone. */
static int arm_death_signal(const struct spawn_plan *plan, pid_t parent, struct error *error)
{
    if (plan->death_signal == 0)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, plan->death_signal) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "PR_SET_PDEATHSIG");
    if (getppid() != parent)
        return error_set(error, EXIT_CODE_OS, "the parent is gone");
    return 0;
}

static int give_up_privileges(struct error *error)
{
    if (credentials_drop_capabilities(error) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "PR_SET_NO_NEW_PRIVS");
    return 0;
}

/* Out of reach of the terminal's Ctrl-C, which is for the parent. A session of its own only where
 * it is asked for: the scheduler groups processes by session (sched(7), autogroup), and crossing
 * groups costs every wake-up between a client here and its worker; measured as 6 % of the
 * connections. */
static int leave_group(const struct spawn_plan *plan)
{
    return plan->own_session ? setsid() : setpgid(0, 0);
}

static int apply(const struct spawn_plan *plan, int program, pid_t parent, struct error *error)
{
    signals_reset(0);
    if (leave_group(plan) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot leave our process group");
    if (plan->nice < 0 && setpriority(PRIO_PROCESS, 0, plan->nice) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "nice = %d", plan->nice);
    if (plan->user && credentials_apply(plan->user, error) < 0)
        return -1;
    if (!plan->trusted && give_up_privileges(error) < 0)
        return -1;
    if (arm_death_signal(plan, parent, error) < 0 || arrange_descriptors(plan, error) < 0)
        return -1;
    fds_restore_limit(); /* the child raises it for itself */
    sys_execute(program, plan->arguments, plan->environment);
    if (errno == ENOENT) /* the file is open: it is what has to load it that is not there */
        return error_set(error, EXIT_CODE_OS,
                         "cannot execute %s: it is a script, or its loader is not installed",
                         plan->arguments[0]);
    return error_set_errno(error, EXIT_CODE_OS, "cannot execute %s", plan->arguments[0]);
}

static _Noreturn void run_child(struct spawn_plan plan, pid_t parent)
{
    struct error error;
    size_t count = plan.descriptor_count;
    int program = move_above(plan.program, count, &error);
    plan.failed_fd = move_above(plan.failed_fd, count, &error);
    if (program >= 0 && plan.failed_fd >= 0)
        apply(&plan, program, parent, &error);
    plan.failed(&plan, &error);
    _exit((int)error.code);
}

int spawn_start(const struct spawn_plan *plan, struct child *child, struct error *error)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        run_child(*plan, parent);
    if (pid < 0)
        return error_set_errno(error, EXIT_CODE_OS, "fork");
    if (child_adopt(child, pid) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "pidfd_open");
    return 0;
}
