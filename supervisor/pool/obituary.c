/* SPDX-License-Identifier: MIT
 *
 * obituary - see obituary.h.
 */
#include "supervisor/pool/obituary.h"

#include "lib/log.h"
#include "lib/signals.h"

char *obituary_cause(const struct child_end *end, char text[static OBITUARY_CAUSE_MAX])
{
    char name[SIGNALS_NAME_MAX];
    if (end->signalled)
        snprintf(text, OBITUARY_CAUSE_MAX, "signal %s%s", signals_name(end->number, name),
                 end->core ? " (core dumped)" : "");
    else
        snprintf(text, OBITUARY_CAUSE_MAX, "status %d", end->number);
    return text;
}

void obituary_write(const struct obituary *o)
{
    struct log_line line;
    enum log_level level = o->expected ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;
    if (!log_enabled(level))
        return; /* with fresh workers they come by the thousand */
    log_begin(&line, level, o->expected ? "worker left" : "worker died");
    log_int(&line, "slot", o->slot);
    log_int(&line, "worker_pid", o->pid);
    log_seconds(&line, "age_s", o->age_ms * 1000);
    log_int(&line, "connections", (int64_t)o->connections);
    log_text(&line, "peer", o->peer);
    if (o->said && o->said[0] != '\0')
        log_text(&line, "said", o->said);
    child_log_end(&line, &o->end);
    log_text(&line, "next", o->next);
    log_end(&line);
}
