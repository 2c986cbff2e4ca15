/* SPDX-License-Identifier: MIT
 *
 * scoreboard - see lib/scoreboard.h. Whoever reads here may be looking at what a hostile worker
 * wrote: every value is copied once and only ever shown.
 */
#include "lib/scoreboard.h"

#include "lib/escape.h"
#include "lib/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const scoreboard_state_names[] = {
#define STATE(id, name) [SCOREBOARD_##id] = name,
    SCOREBOARD_STATES(STATE)
#undef STATE
};

static size_t size_of(uint32_t slots)
{
    return sizeof(struct scoreboard) + (size_t)slots * sizeof(struct scoreboard_slot);
}

int scoreboard_create(uint32_t slots, struct error *error)
{
    int fd = memfd_create("scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_OS, "memfd_create");
    int status = posix_fallocate(fd, 0, (off_t)size_of(slots));
    if (status != 0) {
        close(fd);
        errno = status;
        return error_set_errno(error, EXIT_CODE_OS, "cannot set aside the scoreboard");
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return fd;
}

bool scoreboard_is(int fd, uint32_t slots)
{
    struct stat about;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &about) == 0 &&
           about.st_size == (off_t)size_of(slots);
}

int64_t scoreboard_layout(void)
{
    return (int64_t)SCOREBOARD_MAGIC << 24 | (int64_t)sizeof(struct scoreboard) << 12 |
           (int64_t)sizeof(struct scoreboard_slot);
}

struct scoreboard *scoreboard_map(int fd, uint32_t slots, bool writable)
{
    void *at = mmap(NULL, size_of(slots), writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                    fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

void scoreboard_unmap(struct scoreboard *board, uint32_t slots)
{
    if (board)
        munmap(board, size_of(slots));
}

/* What a worker that went mad wrote shall not overflow where limits are added to it. */
static int64_t time_of(int64_t ms)
{
    return ms < 0 ? 0 : ms > INT64_MAX / 4 ? INT64_MAX / 4 : ms;
}

void scoreboard_read(const struct scoreboard_slot *slot, struct scoreboard_view *view)
{
    const struct scoreboard_worker *worker = &slot->worker;
    /* First, so that times that are read later never belong to an older connection than this: a
     * deadline that is found in them ends that one, or none. */
    uint32_t sequence = atomic_load_explicit(&worker->sequence, memory_order_acquire);
    uint32_t phase = atomic_load_explicit(&worker->phase, memory_order_acquire);
    *view = (struct scoreboard_view){
        .state = SCOREBOARD_LOAD(slot->keeper.state) & 3,
        .phase = phase <= SCOREBOARD_PROGRAM ? phase : SCOREBOARD_UNBORN,
        .pid = SCOREBOARD_LOAD(slot->keeper.pid),
        .sequence = sequence,
        .connections = SCOREBOARD_LOAD(worker->connections),
        .bytes_in = SCOREBOARD_LOAD(worker->bytes_in),
        .bytes_out = SCOREBOARD_LOAD(worker->bytes_out),
        .born_ms = SCOREBOARD_LOAD(slot->keeper.born_ms),
        .started_ms = time_of(SCOREBOARD_LOAD(worker->started_ms)),
        .moved_ms = time_of(SCOREBOARD_LOAD(worker->moved_ms)),
    };
}

/* The address in WORDS as it stood between two equal, even readings of the sequence. A worker that
 * keeps changing it, which only a broken one does, shows none. */
static char *read_address(const struct scoreboard_worker *worker, const _Atomic uint64_t *words,
                          char text[static ADDRESS_TEXT_MAX])
{
    uint64_t copy[4];
    union socket_address address = {0};
    text[0] = '\0';
    if (!scoreboard_is_busy(SCOREBOARD_LOAD(worker->phase)))
        return text;
    for (int tries = 0; tries < 8; tries++) {
        uint32_t before = atomic_load_explicit(&worker->sequence, memory_order_acquire);
        for (int i = 0; i < 4; i++)
            copy[i] = SCOREBOARD_LOAD(words[i]);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && before == SCOREBOARD_LOAD(worker->sequence)) {
            memcpy(&address, copy, sizeof copy);
            return address.any.sa_family == AF_UNSPEC ? text : address_peer(&address, text);
        }
    }
    return text;
}

char *scoreboard_peer(const struct scoreboard_slot *slot, char text[static ADDRESS_TEXT_MAX])
{
    return read_address(&slot->worker, slot->worker.peer, text);
}

char *scoreboard_proxy(const struct scoreboard_slot *slot, char text[static ADDRESS_TEXT_MAX])
{
    return read_address(&slot->worker, slot->worker.proxy, text);
}

/* Every character of TEXT that can be shown stays; the bytes of others become '?'. */
static void mask(char *text)
{
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        size_t size = 1;
        while (size < 4 && at + size < length && !escape_is_plain(text + at, size))
            size++;
        if (!escape_is_plain(text + at, size)) {
            text[at] = '?';
            size = 1;
        }
        at += size;
    }
}

/* Guarded as the peer is. */
char *scoreboard_said(const struct scoreboard_slot *slot, char text[static SCOREBOARD_SAID_MAX])
{
    const struct scoreboard_worker *worker = &slot->worker;
    uint64_t words[SCOREBOARD_SAID_MAX / 8];
    text[0] = '\0';
    for (int tries = 0; tries < 8; tries++) {
        uint32_t before = atomic_load_explicit(&worker->said_sequence, memory_order_acquire);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            words[i] = SCOREBOARD_LOAD(worker->said[i]);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 != 0 || before != SCOREBOARD_LOAD(worker->said_sequence))
            continue;
        memcpy(text, words, SCOREBOARD_SAID_MAX);
        text[SCOREBOARD_SAID_MAX - 1] = '\0';
        mask(text);
        break;
    }
    return text;
}

