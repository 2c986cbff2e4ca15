/* SPDX-License-Identifier: MIT
 *
 * signal_events - see signal_events.h.
 */
#include "supervisor/signal_events.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/signals.h"
#include "supervisor/reopening.h"
#include "supervisor/services.h"

static void scale_all(struct supervisor *s, int64_t by)
{
    struct error error = {.text = "no service has a fixed number of workers"};
    if (services_scale(s, NULL, by, true, &error) == 0)
        log_warning("%s", error.text);
}

static void request(struct supervisor *s, enum core_event_type type)
{
    dispatch_event(s, (struct core_event){.type = type});
}

static void take(struct supervisor *s, int number)
{
    struct error error;
    switch (number) {
    case SIGHUP:
        reload_request(s);
        break;
    case SIGTERM:
    case SIGQUIT:
        request(s, CORE_ON_STOP);
        break;
    case SIGINT:
        request(s, CORE_ON_STOP_NOW);
        break;
    case SIGUSR1:
        if (reopening_begin(s, &error) < 0)
            log_warning("%s", error.text);
        break;
    case SIGUSR2:
        request(s, CORE_ON_UPGRADE);
        break;
    case SIGTTIN:
        scale_all(s, 1);
        break;
    case SIGTTOU:
        scale_all(s, -1);
        break;
    case SIGCHLD: /* pools are watched by pidfd; this may be somebody else */
        orphans_look(&s->orphans, clock_now_ms());
        break;
    default:
        break;
    }
}

void signal_events_read(struct loop_source *source, uint32_t events)
{
    int number;
    (void)events;
    while ((number = signals_next(source->fd)) != 0)
        take(source->owner, number);
}
