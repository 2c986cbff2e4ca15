/* SPDX-License-Identifier: MIT
 *
 * upgrade_exec - see upgrade_exec.h.
 */
#include "supervisor/upgrade_exec.h"

#include "lib/fds.h"
#include "lib/memory.h"
#include "lib/sys.h"
#include "supervisor/upgrade_adopt.h"
#include "supervisor/upgrade_memfd.h"

extern char **environ;

/* Our environment with one variable more; the caller frees the list and its last string. */
static char **with_variable(int memfd, size_t *last)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **all = memory_zeroed(count + 2, sizeof *all);
    memcpy(all, environ, count * sizeof *all);
    all[count] = memory_printf(UPGRADE_ADOPT_VARIABLE "=%d", memfd);
    *last = count;
    return all;
}

static void keep(const int *fds, size_t count, int flags)
{
    for (size_t i = 0; i < count; i++)
        fcntl(fds[i], F_SETFD, flags);
}

int upgrade_exec(const struct upgrade_state *state, int program, char *const *arguments,
                 struct error *error)
{
    size_t count, last;
    int memfd = upgrade_memfd_create(state, error);
    if (memfd < 0)
        return -1;
    int *fds = upgrade_state_fds(state, &count);
    char **environment = with_variable(memfd, &last);
    keep(fds, count, 0);
    keep(&memfd, 1, 0);
    sys_execute(program, arguments, environment);
    error_set_errno(error, EXIT_CODE_OS, "cannot execute the new binary");
    keep(fds, count, FD_CLOEXEC);
    fds_close(&memfd);
    free(environment[last]);
    free(environment);
    free(fds);
    return -1;
}
