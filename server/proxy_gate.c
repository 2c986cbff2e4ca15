/* SPDX-License-Identifier: MIT
 *
 * proxy_gate - see proxy_gate.h.
 */
#include "server/proxy_gate.h"

#include "lib/log.h"
#include "lib/memory.h"

#include <assert.h>
#include <string.h>

/* How long a header is waited for. A handler's connection is ended by the pool's word when it is
 * older than its limits allow; the worker of a program has to look at them itself. */
static int64_t patience_ms(const struct config_service *service)
{
    const int64_t limits[] = {service->idle_timeout, service->max_lifetime};
    int64_t ms = service->proxy_timeout;
    for (int i = 0; config_is_program(service) && i < 2; i++)
        if (limits[i] > 0 && limits[i] < ms)
            ms = limits[i];
    return ms;
}

void proxy_gate_init(struct proxy_gate *gate, const struct config_service *service)
{
    struct error ignored;
    const struct config_list *words = &service->proxy_trusted;
    struct cidr *trusted = memory_zeroed(words->count + 1, sizeof *trusted);
    for (size_t i = 0; i < words->count; i++) {
        int status = cidr_parse(words->words[i], &trusted[i], &ignored);
        assert(status == 0); /* the configuration has been checked */
        (void)status;
    }
    *gate = (struct proxy_gate){.required = service->proxy_protocol == CONFIG_PROXY_REQUIRED,
                                .rules = {trusted, words->count, patience_ms(service)}};
}

static void log_refusal(const union socket_address *peer, const char *why, enum log_level level)
{
    struct log_line line;
    char text[ADDRESS_TEXT_MAX];
    log_begin(&line, level, "connection refused");
    log_text(&line, "peer", address_peer(peer, text));
    log_text(&line, "reason", why);
    log_end(&line);
}

bool proxy_gate_pass(const struct proxy_gate *gate, int fd, const union socket_address *peer,
                     const volatile sig_atomic_t *cut, bool log, struct proxy_header *header)
{
    char reason[PROXY_REASON_MAX];
    memset(header, 0, sizeof *header);
    if (!gate->required)
        return true;
    switch (proxy_judge(&gate->rules, fd, peer, cut, header, reason)) {
    case PROXY_PASSES:
        return true;
    case PROXY_REFUSED:
        if (log)
            log_refusal(peer, reason, LOG_LEVEL_INFO);
        break;
    case PROXY_SAID_NOTHING:
        log_refusal(peer, reason, LOG_LEVEL_DEBUG);
        break;
    }
    return false;
}
