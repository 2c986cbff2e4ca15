/* SPDX-License-Identifier: MIT
 *
 * proxy_judge - see proxy_judge.h.
 */
#include "server/proxy_judge.h"

#include "lib/clock.h"

#include <string.h>

static void explain(enum proxy_receive_end end, const struct proxy_header *header,
                    char reason[static PROXY_REASON_MAX])
{
    if (end == PROXY_RECEIVE_DONE)
        snprintf(reason, PROXY_REASON_MAX, "its header is for datagrams");
    else if (end == PROXY_RECEIVE_BAD)
        snprintf(reason, PROXY_REASON_MAX, "%s: %s", proxy_receive_ends[end],
                 proxy_header_reasons[header->reason]);
    else
        snprintf(reason, PROXY_REASON_MAX, "%s", proxy_receive_ends[end]);
}

/* Only Unix sockets do: connections of others pay nothing for the question. */
static bool keeps_records(int fd, const union socket_address *peer)
{
    int type = 0;
    socklen_t size = sizeof type;
    return peer->any.sa_family == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

enum proxy_verdict proxy_judge(const struct proxy_rules *rules, int fd,
                               const union socket_address *peer, const volatile sig_atomic_t *cut,
                               struct proxy_header *header, char reason[static PROXY_REASON_MAX])
{
    memset(header, 0, sizeof *header);
    if (!cidr_match(rules->trusted, rules->count, peer)) {
        snprintf(reason, PROXY_REASON_MAX, "not in proxy_trusted");
        return PROXY_REFUSED;
    }
    int64_t deadline_ms = clock_now_ms() + rules->timeout_ms;
    enum proxy_receive_end end = keeps_records(fd, peer)
                                     ? proxy_receive_record(fd, deadline_ms, cut, header)
                                     : proxy_receive(fd, deadline_ms, cut, header);
    if (end == PROXY_RECEIVE_DONE && header->transport != PROXY_HEADER_DGRAM)
        return PROXY_PASSES;
    explain(end, header, reason);
    return end == PROXY_RECEIVE_ABSENT ? PROXY_SAID_NOTHING : PROXY_REFUSED;
}
