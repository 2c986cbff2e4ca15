/* SPDX-License-Identifier: MIT
 *
 * herd - keeps up a load of connections against echo, and says what became of each one.
 *
 *     herd [-c N] [-n N] [-r N] [-p MS] [-t MS] [-g] ADDRESS…
 *
 *     ADDRESS   PORT of 127.0.0.1, /path or @abstract; connections take them in turn
 *     -c 32     connections at a time
 *     -n 0      end after that many; 0: at SIGTERM
 *     -r 2      messages of each
 *     -p 20     ms that every 16th pauses between its messages
 *     -t 20000  ms after which one is late
 *     -g        an end before any answer is a refusal by policy
 *
 * Connection K sends messages that have K in them and compares every byte that comes back. It ends
 * in exactly one class of enum class. One JSON line goes to standard output for each that was not
 * served, one several times a second with the sum so far, one at the end with all sums, which add
 * up. Times are seconds of CLOCK_MONOTONIC. Nothing this program does resets a connection: it
 * closes first and orderly, and spreads over eight addresses of loopback for want of ports.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

enum class { SERVED, POLICY, REFUSED, RESET_BEFORE, RESET_MIDDLE, TIMEOUT, WRONG, CLASSES };

static const char *const class_names[CLASSES] = {
    "served", "policy", "refused", "reset_before", "reset_middle", "timeout", "wrong"};

/* WAITING: none, until wake_ms. PAUSING: answered, says nothing until wake_ms. */
enum state { WAITING, CONNECTING, ASKING, PAUSING };

#define SOURCES        8
#define ADDRESSES      8
#define CONNECTIONS    1024
#define MESSAGE_NUMBER 8
#define LOOK_MS        2   /* how often times are looked at */
#define SHOW_MS        100 /* how often the sum so far is written */
#define AFTER_LOSS_MS  5   /* no flood while nobody is there */

struct message {
    uint64_t numbers[MESSAGE_NUMBER];
};

struct connection {
    int fd;
    enum state state;
    uint64_t id;
    int round;
    size_t received; /* bytes of this round's answer */
    bool answered;   /* any byte ever */
    double began_s;
    int64_t late_ms, wake_ms;
    const struct sockaddr_storage *to;
    char peer[32]; /* as the daemon's log calls us */
    struct message answer;
};

static struct {
    int connections, rounds;
    int64_t limit, pause_ms, timeout_ms;
    bool policy;
    struct sockaddr_storage to[ADDRESSES];
    int addresses;
} options = {.connections = 32, .rounds = 2, .pause_ms = 20, .timeout_ms = 20000};

static struct connection connections[CONNECTIONS];
static uint64_t begun, ended[CLASSES];
static double longest_s;
static int epoll;
static volatile sig_atomic_t stopping;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int64_t now_ms(void)
{
    return (int64_t)(now_s() * 1000);
}

/* What is wrong here is no finding about a server. */
static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "herd: %s: %s\n", what, strerror(errno));
    exit(71);
}

/* ---- one connection ---- */

static void conclude(struct connection *c, enum class class, const char *how)
{
    double now = now_s();
    ended[class]++;
    if (class != SERVED)
        printf("{\"class\":\"%s\",\"how\":\"%s\",\"id\":%llu,\"peer\":\"%s\",\"round\":%d,"
               "\"began\":%.6f,\"ended\":%.6f}\n",
               class_names[class], how, (unsigned long long)c->id, c->peer, c->round, c->began_s,
               now);
    else if (now - c->began_s > longest_s)
        longest_s = now - c->began_s;
    close(c->fd);
    c->fd = -1;
    c->state = WAITING;
    c->wake_ms = class == SERVED ? 0 : now_ms() + AFTER_LOSS_MS;
}

static void conclude_cut(struct connection *c, const char *how, bool orderly)
{
    if (options.policy && orderly && !c->answered)
        conclude(c, POLICY, how);
    else
        conclude(c, c->answered ? RESET_MIDDLE : RESET_BEFORE, how);
}

