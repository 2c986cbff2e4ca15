/* SPDX-License-Identifier: MIT
 *
 * datagram_guard - see datagram_guard.h.
 */
#include "server/datagram_guard.h"

#include "lib/clock.h"
#include "lib/dice.h"

#include <sys/mman.h>

/* Of services that answer datagrams and are not privileged anyway: Memcached, SSDP, mDNS, CLDAP's
 * like, Quake, Steam, BitTorrent and whatever else has been used to reflect. */
static const unsigned REFLECTORS[] = {1194, 1434,  1900,  3283,  3478,  3702,  5353, 5683,
                                      6881, 10001, 11211, 27015, 27960, 33848, 37810};

int datagram_guard_init(struct datagram_guard *g, int64_t rate, struct error *error)
{
    size_t size = DATAGRAM_GUARD_BUCKETS * sizeof *g->full_us;
    *g = (struct datagram_guard){.rate = rate, .seed = dice_roll()};
    for (unsigned port = 0; port < IPPORT_RESERVED; port++)
        datagram_guard_add(g, port);
    for (size_t i = 0; i < sizeof REFLECTORS / sizeof *REFLECTORS; i++)
        datagram_guard_add(g, REFLECTORS[i]);
    g->full_us = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return g->full_us != MAP_FAILED ? 0 : error_set_errno(error, EXIT_CODE_OS, "mmap");
}

void datagram_guard_add(struct datagram_guard *g, unsigned port)
{
    g->services[port / 8] |= (uint8_t)(1u << port % 8);
}

void datagram_guard_watch(struct datagram_guard *g, struct datagram_socket *socket)
{
    socket->guard = g;
    if (socket->bound.any.sa_family != AF_UNIX)
        datagram_guard_add(g, ntohs(socket->bound.in.sin_port)); /* in6 has it there, too */
}

static bool is_service(const struct datagram_guard *g, unsigned port)
{
    return (g->services[port / 8] >> port % 8 & 1) != 0;
}

static bool is_for_many(const struct preforkd_datagram *d)
{
    struct in_pktinfo info;
    struct in6_pktinfo info6;
    if (datagram_message_asked(d, &info))
        return info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
    return datagram_message_asked6(d, &info6) && IN6_IS_ADDR_MULTICAST(&info6.ipi6_addr);
}

/* A number for everybody who may be one: an IPv4 address, or an IPv6 network of 64 bits. 0: this
 * machine. */
static uint64_t sender(const struct preforkd_datagram *d)
{
    const struct in6_addr *six = &d->peer.in6.sin6_addr;
    uint64_t number = 0;
    uint32_t four = d->peer.in.sin_addr.s_addr;
    bool is_four = d->peer.any.sa_family == AF_INET;
    if (!is_four && IN6_IS_ADDR_V4MAPPED(six)) {
        memcpy(&four, &six->s6_addr[12], sizeof four);
        is_four = true;
    }
    if (is_four)
        return ntohl(four) >> 24 == IN_LOOPBACKNET ? 0 : four;
    memcpy(&number, six, sizeof number);
    return IN6_IS_ADDR_LOOPBACK(six) ? 0 : number + 1;
}

/* The second half of splitmix64. */
static size_t bucket_of(const struct datagram_guard *g, uint64_t number)
{
    number = (number + g->seed) * 0x9E3779B97F4A7C15u;
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9u;
    number = (number ^ number >> 27) * 0x94D049BB133111EBu;
    return (number ^ number >> 31) % DATAGRAM_GUARD_BUCKETS;
}

/* It holds a second's worth. */
static bool take_token(_Atomic int64_t *full_us, int64_t rate, int64_t now_us)
{
    int64_t before = atomic_load_explicit(full_us, memory_order_relaxed), after;
    do {
        after = (before > now_us ? before : now_us) + 1000000 / rate;
        if (after > now_us + 1000000)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(full_us, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

bool datagram_guard_permits(struct datagram_guard *g, const struct preforkd_datagram *d,
                            int64_t now_ms)
{
    if (d->peer.any.sa_family == AF_UNIX)
        return true;
    if (is_service(g, ntohs(d->peer.in.sin_port)) || is_for_many(d))
        return false;
    uint64_t number = g->rate > 0 ? sender(d) : 0;
    return number == 0 || take_token(&g->full_us[bucket_of(g, number)], g->rate, now_ms * 1000);
}

bool datagram_guard_passes(struct preforkd_datagram *d)
{
    d->withheld = !datagram_guard_permits(d->socket->guard, d, clock_coarse_ms());
    return !d->withheld;
}
