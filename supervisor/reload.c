/* SPDX-License-Identifier: MIT
 *
 * reload - see reload.h.
 */
#include "supervisor/reload.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log_sink.h"
#include "lib/memory.h"
#include "supervisor/service_manager.h"
#include "supervisor/services.h"

struct core_row *reload_rows(const struct supervisor *s, const struct config *config)
{
    struct core_row *rows = memory_zeroed(config->service_count + 1, sizeof *rows);
    for (size_t i = 0; i < config->service_count; i++)
        rows[i] = (struct core_row){.service = services_find(s, config->services[i].name)->number,
                                    .changed = true,
                                    .settings = service_settings(&config->services[i])};
    return rows;
}

static void report(struct supervisor *s, enum core_event_type type, const char *problem)
{
    dispatch_event(s, (struct core_event){.type = type, .well = problem == NULL, .why = problem});
}

/* Reading. */

/* A service that was told to restart is counted as changed by the core alone. */
static void make_rows(struct supervisor *s)
{
    struct reload *r = &s->reload;
    services_add(s, r->next);
    r->rows = reload_rows(s, r->next);
    for (size_t i = 0; i < r->next->service_count; i++) {
        if (core_service_restarts(&s->core, r->rows[i].service))
            reload_plan_force(&r->plan, i);
        r->rows[i].changed = r->plan.actions[i] != RELOAD_KEEP;
    }
}

static void on_read(void *owner, struct config *config, const char *problem)
{
    struct supervisor *s = owner;
    struct error error;
    s->reload.next = config;
    if (!config) {
        report(s, CORE_ON_READ, problem);
    } else if (reload_plan_make(&s->reload.plan, s->config, config, &error) < 0) {
        report(s, CORE_ON_READ, error.text);
    } else {
        make_rows(s);
        dispatch_event(s, (struct core_event){.type = CORE_ON_READ,
                                              .well = true,
                                              .rows = s->reload.rows,
                                              .row_count = config->service_count});
    }
}

void reload_request(struct supervisor *s)
{
    for (size_t i = 0; i < s->service_count; i++)
        s->services[i]->scaled = false;
    dispatch_event(s, (struct core_event){.type = CORE_ON_RELOAD});
}

/* An upgrade replaces all pools with those of the new binary, also where there is no file. */
static void read_again(struct supervisor *s)
{
    struct buffer text = {0}, errors = {0};
    config_print_resolved(s->config, &text);
    struct config *same = config_load_resolved(buffer_text(&text), s->config->file, &errors);
    buffer_release(&text);
    on_read(s, same, buffer_text(&errors));
    buffer_release(&errors);
}

void reload_read(struct supervisor *s, const struct core_action *action)
{
    struct error error;
    (void)action;
    service_manager_reloading(s);
    log_info("reloading %s", s->config->file);
    s->reload.began_ms = clock_now_ms();
    if (s->options->listen && s->core.upgrading)
        read_again(s);
    else if (s->options->listen)
        report(s, CORE_ON_READ, RELOAD_NO_FILE);
    else if (reading_begin(&s->reload.reading, s->config->file, s->reload.began_ms, &error) < 0)
        report(s, CORE_ON_READ, error.text);
}

/* Binding: everything, before the first pool is started: a taken port must not cost a single one.
 */

const char *reload_new_log(const struct config *now, const struct config *next)
{
    const char *before = now->log.file, *after = next->log.file;
    return after && before && strcmp(before, after) == 0 ? NULL : after;
}

/* The pools of the new configuration start with its log already. */
static int open_log(struct supervisor *s, struct error *error)
{
    const char *file = reload_new_log(s->config, s->reload.next);
    if (!file)
        return 0;
    s->reload.log = log_sink_open_file(file, error);
    return s->reload.log < 0 ? -1 : 0;
}

void reload_bind(struct supervisor *s, const struct core_action *action)
{
    struct error error;
    const struct config *next = s->reload.next;
    (void)action;
    bool bound = services_check_limits(next, &error) == 0 && open_log(s, &error) == 0 &&
                 listener_open_all(&s->listeners, next, &error) == 0;
    report(s, CORE_ON_BOUND, bound ? NULL : error.text);
}

/* The end, this way or that. */

static void forget(struct reload *r)
{
    reload_plan_release(&r->plan);
    free(r->rows);
    r->rows = NULL;
    fds_close(&r->log);
    config_release(r->before);
    r->next = r->before = NULL;
}

void reload_commit(struct supervisor *s, const struct core_action *action)
{
    (void)action;
    s->reload.before = s->config;
    s->config = s->reload.next;
    s->generation++;
    for (size_t i = 0; i < s->config->service_count; i++)
        services_find(s, s->config->services[i].name)->config = &s->config->services[i];
}

static void use_log_settings(struct supervisor *s)
{
    log_configure((enum log_level)s->config->log.level, (enum log_format)s->config->log.format);
    if (s->reload.log >= 0)
        log_sink_switch(s->reload.log);
}

static void log_done(const struct supervisor *s)
{
    struct log_line line;
    const struct reload_plan *plan = &s->reload.plan;
    log_begin(&line, LOG_LEVEL_INFO, "reload done");
    log_int(&line, "generation", s->generation);
    log_int(&line, "added", (int64_t)plan->added);
    log_int(&line, "changed", (int64_t)plan->changed);
    log_int(&line, "removed", (int64_t)plan->removed);
    log_int(&line, "kept", (int64_t)plan->kept);
    log_seconds(&line, "after_s", (clock_now_ms() - s->reload.began_ms) * 1000);
    log_end(&line);
}

void reload_committed(struct supervisor *s, const struct core_action *action)
{
    (void)action;
    listener_sweep(&s->listeners, s->config);
    use_log_settings(s);
    services_tell_automatic(s->config);
    log_done(s);
    forget(&s->reload);
}

void reload_roll_back(struct supervisor *s, const struct core_action *action)
{
    struct log_line line;
    reading_cancel(&s->reload.reading);
    listener_sweep(&s->listeners, s->config);
    config_release(s->reload.next);
    forget(&s->reload);
    if (s->stopping) {
        log_info("the reload is abandoned");
        return;
    }
    log_begin(&line, LOG_LEVEL_ERROR, "reload failed, nothing changed");
    log_text(&line, "reason", action->why);
    log_end(&line);
}

void reload_waits(struct supervisor *s, const struct core_action *action)
{
    const struct pool_process *pool = services_find_pool(s, action->pool);
    log_info("the reload waits for pool %d of %s, an older one, which still finishes what it has "
             "in hand",
             (int)pool->child.pid, pool->name);
}

void reload_init(struct supervisor *s)
{
    s->reload.log = -1;
    reading_init(&s->reload.reading, &s->loop, on_read, s);
}

void reload_release(struct supervisor *s)
{
    reading_release(&s->reload.reading);
}
