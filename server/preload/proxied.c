/* SPDX-License-Identifier: MIT
 *
 * proxied - see proxied.h.
 */
#include "server/preload/proxied.h"

#include "include/warm.h"
#include "include/worker.h"
#include "server/preload/complaint.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define NAME      WARM_PROXY_VARIABLE "="
#define LINE_ROOM (ADDRESS_TEXT_MAX + PROXY_REASON_MAX + 64)

static char *variable; /* a copy: programs write over the one they were given to set their title */
static struct warm_proxy proxy;

/* The networks and the variable, in one piece. */
static void *get_room(size_t size)
{
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        complaint_exit("no memory for the list of proxies", errno, WORKER_EXIT_SYSTEM);
    return room;
}

void proxied_adopt(const char *text)
{
    if (!text)
        return;
    const size_t length = strlen(text) + 1, networks = warm_proxy_networks(text);
    struct cidr *trusted = get_room(networks * sizeof *trusted + sizeof NAME + length);
    variable = (char *)(trusted + networks);
    memcpy(variable, NAME, sizeof NAME);
    memcpy(variable + sizeof NAME - 1, text, length);
    if (warm_proxy_parse(text, &proxy, trusted) < 0)
        complaint_exit(WARM_PROXY_VARIABLE " cannot be read", 0, WORKER_EXIT_SYSTEM);
}

char *proxied_variable(void)
{
    return variable;
}

static void tell(const union socket_address *peer, const char *reason)
{
    char line[LINE_ROOM], text[ADDRESS_TEXT_MAX];
    snprintf(line, sizeof line, "connection refused peer=%s reason=\"%s\"",
             address_peer(peer, text), reason);
    complaint(line, 0);
}

bool proxied_pass(int fd, const union socket_address *peer, struct proxy_header *header)
{
    const struct proxy_rules rules = {proxy.trusted, proxy.count, proxy.timeout_ms};
    char reason[PROXY_REASON_MAX];
    memset(header, 0, sizeof *header);
    if (!variable)
        return true;
    enum proxy_verdict verdict = proxy_judge(&rules, fd, peer, NULL, header, reason);
    if (verdict == PROXY_REFUSED && proxy.log)
        tell(peer, reason);
    return verdict == PROXY_PASSES;
}
