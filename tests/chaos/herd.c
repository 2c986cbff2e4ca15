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
#include "herd_connection.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS 1024
#define LOOK_MS     2   /* how often times are looked at */
#define SHOW_MS     100 /* how often the sum so far is written */

static struct connection connections[CONNECTIONS];
static int count = 32;
static int64_t limit;
static volatile sig_atomic_t stopping;

static bool may_begin(void)
{
    return !stopping && (limit == 0 || herd.begun < (uint64_t)limit);
}

/* True where there is something left to wait for. */
static bool look(int64_t now)
{
    bool busy = false;
    for (struct connection *c = connections; c < connections + count; c++) {
        if (c->state == WAITING && c->wake_ms <= now && may_begin())
            connection_begin(c);
        else
            connection_on_time(c, now);
        busy |= c->state != WAITING;
    }
    return busy || may_begin();
}

static void show_sums(const char *name)
{
    uint64_t sum = 0;
    for (int i = 0; i < CLASS_COUNT; i++)
        sum += herd.ended[i];
    printf("{\"%s\":%llu,\"begun\":%llu,\"longest_s\":%.6f", name, (unsigned long long)sum,
           (unsigned long long)herd.begun, herd.longest_s);
    for (int i = 0; i < CLASS_COUNT; i++)
        printf(",\"%s\":%llu", class_names[i], (unsigned long long)herd.ended[i]);
    printf("}\n");
    fflush(stdout);
}

static void run(void)
{
    struct epoll_event events[64];
    int64_t look_ms = 0, show_ms = 0, now;
    bool more = true;
    while (more) {
        int n = epoll_wait(herd.epoll, events, 64, LOOK_MS);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            connection_on_events(c, events[i].events);
            if (c->state == WAITING && c->wake_ms == 0 && may_begin())
                connection_begin(c);
        }
        if ((now = connection_now_ms()) >= look_ms) {
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

/* The command line. */

static void add_address(const char *text)
{
    struct sockaddr_storage *to = &herd.to[herd.addresses++];
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
        count = value > 0 && value < CONNECTIONS ? (int)value : CONNECTIONS;
        break;
    case 'n':
        limit = value;
        break;
    case 'r':
        herd.rounds = (int)value;
        break;
    case 'p':
        herd.pause_ms = value;
        break;
    case 't':
        herd.timeout_ms = value;
        break;
    case 'g':
        herd.policy = true;
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
    herd.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (herd.epoll < 0)
        connection_give_up("epoll");
    run();
}
