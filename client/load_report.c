/* SPDX-License-Identifier: MIT
 *
 * load_report - see load_report.h.
 */
#include "client/load_report.h"

#include <inttypes.h>

/* In the order in which they are printed. */
static const enum outcome FAILURES[] = {OUTCOME_REFUSED, OUTCOME_RESET,    OUTCOME_TIMEOUT,
                                        OUTCOME_SHORT,   OUTCOME_MISMATCH, OUTCOME_LOCAL};
#define FAILURE_COUNT (sizeof FAILURES / sizeof FAILURES[0])

static const struct {
    const char *name;
    double percent;
} PERCENTILES[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}};
#define PERCENTILE_COUNT (sizeof PERCENTILES / sizeof PERCENTILES[0])

void load_report_count(struct load_report *r, enum outcome outcome, int64_t now_us)
{
    r->outcomes[outcome]++;
    if (outcome == OUTCOME_SERVED)
        r->last_served_us = now_us;
}

uint64_t load_report_failures(const struct load_report *r)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < FAILURE_COUNT; i++)
        sum += r->outcomes[FAILURES[i]];
    return sum;
}

uint64_t load_report_pending(const struct load_report *r)
{
    return r->attempted - r->outcomes[OUTCOME_SERVED] - load_report_failures(r);
}

double load_report_elapsed_s(const struct load_report *r)
{
    int64_t end_us = r->stopped_us > r->last_served_us ? r->stopped_us : r->last_served_us;
    return end_us > r->started_us ? (double)(end_us - r->started_us) / 1e6 : 1e-6;
}

static double last_answer_ms(const struct load_report *r)
{
    return r->last_served_us ? (double)(r->last_served_us - r->started_us) / 1e3 : 0;
}

static void print_latencies(const struct histogram *latencies, FILE *out)
{
    if (latencies->count == 0)
        return;
    fputs("  latency  ", out);
    for (size_t i = 0; i < PERCENTILE_COUNT; i++)
        fprintf(out, " %s %.3f ms,", PERCENTILES[i].name,
                (double)histogram_percentile(latencies, PERCENTILES[i].percent) / 1e3);
    fprintf(out, " max %.3f ms\n", (double)latencies->max / 1e3);
}

static void print_failures(const struct load_report *r, FILE *out)
{
    fprintf(out, "  failed    %" PRIu64, load_report_failures(r));
    for (size_t i = 0; i < FAILURE_COUNT; i++)
        fprintf(out, "%s%s %" PRIu64, i == 0 ? " (" : ", ", outcome_name(FAILURES[i]),
                r->outcomes[FAILURES[i]]);
    fputs(")\n", out);
    if (r->local_errno)
        fprintf(out, "            local: %s\n", strerror(r->local_errno));
}

void load_report_print(const struct load_report *r, const struct load_report_title *title,
                       FILE *out)
{
    double elapsed_s = load_report_elapsed_s(r);
    fprintf(out, "%s %s, %" PRId64 " connections, %" PRId64 " bytes, %.2f s\n", title->mode,
            title->address, title->concurrency, title->size_bytes, elapsed_s);
    fprintf(out, "  served    %" PRIu64 " of %" PRIu64 ", %.0f per second\n",
            r->outcomes[OUTCOME_SERVED], r->attempted,
            (double)r->outcomes[OUTCOME_SERVED] / elapsed_s);
    print_latencies(&r->latencies, out);
    fprintf(out, "  bytes     %" PRIu64 " sent, %" PRIu64 " received, %.1f MiB/s received\n",
            r->bytes_sent, r->bytes_received, (double)r->bytes_received / elapsed_s / 1048576);
    fprintf(out, "  last      answered after %.1f ms\n", last_answer_ms(r));
    print_failures(r, out);
}

static void print_json_string(const char *text, FILE *out)
{
    putc('"', out);
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < ' ')
            fprintf(out, "\\u%04x", byte);
        else
            putc(byte, out);
    }
    putc('"', out);
}

void load_report_print_json(const struct load_report *r, const struct load_report_title *title,
                            FILE *out)
{
    double elapsed_s = load_report_elapsed_s(r);
    fprintf(out, "{\"mode\":\"%s\",\"address\":", title->mode);
    print_json_string(title->address, out);
    fprintf(out, ",\"concurrency\":%" PRId64 ",\"size_bytes\":%" PRId64 ",\"elapsed_s\":%.6f",
            title->concurrency, title->size_bytes, elapsed_s);
    fprintf(out, ",\"attempted\":%" PRIu64 ",\"served\":%" PRIu64 ",\"failed\":%" PRIu64,
            r->attempted, r->outcomes[OUTCOME_SERVED], load_report_failures(r));
    fputs(",\"failures\":{", out);
    for (size_t i = 0; i < FAILURE_COUNT; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", outcome_name(FAILURES[i]),
                r->outcomes[FAILURES[i]]);
    fprintf(out, "},\"local_error\":\"%s\"", r->local_errno ? strerror(r->local_errno) : "");
    fprintf(out, ",\"per_second\":%.1f", (double)r->outcomes[OUTCOME_SERVED] / elapsed_s);
    fputs(",\"latency_us\":{", out);
    for (size_t i = 0; i < PERCENTILE_COUNT; i++)
        fprintf(out, "\"%s\":%" PRIu64 ",", PERCENTILES[i].name,
                histogram_percentile(&r->latencies, PERCENTILES[i].percent));
    fprintf(out, "\"max\":%" PRIu64 "}", r->latencies.max);
    fprintf(out, ",\"bytes\":{\"sent\":%" PRIu64 ",\"received\":%" PRIu64 "}", r->bytes_sent,
            r->bytes_received);
    fprintf(out, ",\"bytes_per_second\":%.0f,\"last_answer_ms\":%.3f}\n",
            (double)r->bytes_received / elapsed_s, last_answer_ms(r));
}

void load_report_progress(const struct load_report *r, int64_t now_us, FILE *terminal)
{
    fprintf(terminal,
            "\r%3" PRId64 " s  %" PRIu64 " served, %" PRIu64 " failed, %" PRIu64 " pending\033[K",
            (now_us - r->started_us) / 1000000, r->outcomes[OUTCOME_SERVED],
            load_report_failures(r), load_report_pending(r));
    fflush(terminal);
}
