/* SPDX-License-Identifier: MIT
 *
 * proxy_gate - see proxy_gate.h.
 */
#include "server/proxy_gate.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/memory.h"

#include <assert.h>
#include <string.h>

void proxy_gate_init(struct proxy_gate *gate, const struct config_service *service)
{
    struct error ignored;
    *gate = (struct proxy_gate){.required = service->proxy_protocol == CONFIG_PROXY_REQUIRED,
                                .count = service->proxy_trusted.count,
                                .timeout_ms = service->proxy_timeout};
    gate->trusted = memory_zeroed(gate->count + 1, sizeof *gate->trusted);
    for (size_t i = 0; i < gate->count; i++) {
        int status = cidr_parse(service->proxy_trusted.words[i], &gate->trusted[i], &ignored);
        assert(status == 0); /* the configuration has been checked */
        (void)status;
    }
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

static const char *reason(enum proxy_receive_end end, const struct proxy_header *header,
                          char text[static 96])
{
    if (end != PROXY_RECEIVE_BAD)
        return proxy_receive_ends[end];
    snprintf(text, 96, "%s: %s", proxy_receive_ends[end], proxy_header_reasons[header->reason]);
    return text;
}

bool proxy_gate_pass(const struct proxy_gate *gate, int fd, const union socket_address *peer,
                     const volatile sig_atomic_t *cut, bool log, struct proxy_header *header)
{
    char text[96];
    memset(header, 0, sizeof *header);
    if (!gate->required)
        return true;
    if (!cidr_match(gate->trusted, gate->count, peer)) {
        if (log)
            log_refusal(peer, "not in proxy_trusted", LOG_LEVEL_INFO);
        return false;
    }
    enum proxy_receive_end end = proxy_receive(fd, clock_now_ms() + gate->timeout_ms, cut, header);
    if (end == PROXY_RECEIVE_DONE && header->transport != PROXY_HEADER_DGRAM)
        return true;
    if (log || end == PROXY_RECEIVE_ABSENT)
        log_refusal(peer,
                    end == PROXY_RECEIVE_DONE ? "its header is for datagrams"
                                              : reason(end, header, text),
                    end == PROXY_RECEIVE_ABSENT ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    return false;
}
