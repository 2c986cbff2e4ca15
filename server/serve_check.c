/* SPDX-License-Identifier: MIT
 *
 * serve_check - see serve_check.h.
 */
#include "server/serve_check.h"

/* What a program that is handed datagrams (inetd's "wait") needs; NULL: nothing. */
static const char *missing_to_wait(const struct serve *s)
{
    const struct config_service *service = s->plan->service;
    if (s->plan->listener_count > 1)
        return "has one address; make it two services";
    if (config_most_workers(service) > 1)
        return "reads them all; write workers = 1; max_workers = 1;";
    if (service->program.warm != WARM_OFF)
        return "cannot be started warm";
    return NULL;
}

static int refuse(const struct serve *s, int listener, const char *subject, const char *reason,
                  struct error *error)
{
    return error_set(error, EXIT_CODE_CONFIG, "%s: %s %s (%s)", s->plan->service->handler_place,
                     subject, reason, s->listeners[listener]);
}

static int check_datagrams(const struct serve *s, int listener, struct error *error)
{
    if (s->gate.required)
        return refuse(s, listener, "PROXY headers", "are for connections, not for datagrams",
                      error);
    if (s->handler && !s->handler->datagram)
        return refuse(s, listener, s->handler->name, "takes no datagrams", error);
    const char *reason = s->plan->service->kind == CONFIG_EXEC ? missing_to_wait(s) : NULL;
    if (reason)
        return refuse(s, listener, "a program that is handed datagrams", reason, error);
    return 0;
}

int serve_check(const struct serve *s, struct error *error)
{
    for (int i = 0; i < s->plan->listener_count; i++) {
        if (s->datagram[i] && check_datagrams(s, i, error) < 0)
            return -1;
        if (!s->datagram[i] && s->handler && !s->handler->handle)
            return refuse(s, i, s->handler->name, "takes no connections", error);
    }
    return 0;
}
