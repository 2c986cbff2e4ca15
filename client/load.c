/* SPDX-License-Identifier: MIT
 *
 * load - `preforkc load`: the command line of the load generator. The work is in load_loop.c (which
 * connection does what next), load_connection.c (one connection) and load_report.c (the figures).
 */
#include "client/load.h"

#include "client/command.h"
#include "client/dial.h"
#include "client/flag.h"
#include "client/load_loop.h"

#include "lib/fds.h"
#include "lib/memory.h"

#include <errno.h>
#include <unistd.h>

#define CONCURRENCY_MAX      100000
#define SIZE_MAX_BYTES       (64 << 20)
#define SOURCES_MAX          64
#define DURATION_DEFAULT_MS  5000
#define BURST_DEFAULT        100
#define SIZE_DEFAULT_BYTES   64
#define STREAM_DEFAULT_BYTES 65536

static const char *const MODES[] = {
    [LOAD_CONNECT] = "connect",
    [LOAD_ROUNDTRIP] = "roundtrip",
    [LOAD_STREAM] = "stream",
    [LOAD_BURST] = "burst",
    NULL,
};
static const char *const EXPECTS[] = {
    [LOAD_ECHO] = "echo",
    [LOAD_UPPER] = "upper",
    [LOAD_ANY] = "any",
    NULL,
};

/* The defaults that depend on the mode. */
static void complete_plan(struct load_plan *plan)
{
    if (plan->size_bytes == 0)
        plan->size_bytes = plan->mode == LOAD_STREAM ? STREAM_DEFAULT_BYTES : SIZE_DEFAULT_BYTES;
    if (plan->mode == LOAD_BURST) {
        if (plan->count == 0)
            plan->count = BURST_DEFAULT;
        plan->concurrency = plan->count;
    }
    if (plan->duration_ms == 0 && plan->count == 0)
        plan->duration_ms = DURATION_DEFAULT_MS;
}

static int parse(struct load_plan *plan, int argc, char **argv, struct error *error)
{
    const char *said = NULL;
    const struct flag flags[] = {
        {.name = "--mode", .kind = FLAG_WORD, .value = &plan->mode, .words = MODES},
        {.name = "--expect", .kind = FLAG_WORD, .value = &plan->expect, .words = EXPECTS},
        {.name = "--concurrency",
         .kind = FLAG_COUNT,
         .value = &plan->concurrency,
         .min = 1,
         .max = CONCURRENCY_MAX},
        {.name = "--duration",
         .kind = FLAG_DURATION,
         .value = &plan->duration_ms,
         .min = 1,
         .max = INT32_MAX},
        {.name = "--count", .kind = FLAG_COUNT, .value = &plan->count, .min = 1, .max = INT64_MAX},
        {.name = "--size",
         .kind = FLAG_SIZE,
         .value = &plan->size_bytes,
         .min = 1,
         .max = SIZE_MAX_BYTES},
        {.name = "--timeout",
         .kind = FLAG_DURATION,
         .value = &plan->timeout_ms,
         .min = 1,
         .max = INT32_MAX},
        {.name = "--sources",
         .kind = FLAG_COUNT,
         .value = &plan->sources,
         .min = 1,
         .max = SOURCES_MAX},
        {.name = "--pause",
         .kind = FLAG_DURATION,
         .value = &plan->pause_ms,
         .min = 1,
         .max = INT32_MAX},
        {.name = "--ramp",
         .kind = FLAG_DURATION,
         .value = &plan->ramp_ms,
         .min = 1,
         .max = INT32_MAX},
        {.name = "--lines", .kind = FLAG_SWITCH, .value = &plan->lines},
        PROXY_CLAIM_FLAG(&said),
        {.name = "--json", .kind = FLAG_SWITCH, .value = &plan->json},
        {.name = NULL},
    };
    int words = flag_parse(flags, argc, argv, error);
    if (words < 0 || (said && proxy_claim_parse(said, &plan->proxy, error) < 0))
        return -1;
    if (words != 1)
        return error_set(error, EXIT_CODE_USAGE, "%s; write: preforkc load [OPTION...] ADDRESS",
                         words == 0 ? "ADDRESS is missing" : "there is more than one ADDRESS");
    complete_plan(plan);
    if (plan->mode == LOAD_BURST && plan->count > CONCURRENCY_MAX)
        return error_set(error, EXIT_CODE_USAGE, "--count is at most %d connections in a burst",
                         CONCURRENCY_MAX);
    if (plan->pause_ms > 0 && plan->mode != LOAD_CONNECT && plan->mode != LOAD_ROUNDTRIP)
        return error_set(error, EXIT_CODE_USAGE, "--pause is for --mode connect and roundtrip");
    if (plan->ramp_ms > 0 && plan->mode == LOAD_BURST)
        return error_set(error, EXIT_CODE_USAGE, "--ramp is not for --mode burst");
    return 0;
}

