/* SPDX-License-Identifier: MIT
 *
 * slot - see slot.h.
 */
#include "server/slot.h"

#include "lib/clock.h"

#include <unistd.h>

_Static_assert(sizeof(struct sockaddr_in6) <= sizeof((struct scoreboard_worker){0}.peer),
               "every IP peer fits");

static struct {
    struct scoreboard_spare *spare; /* NULL: not in an elastic pool */
    int notify_fd;
} joined;

void slot_join(struct scoreboard *board, int notify_fd)
{
    joined.spare = board->header.elastic ? &board->spare : NULL;
    joined.notify_fd = notify_fd;
}

/* In one order for all with what the pool does: it sets the alarm, then reads the count. */
static void count_out(void)
{
    struct scoreboard_spare *spare = joined.spare;
    const uint64_t one = 1;
    if (!spare)
        return;
    int32_t idle = atomic_fetch_sub(&spare->idle, 1) - 1;
    if (idle < SCOREBOARD_LOAD(spare->low))
        SCOREBOARD_STORE(spare->low, idle);
    if (idle >= atomic_load(&spare->alarm) ||
        atomic_exchange(&spare->alarm, SCOREBOARD_SPARE_SILENT) == SCOREBOARD_SPARE_SILENT)
        return;
    /* Full is as good as told. */
    ssize_t ignored = write(joined.notify_fd, &one, sizeof one);
    (void)ignored;
}

void slot_set_phase(struct scoreboard_worker *slot, enum scoreboard_phase phase)
{
    /* Last, behind what describes the connection: who sees BUSY sees its times, too. */
    atomic_store_explicit(&slot->phase, (uint32_t)phase, memory_order_release);
}

/* Odd sequence, words, even sequence: a reader that saw the same even number before and after has
 * the words of one connection. PROXY is written only where it changes: hardly ever. */
static void write_peer(struct scoreboard_worker *slot, const union socket_address *peer,
                       const union socket_address *proxy)
{
    uint64_t words[4], proxy_words[4] = {0};
    uint32_t sequence = SCOREBOARD_LOAD(slot->sequence);
    memcpy(words, peer, sizeof words);
    if (proxy)
        memcpy(proxy_words, proxy, sizeof proxy_words);
    bool rewrite = proxy || SCOREBOARD_LOAD(slot->proxy[0]) != 0;
    SCOREBOARD_STORE(slot->sequence, sequence + 1);
    atomic_thread_fence(memory_order_release);
    for (int i = 0; i < 4; i++)
        SCOREBOARD_STORE(slot->peer[i], words[i]);
    for (int i = 0; i < 4 && rewrite; i++)
        SCOREBOARD_STORE(slot->proxy[i], proxy_words[i]);
    atomic_store_explicit(&slot->sequence, sequence + 2, memory_order_release);
}

void slot_set_client(struct scoreboard_worker *slot, const union socket_address *peer,
                     const union socket_address *proxy)
{
    write_peer(slot, peer, proxy);
}

void slot_begin(struct scoreboard_worker *slot, const union socket_address *peer)
{
    int64_t now = clock_coarse_ms();
    write_peer(slot, peer, NULL);
    SCOREBOARD_STORE(slot->started_ms, now);
    SCOREBOARD_STORE(slot->moved_ms, now);
    SCOREBOARD_STORE(slot->connections, SCOREBOARD_LOAD(slot->connections) + 1);
    slot_set_phase(slot, SCOREBOARD_BUSY);
    count_out();
}

void slot_end(struct scoreboard_worker *slot)
{
    slot_set_phase(slot, SCOREBOARD_IDLE);
    if (joined.spare)
        SCOREBOARD_ADD(joined.spare->idle, 1);
}

void slot_moved_in(struct scoreboard_worker *slot, size_t count)
{
    SCOREBOARD_STORE(slot->bytes_in, SCOREBOARD_LOAD(slot->bytes_in) + count);
    SCOREBOARD_STORE(slot->moved_ms, clock_coarse_ms());
}

void slot_moved_out(struct scoreboard_worker *slot, size_t count)
{
    SCOREBOARD_STORE(slot->bytes_out, SCOREBOARD_LOAD(slot->bytes_out) + count);
    SCOREBOARD_STORE(slot->moved_ms, clock_coarse_ms());
}
