/* SPDX-License-Identifier: MIT
 *
 * desk - an information desk: a line protocol with options, counters, a status text, a state per
 * connection, and clients that are turned away.
 *
 *     NAME word    the desk remembers who asks
 *     ADD n        adds to the visitor's sum and answers it
 *     QUIT         good bye
 */
#include <preforkd/handler.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 256

static const struct preforkd_option OPTIONS[] = {
    {"greeting", PREFORKD_TEXT, "welcome", 0, 0, "what a visitor is told first"},
    {"visitors", PREFORKD_TEXT, "", 0, 0, "serve only addresses that begin so"},
    {"patience", PREFORKD_DURATION, "30s", 10, 3600000, "how long a visitor may think"},
    {"most_questions", PREFORKD_INTEGER, "100", 1, 1000000, "in one conversation"},
    {0},
};

enum counter { QUESTIONS, UNKNOWN };
static const char *const COUNTERS[] = {"questions", "unknown", NULL};

/* Made once in the pool; workers have copies of it. */
struct desk {
    const char *greeting, *visitors;
    int64_t patience_ms, most_questions;
};

/* Of one connection. */
struct visitor {
    char name[32];
    long long sum;
    int64_t questions;
};

static int pool_init(const struct preforkd_host *host, const struct preforkd_options *options,
                     void **state, char *reason, size_t reason_size)
{
    struct desk *desk = malloc(sizeof *desk);
    if (!desk) {
        snprintf(reason, reason_size, "out of memory");
        return -1;
    }
    desk->greeting = host->option_text(options, "greeting");
    desk->visitors = host->option_text(options, "visitors");
    desk->patience_ms = host->option_number(options, "patience");
    desk->most_questions = host->option_number(options, "most_questions");
    *state = desk;
    return 0;
}

static int verify(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    const struct desk *desk = state;
    return strncmp(host->peer(client), desk->visitors, strlen(desk->visitors)) == 0 ? 0 : -1;
}

static int setup(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    const struct desk *desk = state;
    struct visitor *visitor = calloc(1, sizeof *visitor);
    if (!visitor)
        return -1; /* no handle(), but finish() */
    snprintf(visitor->name, sizeof visitor->name, "somebody");
    host->set_userdata(client, visitor);
    return host->print(client, "%s\r\n", desk->greeting) < 0 ? -1 : 0;
}

/* `preforkctl workers` shows it, and the log where this worker dies. */
static void show(const struct preforkd_host *host, const struct visitor *visitor)
{
    char text[80];
    snprintf(text, sizeof text, "%s, %lld questions", visitor->name, (long long)visitor->questions);
    host->status(text);
}

/* Answers are kept until the next read has to wait: many questions at once, one answer packet. */
static int answer(const struct preforkd_host *host, struct preforkd_connection *client,
                  struct visitor *visitor, const char *line)
{
    host->count(QUESTIONS, 1);
    visitor->questions++;
    if (strncmp(line, "NAME ", 5) == 0) {
        snprintf(visitor->name, sizeof visitor->name, "%.31s", line + 5);
        return host->print(client, "hello, %s\r\n", visitor->name);
    }
    if (strncmp(line, "ADD ", 4) == 0) {
        visitor->sum = (long long)((unsigned long long)visitor->sum +
                                   (unsigned long long)strtoll(line + 4, NULL, 10));
        return host->print(client, "%lld\r\n", visitor->sum);
    }
    host->count(UNKNOWN, 1);
    host->log(client, PREFORKD_LOG_INFO, "unknown question", "line", line, strlen(line));
    return host->print(client, "? NAME word, ADD n, QUIT\r\n");
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    const struct desk *desk = state;
    struct visitor *visitor = host->userdata(client);
    char line[LINE_SIZE];
    ptrdiff_t got = 0;
    while (visitor->questions < desk->most_questions && !host->stopping()) {
        host->deadline_set(client, desk->patience_ms);
        got = host->read_line(client, line, sizeof line);
        if (got <= 0 || strcmp(line, "QUIT") == 0)
            break;
        if (answer(host, client, visitor, line) < 0)
            return PREFORKD_CLOSE;
        show(host, visitor);
    }
    host->deadline_set(client, 1000); /* for the last words */
    if (got == PREFORKD_TIMEOUT || got == PREFORKD_TOO_LONG)
        host->print(client, got == PREFORKD_TIMEOUT ? "too slow\r\n" : "too long\r\n");
    else if (got != PREFORKD_END)
        host->print(client, "good bye\r\n");
    return PREFORKD_LINGER;
}

static void finish(const struct preforkd_host *host, struct preforkd_connection *client,
                   void *state)
{
    (void)state;
    free(host->userdata(client));
}

PREFORKD_PLUGIN = {
    PREFORKD_HANDLER("desk"), .options = OPTIONS, .counters = COUNTERS, .pool_init = pool_init,
    .verify = verify,         .setup = setup,     .handle = handle,     .finish = finish,
};
