/* SPDX-License-Identifier: MIT
 *
 * dry_run - see dry_run.h.
 */
#include "supervisor/dry_run.h"

#include "lib/clock.h"
#include "lib/log_sink.h"
#include "supervisor/listener_try.h"
#include "supervisor/reload_report.h"
#include "supervisor/services.h"

#include <unistd.h>

static void begin(struct supervisor *s);

static void conclude(struct supervisor *s, json_t *report, const char *problem)
{
    s->dry_run.going = false;
    if (report)
        control_answer_all(&s->control, CONTROL_WAIT_DRY_RUN, report);
    else
        control_answer_waiting(&s->control, CONTROL_WAIT_DRY_RUN, problem);
    if (s->dry_run.again)
        begin(s);
}

/* A file that is made for the attempt goes again. */
static int try_log(const char *file, struct error *error)
{
    bool is_there = access(file, F_OK) == 0;
    int fd = log_sink_open_file(file, error);
    if (fd < 0)
        return -1;
    if (!is_there)
        unlink(file);
    close(fd);
    return 0;
}

static int examine(struct supervisor *s, const struct config *next, struct reload_plan *plan,
                   struct error *error)
{
    const char *log = reload_new_log(s->config, next);
    if (reload_plan_make(plan, s->config, next, error) < 0 ||
        services_check_limits(next, error) < 0 || (log && try_log(log, error) < 0))
        return -1;
    return listener_try(&s->listeners, next, error);
}

static void on_read(void *owner, struct config *next, const char *problem)
{
    struct supervisor *s = owner;
    struct reload_plan plan = {0};
    struct error error;
    json_t *report = NULL;
    if (next && examine(s, next, &plan, &error) == 0)
        report = reload_report(&plan, s->config, next);
    else if (next)
        problem = error.text;
    reload_plan_release(&plan);
    config_release(next);
    conclude(s, report, problem);
}

static void begin(struct supervisor *s)
{
    struct error error;
    control_advance_waiting(&s->control, CONTROL_WAIT_NEXT_DRY_RUN, CONTROL_WAIT_DRY_RUN);
    s->dry_run.again = false;
    s->dry_run.going = true;
    if (s->options->listen)
        conclude(s, NULL, RELOAD_NO_FILE);
    else if (reading_begin(&s->dry_run.reading, s->config->file, clock_now_ms(), &error) < 0)
        conclude(s, NULL, error.text);
}

void dry_run_init(struct supervisor *s)
{
    reading_init(&s->dry_run.reading, &s->loop, on_read, s);
}

void dry_run_release(struct supervisor *s)
{
    reading_release(&s->dry_run.reading);
}

void dry_run_request(struct supervisor *s)
{
    if (s->dry_run.going)
        s->dry_run.again = true;
    else
        begin(s);
}

void dry_run_abandon(struct supervisor *s, const char *why)
{
    reading_cancel(&s->dry_run.reading);
    s->dry_run.again = s->dry_run.going = false;
    control_advance_waiting(&s->control, CONTROL_WAIT_NEXT_DRY_RUN, CONTROL_WAIT_DRY_RUN);
    control_answer_waiting(&s->control, CONTROL_WAIT_DRY_RUN, why);
}
