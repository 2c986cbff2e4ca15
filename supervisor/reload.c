/* SPDX-License-Identifier: MIT
 *
 * reload - see reload.h.
 */
#include "supervisor/reload.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log_sink.h"
#include "supervisor/service_manager.h"
#include "supervisor/services.h"

static const struct config_service *next_of(const struct reload *r, const struct service *service)
{
    return config_find(r->next, service->name);
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

/* IDLE again; who asked meanwhile gets a reload of their own. */
static void conclude(struct supervisor *s, const char *problem)
{
    reload_plan_release(&s->reload.plan);
    fds_close(&s->reload.log);
    s->reload.next = NULL;
    s->reload.state = RELOAD_IDLE;
    service_manager_reloaded(problem);
    control_answer_waiting(&s->control, CONTROL_WAIT_RELOAD, problem);
    reload_resume(s);
}

static void log_refusal(const char *problem)
{
    struct log_line line;
    log_begin(&line, LOG_LEVEL_ERROR, "reload failed, nothing changed");
    log_text(&line, "reason", problem);
    log_end(&line);
}

/* Take back pools and sockets that only the new configuration wants. */
static void roll_back(struct supervisor *s, const char *problem)
{
    int64_t now = clock_now_ms();
    for (size_t i = s->service_count; i-- > 0;) {
        struct service *service = s->services[i];
        if (service->reloading && service->coming) {
            pool_process_drain(service->coming, now); /* it waits at the gate, and leaves */
            service->coming = NULL;
        }
        service->reloading = false;
        if (!config_find(s->config, service->name))
            services_drop(s, service);
        else if (!service->current && !service->coming && service->retry_ms == CLOCK_NEVER)
            service->retry_ms = now; /* it lost its pool while the new one was being prepared */
    }
    if (s->phase != SUPERVISOR_STOPPING)
        listener_sweep(&s->listeners, s->config);
    config_release(s->reload.next);
    if (s->phase == SUPERVISOR_STOPPING)
        log_info("the reload is abandoned");
    else
        log_refusal(problem);
    conclude(s, problem);
}

/* The log of the new configuration, where it is another one: its pools start with it already. */
static int open_log(struct supervisor *s, struct error *error)
{
    const char *before = s->config->log.file, *after = s->reload.next->log.file;
    if (!after || (before && strcmp(before, after) == 0))
        return 0;
    s->reload.log = log_sink_open_file(after, error);
    return s->reload.log < 0 ? -1 : 0;
}

static void use_log_settings(struct supervisor *s)
{
    log_configure((enum log_level)s->config->log.level, (enum log_format)s->config->log.format);
    if (s->reload.log >= 0)
        log_sink_switch(s->reload.log);
}

/* From here on the new configuration is the one in force. */
static void commit(struct supervisor *s)
{
    struct config *before = s->config;
    int64_t now = clock_now_ms();
    s->config = s->reload.next;
    s->generation++;
    for (size_t i = s->service_count; i-- > 0;) {
        struct service *service = s->services[i];
        const struct config_service *config = next_of(&s->reload, service);
        if (!config) {
            services_drop(s, service);
            continue;
        }
        if (service->reloading)
            service->workers = 0; /* the file's number counts again */
        service->config = config;
        if (service->reloading)
            service_promote(service, now);
    }
    listener_sweep(&s->listeners, s->config);
    use_log_settings(s);
    config_release(before);
    log_done(s);
    conclude(s, NULL);
}

void reload_pool_ready(struct supervisor *s)
{
    for (size_t i = 0; i < s->service_count; i++)
        if (s->services[i]->reloading && !s->services[i]->coming->ready)
            return;
    commit(s);
}

void reload_pool_failed(struct supervisor *s, const struct service *service, const char *why)
{
    struct error error;
    error_set(&error, EXIT_CODE_FAILURE, "service %s: %s", service->name, why);
    roll_back(s, error.text);
}

void reload_abandon(struct supervisor *s)
{
    if (s->reload.state == RELOAD_PREPARING)
        roll_back(s, "preforkd is stopping");
    control_advance_waiting(&s->control);
    control_answer_waiting(&s->control, CONTROL_WAIT_RELOAD, "preforkd is stopping");
}

/* A pool that was being started with the old configuration makes way. */
static int start_next_pool(struct supervisor *s, struct service *service, struct error *error)
{
    if (service->coming) {
        pool_process_drain(service->coming, clock_now_ms());
        service->coming = NULL;
    }
    if (services_start_pool(s, service, s->reload.next, next_of(&s->reload, service), error) < 0)
        return -1;
    service->reloading = true;
    return 0;
}

/* Bind everything first: a taken port must not cost a single started pool. */
static int prepare(struct supervisor *s, struct error *error)
{
    const struct config *next = s->reload.next;
    if (services_check_limits(next, error) < 0 || open_log(s, error) < 0 ||
        listener_open_all(&s->listeners, next, error) < 0)
        return -1;
    services_add(s, next);
    for (size_t i = 0; i < next->service_count; i++)
        if (s->reload.plan.actions[i] != RELOAD_KEEP &&
            start_next_pool(s, services_find(s, next->services[i].name), error) < 0)
            return -1;
    return 0;
}

static int read_file(struct supervisor *s, struct error *error)
{
    struct buffer errors = {0};
    s->reload.next = config_load(s->config->file, &errors);
    if (!s->reload.next) {
        while (errors.length > 0 && errors.data[errors.length - 1] == '\n')
            errors.data[--errors.length] = '\0';
        error_set(error, EXIT_CODE_CONFIG, "%s", buffer_text(&errors));
    }
    buffer_release(&errors);
    return s->reload.next ? 0 : -1;
}

static void refuse(struct supervisor *s, const char *problem)
{
    config_release(s->reload.next);
    log_refusal(problem);
    conclude(s, problem);
}

static void force_restarts(struct supervisor *s)
{
    const struct config *next = s->reload.next;
    for (size_t i = 0; i < next->service_count; i++) {
        struct service *service = services_find(s, next->services[i].name);
        if (service && service->restart)
            reload_plan_force(&s->reload.plan, i);
    }
    for (size_t i = 0; i < s->service_count; i++)
        s->services[i]->restart = false;
}

static void begin(struct supervisor *s)
{
    struct error error;
    service_manager_reloading(s);
    log_info("reloading %s", s->config->file);
    s->reload.began_ms = clock_now_ms();
    if (s->options->listen) {
        refuse(s, "there is no file to reload: everything was given on the command line");
    } else if (read_file(s, &error) < 0 ||
               reload_plan_make(&s->reload.plan, s->config, s->reload.next, &error) < 0) {
        refuse(s, error.text);
    } else {
        s->reload.state = RELOAD_PREPARING;
        force_restarts(s);
        if (prepare(s, &error) < 0)
            roll_back(s, error.text);
        else if (s->reload.plan.added + s->reload.plan.changed == 0)
            commit(s);
    }
}

void reload_resume(struct supervisor *s)
{
    if (!s->reload.again || s->phase != SUPERVISOR_RUNNING)
        return;
    s->reload.again = false;
    control_advance_waiting(&s->control);
    begin(s);
}

void reload_request(struct supervisor *s)
{
    if (s->reload.state == RELOAD_PREPARING || s->phase == SUPERVISOR_STARTING)
        s->reload.again = true;
    else if (s->phase == SUPERVISOR_RUNNING)
        begin(s);
    else
        control_answer_waiting(&s->control, CONTROL_WAIT_RELOAD, "preforkd is stopping");
}
