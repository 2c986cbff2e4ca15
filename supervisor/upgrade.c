/* SPDX-License-Identifier: MIT
 *
 * upgrade - see upgrade.h.
 */
#include "supervisor/upgrade.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/memory.h"
#include "supervisor/service_manager.h"
#include "supervisor/supervisor.h"
#include "supervisor/upgrade_exec.h"
#include "supervisor/upgrade_memfd.h"
#include "supervisor/upgrade_save.h"

#include <fcntl.h>
#include <unistd.h>

/* The new binary has that long for its answer, and each plugin that it asks, one after another, as
 * long as it may take for its start. */
#define ANSWER_LIMIT_MS 10000
/* What one that was killed has left has that long between TERM and KILL. */
#define LEFT_KILL_MS 1000

static void report(struct supervisor *s, enum core_event_type type, const char *problem)
{
    dispatch_event(s, (struct core_event){.type = type, .well = problem == NULL, .why = problem});
}

/* Asking. */

/* What it has started to ask handlers, and they, is nobody else's then. */
static void on_probe_ended(void *owner, const char *version, const char *reason, bool killed)
{
    struct supervisor *s = owner;
    struct log_line line;
    if (killed)
        orphans_pool_died(&s->orphans, 0, LEFT_KILL_MS, clock_now_ms());
    if (!version) {
        if (reason)
            report(s, CORE_ON_CHECKED, reason);
        return;
    }
    log_begin(&line, LOG_LEVEL_INFO, "upgrading");
    log_text(&line, "program", s->upgrade.path);
    log_text(&line, "from", PREFORKD_VERSION);
    log_text(&line, "to", version);
    log_end(&line);
    report(s, CORE_ON_CHECKED, NULL);
}

static int64_t answer_limit(const struct config *config)
{
    int64_t limit = ANSWER_LIMIT_MS;
    for (size_t i = 0; i < config->service_count; i++)
        if (config->services[i].kind == CONFIG_PLUGIN)
            limit += config->services[i].start_timeout;
    return limit;
}

/* Opened anew each time: what is there now, not what was. */
static int start_probe(struct supervisor *s, struct error *error)
{
    struct upgrade *u = &s->upgrade;
    u->program = open(u->path, O_PATH | O_CLOEXEC);
    if (u->program < 0)
        return error_set_errno(error, EXIT_CODE_FAILURE, "cannot open %s", u->path);
    struct upgrade_state *state = upgrade_save(s);
    int memfd = upgrade_memfd_create(state, error);
    upgrade_state_free(state);
    if (memfd < 0)
        return -1;
    int status = upgrade_probe_start(&u->probe, u->program, memfd, s->options->arguments,
                                     answer_limit(s->config), error);
    close(memfd);
    return status;
}

void upgrade_check(struct supervisor *s, const struct core_action *action)
{
    struct error error;
    (void)action;
    control_advance_waiting(&s->control, CONTROL_WAIT_NEXT_UPGRADE, CONTROL_WAIT_UPGRADE);
    log_info("checking %s for an upgrade", s->upgrade.path);
    s->upgrade.began_ms = clock_now_ms();
    if (start_probe(s, &error) < 0)
        report(s, CORE_ON_CHECKED, error.text);
}

/* The end, this way or that. */

static void log_failed(const struct supervisor *s, const char *why)
{
    struct log_line line;
    log_begin(&line, LOG_LEVEL_ERROR, "upgrade failed, nothing changed");
    log_text(&line, "program", s->upgrade.path);
    log_text(&line, "reason", why);
    log_end(&line);
}

static void log_done(const struct supervisor *s)
{
    struct log_line line;
    log_begin(&line, LOG_LEVEL_INFO, "upgrade done");
    log_text(&line, "from", s->upgrade.from);
    log_text(&line, "to", PREFORKD_VERSION);
    log_seconds(&line, "after_s", (clock_now_ms() - s->upgrade.began_ms) * 1000);
    log_end(&line);
}

static void fail(struct supervisor *s, const char *why)
{
    struct error error;
    const char *from = s->upgrade.from;
    if (s->stopping)
        control_advance_waiting(&s->control, CONTROL_WAIT_NEXT_UPGRADE, CONTROL_WAIT_UPGRADE);
    else if (!from)
        log_failed(s, why);
    else {
        error_set(&error, EXIT_CODE_FAILURE,
                  "version %s runs, and the pools of version %s serve on below it, for new ones "
                  "were refused: %.2048s",
                  PREFORKD_VERSION, from, why);
        log_error("%s", error.text);
        why = error.text;
    }
    control_answer_waiting(&s->control, CONTROL_WAIT_UPGRADE, why);
}

void upgrade_conclude(struct supervisor *s, const char *why)
{
    struct upgrade *u = &s->upgrade;
    upgrade_probe_abandon(&u->probe);
    fds_close(&u->program);
    u->accepted = false;
    if (u->from)
        service_manager_reloaded(why);
    if (why)
        fail(s, why);
    else {
        log_done(s);
        control_answer_all(&s->control, CONTROL_WAIT_UPGRADE,
                           json_pack("{s:s, s:s}", "from", u->from, "to", PREFORKD_VERSION));
    }
    free(u->from);
    u->from = NULL;
}

/* Executing. */

/* Between two turns: what the core has decided meanwhile is done, and nothing is half done. */
void upgrade_execute(struct supervisor *s, const struct core_action *action)
{
    (void)action;
    s->upgrade.accepted = true;
}

static void execute(struct supervisor *s)
{
    struct error error;
    dry_run_abandon(s, "preforkd is being upgraded: ask again");
    struct upgrade_state *state = upgrade_save(s);
    s->upgrade.accepted = false;
    upgrade_exec(state, s->upgrade.program, s->options->arguments, &error);
    upgrade_state_free(state);
    report(s, CORE_ON_EXECUTE_FAILED, error.text);
}

int64_t upgrade_turn(struct supervisor *s, int64_t now_ms)
{
    if (s->upgrade.accepted)
        execute(s);
    return upgrade_probe_check(&s->upgrade.probe, now_ms);
}

/* The process before, and the one after. */

void upgrade_init(struct supervisor *s, const struct upgrade_state *state)
{
    struct upgrade *u = &s->upgrade;
    upgrade_probe_init(&u->probe, &s->loop, on_probe_ended, s);
    u->program = -1;
    if (!state) {
        u->path = memory_string(s->options->program);
        return;
    }
    u->path = memory_string(state->daemon.program ? state->daemon.program : "");
    u->from = memory_string(state->daemon.version ? state->daemon.version : "?");
    u->reload = state->daemon.reload;
    u->began_ms = clock_earlier(state->daemon.began_ms, clock_now_ms());
}

void upgrade_resume(struct supervisor *s)
{
    if (!s->upgrade.from)
        return;
    dispatch_resume_upgrade(s);
    if (s->upgrade.reload)
        reload_request(s);
}

void upgrade_release(struct supervisor *s)
{
    if (s->upgrade.probe.loop)
        upgrade_probe_release(&s->upgrade.probe);
    fds_close(&s->upgrade.program);
    free(s->upgrade.path);
    free(s->upgrade.from);
}
