/* SPDX-License-Identifier: MIT
 *
 * trouble - a plugin that behaves well until it is told otherwise: by the option `trouble` when it
 * starts ("WHERE WHAT"), and by its clients, who say WHAT in a line.
 */
#include <preforkd/handler.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct preforkd_option OPTIONS[] = {
    {"trouble", PREFORKD_TEXT, "", 0, 0, "WHERE WHAT"},
    {"trace", PREFORKD_TEXT, "", 0, 0, "a file to which it says what was called"},
    {"patience", PREFORKD_DURATION, "1h", 1, 0x7fffffff, "how long a client may be silent"},
    {"number", PREFORKD_INTEGER, "5", 1, 9, "a digit"},
    {"flag", PREFORKD_BOOLEAN, "false", 0, 0, "yes or no"},
    {"room", PREFORKD_SIZE, "64K", 0, 0, "how much"},
    {0},
};

static const char *const COUNTERS[] = {"lines", "more", NULL};

static const char *trouble, *trace;
static int64_t patience;

static void hang(void)
{
    for (;;)
        pause();
}

/* Leave a process behind in a session of its own, which has a child. */
static void abandon(void)
{
    if (fork() > 0)
        return;
    setsid();
    fork();
    hang();
}

/* What every function can be told to do. 1 where WHAT is none of it. */
static int misbehave(const char *what)
{
    static void *volatile kept;
    static int *volatile nowhere;
    char first[16];
    const char *next = strstr(what, " and ");
    if (next) {
        snprintf(first, sizeof first, "%.*s", (int)(next - what), what);
        misbehave(first);
        return misbehave(next + 5);
    }
    if (strcmp(what, "crash") == 0)
        *nowhere = 1;
    else if (strcmp(what, "hang") == 0)
        hang();
    else if (strcmp(what, "exit") == 0)
        exit(3);
    else if (strcmp(what, "exit 0") == 0)
        exit(0);
    else if (strcmp(what, "_exit") == 0)
        _exit(3);
    else if (strcmp(what, "fork") == 0 && fork() == 0)
        hang();
    else if (strcmp(what, "abandon") == 0)
        abandon();
    else if (strcmp(what, "deaf") == 0)
        for (int number = 1; number < 65; number++)
            signal(number, SIG_IGN);
    else if (strcmp(what, "close") == 0)
        for (int fd = 3; fd < 1000; fd++)
            close(fd);
    else if (strcmp(what, "slow") == 0)
        nanosleep(&(struct timespec){0, 300000000}, NULL);
    else if (strcmp(what, "grow") == 0)
        kept = memset(malloc(8 << 20), 1, 8 << 20);
    else if (strcmp(what, "leak") == 0)
        (void)!open("/dev/null", O_RDONLY);
    else
        return strcmp(what, "fork") != 0;
    (void)kept;
    return 0;
}

