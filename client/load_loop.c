/* SPDX-License-Identifier: MIT
 *
 * load_loop - see load_loop.h.
 */
#include "client/load_loop.h"

#include "client/load_connection.h"

#include "lib/clock.h"
#include "lib/memory.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX       256
#define FAILED_PAUSE_MS  10
#define QUEUED_TICK_MS   1   /* between ticks while a connection is queued */
#define IDLE_TICK_MS_MAX 100 /* between ticks otherwise: how late a timeout may be noticed */
#define PROGRESS_US      1000000

struct loop {
    struct load *load;
    struct load_connection *connections;
    int64_t count;
    int64_t next_tick_ms;
    int64_t end_ms;           /* CLOCK_NEVER: no limit */
    int64_t next_progress_us; /* INT64_MAX: nobody watches */
    bool stopped;             /* load->stopping has been acted on */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void settle(struct loop *loop, struct load_connection *c, enum outcome outcome);

/* The next attempt of a connection that has none. */
static void start(struct loop *loop, struct load_connection *c)
{
    if (!load_take(loop->load)) {
        load_connection_close(c);
        c->state = LOAD_CONNECTION_IDLE;
        return;
    }
    loop->load->report.attempted++;
    settle(loop, c, load_connection_begin(loop->load, c));
    if (c->state == LOAD_CONNECTION_QUEUED)
        loop->next_tick_ms = 0;
}

static void rest(struct loop *loop, struct load_connection *c, int64_t pause_ms)
{
    if (pause_ms == 0)
        return;
    c->state = LOAD_CONNECTION_PAUSED;
    c->deadline_ms = clock_now_ms() + pause_ms;
    loop->next_tick_ms = clock_earlier(loop->next_tick_ms, c->deadline_ms);
}

/* Account for the end of an attempt. */
static void settle(struct loop *loop, struct load_connection *c, enum outcome outcome)
{
    struct load *load = loop->load;
    if (outcome == OUTCOME_PENDING)
        return;
    int64_t now_us = clock_now_us();
    load_report_count(&load->report, outcome, now_us);
    if (outcome == OUTCOME_SERVED && load->plan->mode != LOAD_STREAM)
        histogram_add(&load->report.latencies, (uint64_t)(now_us - c->begun_us));
    c->state = LOAD_CONNECTION_IDLE;
    if (outcome == OUTCOME_SERVED && load->plan->mode == LOAD_BURST)
        load_connection_hold(load, c);
    else if (outcome != OUTCOME_SERVED || load->plan->mode != LOAD_ROUNDTRIP)
        load_connection_close(c);
    rest(loop, c, outcome == OUTCOME_SERVED ? load->plan->pause_ms : FAILED_PAUSE_MS);
}

/* What time has brought about for one connection. Returns when it wants to be looked at again. */
static int64_t tick_one(struct loop *loop, struct load_connection *c, int64_t now_ms)
{
    bool due = now_ms >= c->deadline_ms;
    if (c->state == LOAD_CONNECTION_PAUSED && due)
        start(loop, c);
    else if ((c->state == LOAD_CONNECTION_ACTIVE || c->state == LOAD_CONNECTION_QUEUED) && due)
        settle(loop, c, OUTCOME_TIMEOUT);
    else if (c->state == LOAD_CONNECTION_QUEUED)
        settle(loop, c, load_connection_dial(loop->load, c));
    if (c->state == LOAD_CONNECTION_QUEUED)
        return now_ms + QUEUED_TICK_MS;
    return c->state == LOAD_CONNECTION_PAUSED ? c->deadline_ms : CLOCK_NEVER;
}

static int64_t idle_tick_ms(const struct loop *loop)
{
    int64_t tenth_ms = loop->load->plan->timeout_ms / 10;
    return tenth_ms < 1 ? 1 : tenth_ms > IDLE_TICK_MS_MAX ? IDLE_TICK_MS_MAX : tenth_ms;
}

static void tick(struct loop *loop, int64_t now_ms)
{
    int64_t next_ms = now_ms + idle_tick_ms(loop);
    if (now_ms >= loop->end_ms || interrupted)
        loop->load->stopping = true;
    else
        next_ms = clock_earlier(next_ms, loop->end_ms);
    for (int64_t i = 0; i < loop->count; i++)
        next_ms = clock_earlier(next_ms, tick_one(loop, &loop->connections[i], now_ms));
    loop->next_tick_ms = next_ms;
    if (clock_now_us() >= loop->next_progress_us) {
        load_report_progress(&loop->load->report, clock_now_us(), stderr);
        loop->next_progress_us += PROGRESS_US;
    }
}

/* Nothing more is begun from here on. Streams may be complete as they stand. */
static void wind_down(struct loop *loop)
{
    struct load *load = loop->load;
    loop->stopped = true;
    load->report.stopped_us = clock_now_us();
    for (int64_t i = 0; i < loop->count && load->plan->mode == LOAD_STREAM; i++)
        if (loop->connections[i].state == LOAD_CONNECTION_ACTIVE)
            settle(loop, &loop->connections[i],
                   load_connection_advance(load, &loop->connections[i], 0));
}

/* First whatever ends, then the new attempts: handing the server its work in batches spares some of
 * the wake-ups across processors, the dearest part of a connection (5 % more of them per second).
 */
static void wait_for_events(struct loop *loop)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now_ms = clock_now_ms();
    int64_t wait_ms = loop->next_tick_ms > now_ms ? loop->next_tick_ms - now_ms : 0;
    int n = epoll_wait(loop->load->epoll_fd, events, EVENTS_MAX, (int)wait_ms);
    for (int i = 0; i < n; i++) {
        struct load_connection *c = events[i].data.ptr;
        settle(loop, c, load_connection_advance(loop->load, c, events[i].events));
    }
    for (int i = 0; i < n && loop->load->plan->mode != LOAD_BURST; i++) {
        struct load_connection *c = events[i].data.ptr;
        if (c->state == LOAD_CONNECTION_IDLE)
            start(loop, c);
    }
}

