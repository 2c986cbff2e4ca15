/* SPDX-License-Identifier: MIT
 *
 * load - what the parts of the load generator share: the plan, and the state of one run.
 *
 * One process, no threads. An *attempt* is what gets an outcome: a connection (connect, stream,
 * burst) or a round trip on an open one (roundtrip). Each attempt that was begun ends in exactly
 * one outcome.
 */
#ifndef CLIENT_LOAD_H
#define CLIENT_LOAD_H

#include "client/load_payload.h"
#include "client/load_report.h"
#include "client/proxy_claim.h"

#include "lib/address.h"

enum load_mode {
    LOAD_CONNECT,   /* connect, send, receive, close; again */
    LOAD_ROUNDTRIP, /* connections stay open, one message after another */
    LOAD_STREAM,    /* each connection sends on and on while it reads what comes back */
    LOAD_BURST,     /* open all at once, one message each, hold all until each has its reply */
};

enum load_expect {
    LOAD_ECHO,  /* the reply is the message */
    LOAD_UPPER, /* the reply is the message in upper case */
    LOAD_ANY,   /* at least a byte, over with the first recv() */
};

struct load_plan {
    int mode;            /* enum load_mode */
    int expect;          /* enum load_expect */
    int64_t concurrency; /* connections at a time */
    int64_t duration_ms; /* 0: until count is reached */
    int64_t count;       /* messages to send, all connections together; 0: no limit */
    int64_t size_bytes;  /* of a message */
    int64_t timeout_ms;  /* of an attempt; stream: of a silence */
    int64_t sources;     /* loopback addresses to come from in turn; 1: leave it to the system */
    int64_t pause_ms;    /* of a connection that was served, before its next attempt */
    int64_t ramp_ms;     /* from the first connection's first attempt to the last one's */
    bool lines;          /* a message ends in a newline */
    struct proxy_claim proxy; /* what each connection begins with */
    bool json;
};

struct load {
    const struct load_plan *plan;
    struct address address;
    struct load_payload payload;
    struct load_report report;
    int epoll_fd;
    char *scratch;     /* LOAD_SCRATCH_BYTES: what is received, for as long as it is looked at */
    uint64_t messages; /* begun */
    bool stopping;     /* begin nothing more */
};

#define LOAD_SCRATCH_BYTES 262144

/* Whether one more message may be begun. A true must be followed by one; the last of plan->count
 * sets load->stopping. */
static inline bool load_take(struct load *load)
{
    if (load->stopping)
        return false;
    load->messages++;
    if (load->plan->count > 0 && load->messages >= (uint64_t)load->plan->count)
        load->stopping = true;
    return true;
}

#endif
