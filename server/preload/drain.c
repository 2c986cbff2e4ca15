/* SPDX-License-Identifier: MIT
 *
 * drain - see drain.h.
 */
#include "server/preload/drain.h"

#include "include/worker.h"
#include "lib/sys.h"
#include "server/preload/descriptors.h"

#include <errno.h>
#include <sys/prctl.h>

#define SIGNALS 2

static const int numbers[SIGNALS] = {WORKER_DRAIN, SIGTERM};

volatile sig_atomic_t drain_asked;
static struct sigaction program[SIGNALS]; /* its dispositions */
static int program_death_signal;          /* its PR_SET_PDEATHSIG */
static pid_t waiting;                     /* the thread */

static void on_drain(int number)
{
    int saved = errno;
    drain_asked = 1;
    descriptors_deaden();
    /* accept4 in another thread goes on with the socket it has, until a signal ends it. */
    if (gettid() != waiting)
        syscall(SYS_tgkill, getpid(), waiting, number);
    errno = saved;
}

void drain_begin(const sigset_t *mask, int pool_pid)
{
    struct sigaction drain = {.sa_handler = on_drain, .sa_flags = SA_RESTART};
    sigset_t wanted = *mask;
    waiting = gettid();
    sigfillset(&drain.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(numbers[i], &drain, &program[i]);
        sigdelset(&wanted, numbers[i]);
    }
    prctl(PR_GET_PDEATHSIG, &program_death_signal);
    if (prctl(PR_SET_PDEATHSIG, WORKER_DRAIN) < 0 || getppid() != pool_pid)
        _exit(WORKER_EXIT_PARENT);
    sigprocmask(SIG_SETMASK, &wanted, NULL);
}

void drain_end(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_PDEATHSIG, program_death_signal);
    for (int i = 0; i < SIGNALS; i++)
        sigaction(numbers[i], &program[i], NULL);
}
