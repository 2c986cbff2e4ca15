/* SPDX-License-Identifier: MIT
 *
 * host - see host.h.
 */
#include "server/host.h"

#include "lib/clock.h"

#include "server/connection.h"
#include "server/datagram.h"
#include "server/option.h"
#include "server/stream.h"

static struct {
    struct scoreboard_worker *const *slot;
    const volatile sig_atomic_t *stopping;
    bool said; /* of the connection in hand */
} self;

void host_begin(struct scoreboard_worker *const *slot, const volatile sig_atomic_t *stopping)
{
    self.slot = slot;
    self.stopping = stopping;
}

/* NULL in the pool. */
static struct scoreboard_worker *own_slot(void)
{
    return self.slot ? *self.slot : NULL;
}

void host_forget_status(void)
{
    if (!self.said)
        return;
    scoreboard_say(own_slot(), "");
    self.said = false;
}

static int host_stopping(void)
{
    return self.stopping && *self.stopping;
}

/* PEER: NULL: nobody. */
static void log_with(const char *peer, int level, const char *message, const char *key,
                     const void *bytes, size_t size)
{
    struct log_line line;
    log_begin(&line, (enum log_level)level, message);
    if (peer)
        log_text(&line, "peer", peer);
    if (key && bytes)
        log_bytes(&line, key, bytes, size);
    log_end(&line);
}

static void host_log(struct preforkd_connection *c, int level, const char *message, const char *key,
                     const void *bytes, size_t size)
{
    log_with(c ? connection_peer(c) : NULL, level, message, key, bytes, size);
}

static void host_datagram_log(struct preforkd_datagram *d, int level, const char *message,
                              const char *key, const void *bytes, size_t size)
{
    log_with(datagram_message_peer(d), level, message, key, bytes, size);
}

static void host_status(const char *text)
{
    if (!own_slot())
        return;
    scoreboard_say(own_slot(), text);
    self.said = text[0] != '\0';
}

static void host_count(unsigned counter, uint64_t amount)
{
    struct scoreboard_worker *slot = own_slot();
    if (slot && counter < SCOREBOARD_COUNTERS)
        SCOREBOARD_STORE(slot->counters[counter],
                         SCOREBOARD_LOAD(slot->counters[counter]) + amount);
}

/* Any number that a handler computed: what is over is over, what overflows never comes. */
static void host_deadline_set(struct preforkd_connection *c, int64_t ms)
{
    c->deadline_ms = ms < 0 ? 0 : clock_deadline(clock_now_ms(), ms);
}

static void host_deadline_extend(struct preforkd_connection *c, int64_t ms)
{
    if (c->deadline_ms == CLOCK_NEVER || ms == 0)
        return;
    if (ms > 0)
        c->deadline_ms = clock_deadline(c->deadline_ms, ms);
    else
        c->deadline_ms = ms < -c->deadline_ms ? 0 : c->deadline_ms + ms;
}

static const char *host_listener(struct preforkd_connection *c)
{
    return c->listener;
}

static int host_descriptor(struct preforkd_connection *c)
{
    return c->fd;
}

static void host_set_userdata(struct preforkd_connection *c, void *userdata)
{
    c->userdata = userdata;
}

static void *host_userdata(struct preforkd_connection *c)
{
    return c->userdata;
}

_Static_assert((int)PREFORKD_LOG_ERROR == (int)LOG_LEVEL_ERROR &&
                   (int)PREFORKD_LOG_DEBUG == (int)LOG_LEVEL_DEBUG &&
                   PREFORKD_COUNTERS_MAX == SCOREBOARD_COUNTERS &&
                   PREFORKD_COUNTER_NAME_MAX == SCOREBOARD_COUNTER_NAME_MAX,
               "what is public is ours");

const struct preforkd_host host_functions = {
    .abi = PREFORKD_ABI,
    .size = sizeof(struct preforkd_host),
    .read_some = stream_read_some,
    .peek = stream_peek,
    .read_exact = stream_read_exact,
    .read_line = stream_read_line,
    .wait_some = stream_wait_some,
    .write_all = stream_write_all,
    .print = stream_print,
    .flush = stream_flush,
    .sendfile = stream_sendfile,
    .deadline_set = host_deadline_set,
    .deadline_extend = host_deadline_extend,
    .peer = connection_peer,
    .transport = connection_transport,
    .local = connection_local,
    .listener = host_listener,
    .descriptor = host_descriptor,
    .stopping = host_stopping,
    .log = host_log,
    .status = host_status,
    .count = host_count,
    .set_userdata = host_set_userdata,
    .userdata = host_userdata,
    .option_text = option_text,
    .option_number = option_number,
    .datagram_bytes = datagram_message_bytes,
    .datagram_peer = datagram_message_peer,
    .datagram_is_cut = datagram_message_is_cut,
    .datagram_reply = datagram_message_reply,
    .datagram_local = datagram_message_local,
    .datagram_listener = datagram_message_listener,
    .datagram_log = host_datagram_log,
    .vprint = stream_vprint,
};