static void say(const char *what)
{
    int fd = trace && trace[0] ? open(trace, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    (void)!dprintf(fd, "%s %d\n", what, (int)getpid());
    close(fd);
}

/* -1 where it is to fail there. */
static int in(const char *where, char *reason, size_t size)
{
    size_t length = strlen(where);
    say(where);
    if (strncmp(trouble, where, length) != 0 || trouble[length] != ' ')
        return 0;
    if (misbehave(trouble + length + 1) == 0)
        return 0;
    if (reason && strcmp(trouble + length + 1, "refuse") == 0)
        snprintf(reason, size, "%s has no reason to work", where);
    return -1;
}

static int check_config(const struct preforkd_host *host, const struct preforkd_options *options,
                        char *reason, size_t size)
{
    trouble = host->option_text(options, "trouble");
    trace = host->option_text(options, "trace");
    patience = host->option_number(options, "patience");
    return in("check_config", reason, size);
}

static int pool_init(const struct preforkd_host *host, const struct preforkd_options *options,
                     void **state, char *reason, size_t size)
{
    static char text[200];
    snprintf(text, sizeof text, "number=%lld flag=%lld room=%lld",
             (long long)host->option_number(options, "number"),
             (long long)host->option_number(options, "flag"),
             (long long)host->option_number(options, "room"));
    *state = text;
    return in("pool_init", reason, size);
}

static int worker_init(const struct preforkd_host *host, void **state, char *reason, size_t size)
{
    (void)host;
    (void)state;
    return in("worker_init", reason, size);
}

static int verify(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    (void)host;
    (void)client;
    (void)state;
    return in("verify", NULL, 0);
}

static int setup(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    (void)host;
    (void)client;
    (void)state;
    return in("setup", NULL, 0);
}

static void finish(const struct preforkd_host *host, struct preforkd_connection *client,
                   void *state)
{
    (void)host;
    (void)client;
    (void)state;
    in("finish", NULL, 0);
}

static void tick(const struct preforkd_host *host, void *state)
{
    (void)host;
    (void)state;
    in("tick", NULL, 0);
}

static void worker_exit(const struct preforkd_host *host, void *state)
{
    (void)host;
    (void)state;
    in("worker_exit", NULL, 0);
}

/* As handlers that have such a function of their own. */
static void __attribute__((format(printf, 3, 4)))
tell(const struct preforkd_host *host, struct preforkd_connection *client, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    host->vprint(client, format, arguments);
    va_end(arguments);
}

static void ask(const struct preforkd_host *host, struct preforkd_connection *client, void *state,
                const char *what)
{
    if (strncmp(what, "status ", 7) == 0)
        host->status(what + 7);
    else if (strncmp(what, "count ", 6) == 0)
        host->count(0, strtoull(what + 6, NULL, 10));
    else if (strcmp(what, "options") == 0)
        host->print(client, "%s\n", (const char *)state);
    else if (strcmp(what, "who") == 0)
        tell(host, client, "%s %s %s %s\n", host->peer(client), host->transport(client),
             host->local(client), host->listener(client));
    else if (strcmp(what, "stopping") == 0)
        host->print(client, "%d\n", host->stopping());
    else
        misbehave(what);
    host->print(client, "done\n");
}

/* "log", "who", or what else it can be told to do; answered where it comes back. */
static void datagram(const struct preforkd_host *host, struct preforkd_datagram *d, void *state)
{
    static char answer[1024]; /* until it is sent */
    char what[256];
    size_t size;
    const char *bytes = host->datagram_bytes(d, &size);
    (void)state;
    snprintf(what, sizeof what, "%.*s", (int)size, bytes);
    snprintf(answer, sizeof answer, "%s %s %s", host->datagram_peer(d), host->datagram_local(d),
             host->datagram_listener(d));
    if (strcmp(what, "log") == 0)
        host->datagram_log(d, PREFORKD_LOG_WARNING, "asked", "for", bytes, size);
    else if (strcmp(what, "who") != 0)
        misbehave(what);
    host->datagram_reply(d, answer, strlen(answer));
}

/* In a duplicate, by somebody else. */
static int hand_over(const struct preforkd_host *host, struct preforkd_connection *client)
{
    int fd = dup(host->descriptor(client));
    if (fork() != 0)
        return close(fd);
    close(host->descriptor(client)); /* this process is nobody's worker */
    sleep(1);
    (void)!write(fd, "later\n", 6);
    _exit(0);
}

static int ended(const struct preforkd_host *host, struct preforkd_connection *client,
                 ptrdiff_t result)
{
    host->deadline_set(client, 0);
    host->print(client, "result %d\n", (int)result);
    return PREFORKD_CLOSE;
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    char what[256];
    ptrdiff_t got;
    in("handle", NULL, 0);
    for (;;) {
        host->deadline_set(client, patience);
        if ((got = host->read_line(client, what, sizeof what)) <= 0)
            return ended(host, client, got);
        if (strcmp(what, "retire") == 0)
            return PREFORKD_LINGER | PREFORKD_RETIRE;
        if (strcmp(what, "abort") == 0)
            return PREFORKD_ABORT;
        if (strcmp(what, "detach") == 0 && hand_over(host, client) == 0)
            return PREFORKD_DETACHED;
        ask(host, client, state, what);
    }
}

PREFORKD_PLUGIN = {
    PREFORKD_HANDLER("trouble"),
    .options = OPTIONS,
    .counters = COUNTERS,
    .tick_ms = 20,
    .check_config = check_config,
    .pool_init = pool_init,
    .worker_init = worker_init,
    .verify = verify,
    .setup = setup,
    .handle = handle,
    .datagram = datagram,
    .finish = finish,
    .tick = tick,
    .worker_exit = worker_exit,
};
