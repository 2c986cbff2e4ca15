/* SPDX-License-Identifier: MIT
 *
 * tick - see tick.h.
 */
#include "server/tick.h"

#include "lib/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define TICK SIGVTALRM

static bool wanted;
static volatile sig_atomic_t came;

static void on_tick(int number)
{
    (void)number;
    came = 1;
}

static void mask(int how)
{
    sigset_t set;
    if (!wanted)
        return;
    sigemptyset(&set);
    sigaddset(&set, TICK);
    sigprocmask(how, &set, NULL);
}

void tick_begin(uint32_t period_ms)
{
    struct sigaction action = {.sa_handler = on_tick}; /* without SA_RESTART: accept4 returns */
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = TICK};
    struct timespec period = {.tv_sec = period_ms / 1000, .tv_nsec = period_ms % 1000 * 1000000};
    struct itimerspec times = {period, period};
    timer_t timer;
    if (period_ms == 0)
        return;
    wanted = true;
    mask(SIG_BLOCK);
    sigaction(TICK, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
        timer_settime(timer, 0, &times, NULL) < 0)
        log_warning("there will be no ticks: %s", strerror(errno));
}

void tick_allow(void)
{
    mask(SIG_UNBLOCK);
}

void tick_block(void)
{
    mask(SIG_BLOCK);
}

bool tick_due(void)
{
    bool due = came != 0;
    came = 0;
    return due;
}
