/* SPDX-License-Identifier: MIT
 *
 * stop - see stop.h.
 */
#include "supervisor/stop.h"

#include "lib/clock.h"
#include "supervisor/daemonise.h"
#include "supervisor/listener_last_call.h"
#include "supervisor/services.h"

#include <unistd.h>

#define LOOK_MS 10 /* between two looks at a queue */
/* A queue counts as empty when all looks for so long found it so: a round trip of most clients, so
 * that whoever was about to complete the handshake has got in by then. */
#define QUIET_MS 50
/* What process 1 leaves those who are not ours between TERM and KILL. */
#define FOREIGN_KILL_MS 5000

void stop_begin(struct supervisor *s, const struct core_action *action)
{
    if (s->stopping) {
        log_info("stopping now");
    } else {
        s->stopping = true;
        if (!s->ready && s->outcome.code == EXIT_CODE_OK)
            daemonise_report(EXIT_CODE_UNAVAILABLE, "stopped before every service was ready");
        log_info("stopping%s", action->next ? " now" : ", finishing the connections in hand");
        dry_run_abandon(s, "preforkd is stopping");
    }
    if (getpid() == 1)
        orphans_take_foreign(&s->orphans, FOREIGN_KILL_MS, clock_now_ms());
    if (action->next)
        orphans_stop(&s->orphans, clock_now_ms());
}

void stop_last_call(struct supervisor *s, const struct core_action *action)
{
    struct service *service = services_find_number(s, action->service);
    service->look_ms = service->quiet_ms = clock_now_ms();
    listener_last_call(&s->listeners, service->config);
}

void stop_close(struct supervisor *s, const struct core_action *action)
{
    listener_close(&s->listeners, services_find_number(s, action->service)->config);
}

static int64_t look(struct supervisor *s, struct service *service, int64_t now_ms)
{
    if (now_ms < service->look_ms)
        return service->look_ms;
    service->look_ms = now_ms + LOOK_MS;
    if (!listener_last_call_is_empty(&s->listeners, service->config))
        service->quiet_ms = now_ms;
    if (now_ms >= service->quiet_ms + QUIET_MS)
        dispatch_event(
            s, (struct core_event){.type = CORE_ON_QUEUE_EMPTY, .service = service->number});
    return service->look_ms;
}

int64_t stop_check(struct supervisor *s, int64_t now_ms)
{
    int64_t next = CLOCK_NEVER;
    for (size_t i = 0; s->stopping && i < s->service_count; i++)
        if (core_service_find(&s->core, s->services[i]->number)->last_call)
            next = clock_earlier(next, look(s, s->services[i], now_ms));
    return next;
}