static void conclude_errno(struct connection *c)
{
    const char *how = strerrorname_np(errno);
    if (c->state == CONNECTING && (errno == ECONNREFUSED || errno == ENOENT))
        conclude(c, REFUSED, how);
    else if (errno == ETIMEDOUT)
        conclude(c, TIMEOUT, how);
    else if (errno == ECONNRESET || errno == EPIPE || errno == ECONNREFUSED)
        conclude_cut(c, how, false);
    else
        give_up("a connection");
}

static struct message message_of(const struct connection *c)
{
    struct message m;
    for (int i = 0; i < MESSAGE_NUMBER; i++)
        m.numbers[i] =
            c->id * 0x9e3779b97f4a7c15u + (uint64_t)c->round * MESSAGE_NUMBER + (uint64_t)i;
    m.numbers[0] = c->id;
    return m;
}

static void ask(struct connection *c)
{
    struct message m = message_of(c);
    c->state = ASKING;
    c->received = 0;
    if (send(c->fd, &m, sizeof m, MSG_NOSIGNAL) != (ssize_t)sizeof m)
        conclude_errno(c);
}

static void take_answer(struct connection *c)
{
    if (++c->round == options.rounds) {
        conclude(c, SERVED, "");
    } else if (c->id % 16 == 0) {
        c->state = PAUSING;
        c->wake_ms = now_ms() + options.pause_ms;
    } else {
        ask(c);
    }
}

static void take_bytes(struct connection *c, size_t n)
{
    struct message wanted = message_of(c);
    c->answered = true;
    c->received += n;
    if (memcmp(&c->answer, &wanted, c->received) != 0)
        conclude(c, WRONG, "other bytes");
    else if (c->received == sizeof c->answer)
        take_answer(c);
}

/* False where nothing more is there at the moment. */
static bool receive(struct connection *c)
{
    char *to = (char *)&c->answer + c->received;
    size_t room = c->state == ASKING ? sizeof c->answer - c->received : 0;
    char unasked;
    ssize_t n = recv(c->fd, room ? to : &unasked, room ? room : 1, 0);
    if (n > 0 && !room) {
        conclude(c, WRONG, "unasked bytes");
    } else if (n > 0) {
        take_bytes(c, (size_t)n);
    } else if (n == 0) {
        conclude_cut(c, "end", true);
    } else if (errno == EAGAIN) {
        return false;
    } else if (errno != EINTR) {
        conclude_errno(c);
    }
    return true;
}

static void on_events(struct connection *c, uint32_t events)
{
    int error = 0;
    socklen_t length = sizeof error;
    if (c->state == CONNECTING && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if ((errno = error) != 0)
            conclude_errno(c);
        else
            ask(c);
    } else if (c->state != WAITING && events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        /* Events are edges: with the last bytes the end may have been told, which is told once. */
        while (receive(c) && c->state != WAITING && events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP))
            ;
    }
}

/* ---- its beginning ---- */

static void bind_source(struct connection *c)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(c->id % SOURCES));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
        give_up("bind");
}

static void note_peer(struct connection *c)
{
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    char host[INET_ADDRSTRLEN];
    snprintf(c->peer, sizeof c->peer, "unix");
    if (c->to->ss_family != AF_INET || getsockname(c->fd, (struct sockaddr *)&from, &length) < 0)
        return;
    inet_ntop(AF_INET, &from.sin_addr, host, sizeof host);
    snprintf(c->peer, sizeof c->peer, "%s:%d", host, ntohs(from.sin_port));
}

static socklen_t length_of(const struct sockaddr_storage *to)
{
    const struct sockaddr_un *local = (const void *)to;
    if (to->ss_family == AF_INET)
        return sizeof(struct sockaddr_in);
    if (local->sun_path[0] != '\0')
        return sizeof *local;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(local->sun_path + 1));
}

/* False where a Unix socket's queue is full: nothing has begun then. */
static bool dial(struct connection *c)
{
    int status = connect(c->fd, (const struct sockaddr *)c->to, length_of(c->to));
    if (status < 0 && errno == EAGAIN)
        return false;
    if (status < 0 && errno != EINPROGRESS) {
        conclude_errno(c);
        return true;
    }
    note_peer(c);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        give_up("epoll_ctl");
    return true;
}