/* All at once, or evenly over ramp_ms. */
static void begin(struct loop *loop)
{
    int64_t ramp_ms = loop->load->plan->ramp_ms;
    for (int64_t i = 0; i < loop->count; i++)
        if (ramp_ms == 0)
            start(loop, &loop->connections[i]);
        else
            rest(loop, &loop->connections[i], 1 + i * ramp_ms / loop->count);
}

static void run(struct loop *loop)
{
    struct load_report *report = &loop->load->report;
    begin(loop);
    for (;;) {
        if (loop->load->stopping && !loop->stopped)
            wind_down(loop);
        if (loop->stopped && load_report_pending(report) == 0)
            break;
        wait_for_events(loop);
        int64_t now_ms = clock_now_ms();
        if (now_ms >= loop->next_tick_ms || interrupted)
            tick(loop, now_ms);
    }
    assert(load_report_pending(report) == 0);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int load_loop(struct load *load)
{
    struct loop loop = {.load = load, .count = load->plan->concurrency};
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll_fd < 0)
        return -1;
    catch_signals();
    loop.connections = memory_zeroed((size_t)loop.count, sizeof *loop.connections);
    for (int64_t i = 0; i < loop.count; i++)
        load_connection_init(load, &loop.connections[i], (uint32_t)i);
    load->report.started_us = clock_now_us();
    loop.end_ms = clock_deadline(clock_now_ms(), load->plan->duration_ms);
    loop.next_progress_us =
        isatty(STDERR_FILENO) ? load->report.started_us + PROGRESS_US : INT64_MAX;
    run(&loop);
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    for (int64_t i = 0; i < loop.count; i++)
        load_connection_close(&loop.connections[i]);
    free(loop.connections);
    close(load->epoll_fd);
    return 0;
}