char *scoreboard_counter_name(const struct scoreboard *board, int counter,
                              char text[static SCOREBOARD_COUNTER_NAME_MAX])
{
    memcpy(text, board->header.counter_names[counter], SCOREBOARD_COUNTER_NAME_MAX);
    text[SCOREBOARD_COUNTER_NAME_MAX - 1] = '\0';
    mask(text);
    return text;
}

void scoreboard_say(struct scoreboard_worker *worker, const char *text)
{
    uint64_t words[SCOREBOARD_SAID_MAX / 8] = {0};
    /* Odd, also where a worker that went mad has made it odd before. */
    uint32_t sequence = SCOREBOARD_LOAD(worker->said_sequence) | 1;
    memcpy(words, text, strnlen(text, sizeof words - 1));
    SCOREBOARD_STORE(worker->said_sequence, sequence);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        SCOREBOARD_STORE(worker->said[i], words[i]);
    atomic_store_explicit(&worker->said_sequence, sequence + 1, memory_order_release);
}

static void count_worker(const struct scoreboard_slot *slot, struct scoreboard_totals *totals)
{
    switch ((enum scoreboard_state)SCOREBOARD_LOAD(slot->keeper.state)) {
    case SCOREBOARD_STARTING:
        totals->starting++;
        break;
    case SCOREBOARD_READY:
        if (scoreboard_is_busy(SCOREBOARD_LOAD(slot->worker.phase)))
            totals->busy++;
        else
            totals->idle++;
        break;
    case SCOREBOARD_DRAINING:
        totals->draining++;
        break;
    case SCOREBOARD_FREE:
        break;
    }
}

void scoreboard_sum(const struct scoreboard *board, uint32_t slots,
                    struct scoreboard_totals *totals)
{
    const struct scoreboard_header *header = &board->header;
    totals->connections += SCOREBOARD_LOAD(header->connections);
    totals->bytes_in += SCOREBOARD_LOAD(header->bytes_in);
    totals->bytes_out += SCOREBOARD_LOAD(header->bytes_out);
    totals->refused += SCOREBOARD_LOAD(header->refused);
    for (int k = 0; k < SCOREBOARD_COUNTERS; k++)
        totals->counters[k] += SCOREBOARD_LOAD(header->counters[k]);
    totals->crashes += SCOREBOARD_LOAD(header->crashes);
    totals->restarts += SCOREBOARD_LOAD(header->restarts);
    for (uint32_t i = 0; i < slots; i++) {
        const struct scoreboard_slot *slot = &board->slots[i];
        totals->connections += SCOREBOARD_LOAD(slot->worker.connections);
        totals->bytes_in += SCOREBOARD_LOAD(slot->worker.bytes_in);
        totals->bytes_out += SCOREBOARD_LOAD(slot->worker.bytes_out);
        totals->refused += SCOREBOARD_LOAD(slot->worker.refused);
        for (int k = 0; k < SCOREBOARD_COUNTERS; k++)
            totals->counters[k] += SCOREBOARD_LOAD(slot->worker.counters[k]);
        count_worker(slot, totals);
    }
}