/* What cannot be done with sockets of the server's type. */
static int check_type(const struct load *load, struct error *error)
{
    if (load->plan->mode == LOAD_STREAM && load->address.type == SOCK_DGRAM)
        return error_set(error, EXIT_CODE_USAGE,
                         "--mode stream is for connections; datagrams may be lost: write --mode "
                         "roundtrip");
    return proxy_claim_check(&load->plan->proxy, &load->address, error);
}

static bool is_loopback(const struct address *a)
{
    return a->socket.any.sa_family == AF_INET &&
           ntohl(a->socket.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* A name may have several addresses, and the server listen on one of them only: take the first that
 * accepts a connection. */
static int resolve(struct load *load, const char *text, struct error *error)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    int count = dial_resolve(text, found, error);
    if (count < 0)
        return -1;
    load->address = found[0];
    for (int i = 0; i < count && count > 1; i++) {
        int fd = dial_connect(&found[i], 1, load->plan->timeout_ms);
        if (fd >= 0) {
            close(fd);
            load->address = found[i];
            break;
        }
    }
    if (load->plan->sources > 1 && !is_loopback(&load->address))
        return error_set(error, EXIT_CODE_USAGE,
                         "--sources is for loopback servers only; write tcp://127.0.0.1:PORT");
    return check_type(load, error);
}

static void print(const struct load *load, const char *address)
{
    const struct load_report_title title = {.mode = MODES[load->plan->mode],
                                            .address = address,
                                            .concurrency = load->plan->concurrency,
                                            .size_bytes = load->plan->size_bytes};
    if (load->plan->json)
        load_report_print_json(&load->report, &title, stdout);
    else
        load_report_print(&load->report, &title, stdout);
}

static int run(int argc, char **argv)
{
    static struct load load; /* the histogram in it is too big for the stack's taste */
    static struct load_plan plan = {.concurrency = 8, .timeout_ms = 5000, .sources = 1};
    struct error error;
    load.plan = &plan;
    if (parse(&plan, argc, argv, &error) < 0 || resolve(&load, argv[0], &error) < 0)
        return command_fail(&LOAD_COMMAND, error.code, error.text);
    fds_raise_limit(0, &error); /* as far as it goes; a connection too many is classed "local" */
    load_payload_init(&load.payload, (size_t)plan.size_bytes, plan.expect == LOAD_UPPER,
                      plan.lines);
    load.scratch = memory_zeroed(1, LOAD_SCRATCH_BYTES);
    int status = load_loop(&load);
    if (status == 0)
        print(&load, argv[0]);
    else
        command_fail(&LOAD_COMMAND, EXIT_CODE_FAILURE, strerror(errno));
    free(load.scratch);
    load_payload_release(&load.payload);
    bool all_served = status == 0 && load.report.outcomes[OUTCOME_SERVED] > 0 &&
                      load_report_failures(&load.report) == 0;
    return all_served ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

const struct command LOAD_COMMAND = {
    .name = "load",
    .summary = "many connections: throughput, latency, and what became of each",
    .help =
        "usage: preforkc load [OPTION...] ADDRESS\n"
        "\n"
        "  --mode connect      connect, send, receive the reply, close; again (the default)\n"
        "         roundtrip    connections stay open, one message after another\n"
        "         stream       each connection sends on and on and reads what comes back\n"
        "         burst        open --count connections at once (100), send a message on each,\n"
        "                      hold all open until each has its reply\n"
        "  --concurrency N     connections at a time (8)\n"
        "  --duration D        for so long (5s; with --count no limit)\n"
        "  --count N           until N messages were sent by all connections together\n"
        "  --size BYTES        of a message (64; stream: 64K); K and M are 1024 each\n"
        "  --timeout D         an attempt that takes longer has failed; in a stream, a silence\n"
        "                      that lasts longer (5s)\n"
        "  --expect echo       the reply is the message (the default)\n"
        "           upper      the reply is the message in upper case\n"
        "           any        any reply of at least a byte\n"
        "  --sources N         come from 127.0.0.1, 127.0.0.2 ... in turn (1): one address runs "
        "out\n"
        "                      of ports at about 14,000 new connections per second\n"
        "  --pause D           after each reply wait so long before the connection's next message\n"
        "                      (connect, roundtrip): latency without load\n"
        "  --ramp D            begin the connections one after another over so long, not all at "
        "once\n"
        "  --lines             end each message with a newline, for programs that read "
        "lines\n" PROXY_CLAIM_HELP "  --json              the result as one JSON object\n"
        "\n"
        "Over udp and unixgram a connection is a socket, and each message and reply one datagram; "
        "one\n"
        "that is lost is a timeout.\n"
        "\n"
        "Each attempt (a connection; a round trip in mode roundtrip) ends in one class: served,\n"
        "refused, reset, timeout, short (closed before the whole reply), mismatch (the reply is\n"
        "wrong), local (no descriptor, no port: this side's fault). After a failure a connection\n"
        "waits 10 ms. SIGINT ends the run early and prints what there is.\n"
        "\n"
        "Exit code: 0 every attempt was served, 1 not every one, 64 the command line is wrong.\n",
    .run = run,
};
