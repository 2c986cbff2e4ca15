/* SPDX-License-Identifier: MIT
 *
 * load_report - the figures of a load: what is counted while it runs and printed at its end.
 */
#ifndef CLIENT_LOAD_REPORT_H
#define CLIENT_LOAD_REPORT_H

#include "client/histogram.h"
#include "client/outcome.h"

#include <stdio.h>

struct load_report {
    uint64_t attempted;               /* begun; at the end the sum of outcomes */
    uint64_t outcomes[OUTCOME_COUNT]; /* attempts that ended, by enum outcome */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    int64_t started_us;
    int64_t stopped_us;         /* no attempt was begun from then on */
    int64_t last_served_us;     /* 0: none was */
    int local_errno;            /* of the first OUTCOME_LOCAL; 0: none */
    struct histogram latencies; /* microseconds, of served attempts; none in a stream */
};

/* What the report says about itself. */
struct load_report_title {
    const char *mode;
    const char *address;
    int64_t concurrency;
    int64_t size_bytes;
};

/* An attempt is over. */
void load_report_count(struct load_report *r, enum outcome outcome, int64_t now_us);

/* Attempts that ended in anything but OUTCOME_SERVED. */
uint64_t load_report_failures(const struct load_report *r);

/* Attempts that have not ended yet. */
uint64_t load_report_pending(const struct load_report *r);

/* Seconds that count for the throughput: until nothing was begun any more or the last answer came,
 * whichever is later. What waits in vain at the end does not make the rest look slower. */
double load_report_elapsed_s(const struct load_report *r);

void load_report_print(const struct load_report *r, const struct load_report_title *title,
                       FILE *out);
void load_report_print_json(const struct load_report *r, const struct load_report_title *title,
                            FILE *out);

/* One line that the next one overwrites. */
void load_report_progress(const struct load_report *r, int64_t now_us, FILE *terminal);

#endif