static void begin(struct connection *c)
{
    const struct sockaddr_storage *to = &options.to[begun % (uint64_t)options.addresses];
    *c = (struct connection){.state = CONNECTING, .id = begun, .to = to, .began_s = now_s()};
    c->late_ms = now_ms() + options.timeout_ms;
    c->fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        give_up("socket");
    if (to->ss_family == AF_INET)
        bind_source(c);
    begun++;
    if (dial(c))
        return;
    begun--;
    close(c->fd);
    *c = (struct connection){.fd = -1, .wake_ms = now_ms() + 1};
}

/* ---- all of them ---- */

static bool may_begin(void)
{
    return !stopping && (options.limit == 0 || begun < (uint64_t)options.limit);
}

/* True where there is something left to wait for. */
static bool look(int64_t now)
{
    bool busy = false;
    for (struct connection *c = connections; c < connections + options.connections; c++) {
        if (c->state == WAITING && c->wake_ms <= now && may_begin())
            begin(c);
        else if (c->state == PAUSING && c->wake_ms <= now)
            ask(c);
        else if (c->state != WAITING && c->late_ms <= now)
            conclude(c, TIMEOUT, "late");
        busy |= c->state != WAITING;
    }
    return busy || may_begin();
}

static void show_sums(const char *name)
{
    uint64_t sum = 0;
    for (int i = 0; i < CLASSES; i++)
        sum += ended[i];
    printf("{\"%s\":%llu,\"begun\":%llu,\"longest_s\":%.6f", name, (unsigned long long)sum,
           (unsigned long long)begun, longest_s);
    for (int i = 0; i < CLASSES; i++)
        printf(",\"%s\":%llu", class_names[i], (unsigned long long)ended[i]);
    printf("}\n");
    fflush(stdout);
}

static void run(void)
{
    struct epoll_event events[64];
    int64_t look_ms = 0, show_ms = 0, now;
    bool more = true;
    while (more) {
        int n = epoll_wait(epoll, events, 64, LOOK_MS);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            on_events(c, events[i].events);
            if (c->state == WAITING && c->wake_ms == 0 && may_begin())
                begin(c);
        }
        if ((now = now_ms()) >= look_ms) {
            more = look(now);
            look_ms = now + LOOK_MS;
        }
        if (now >= show_ms) {
            show_sums("so_far");
            show_ms = now + SHOW_MS;
        }
    }
    show_sums("total");
}

/* ---- the command line ---- */

static void add_address(const char *text)
{
    struct sockaddr_storage *to = &options.to[options.addresses++];
    struct sockaddr_in *inet = (void *)to;
    struct sockaddr_un *local = (void *)to;
    if (text[0] != '/' && text[0] != '@') {
        *inet = (struct sockaddr_in){.sin_family = AF_INET};
        inet->sin_port = htons((in_port_t)strtol(text, NULL, 10));
        inet->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return;
    }
    local->sun_family = AF_UNIX;
    snprintf(local->sun_path, sizeof local->sun_path, "%s", text);
    if (text[0] == '@')
        local->sun_path[0] = '\0';
}

static void on_term(int number)
{
    (void)number;
    stopping = 1;
}

static void set_option(int letter, int64_t value)
{
    switch (letter) {
    case 'c':
        options.connections = value > 0 && value < CONNECTIONS ? (int)value : CONNECTIONS;
        break;
    case 'n':
        options.limit = value;
        break;
    case 'r':
        options.rounds = (int)value;
        break;
    case 'p':
        options.pause_ms = value;
        break;
    case 't':
        options.timeout_ms = value;
        break;
    case 'g':
        options.policy = true;
        break;
    default:
        exit(64);
    }
}

int main(int argc, char **argv)
{
    int letter;
    while ((letter = getopt(argc, argv, "c:n:r:p:t:g")) != -1)
        set_option(letter, optarg ? strtol(optarg, NULL, 10) : 0);
    if (optind == argc || argc - optind > ADDRESSES)
        return 64;
    while (optind < argc)
        add_address(argv[optind++]);
    signal(SIGTERM, on_term);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        give_up("epoll");
    run();
}
