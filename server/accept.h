/* SPDX-License-Identifier: MIT
 *
 * accept - getting the next client, and what every errno of accept4(2) means; runs in the worker,
 * and in the programs that wait as workers (server/preload/).
 */
#ifndef SERVER_ACCEPT_H
#define SERVER_ACCEPT_H

#include "lib/address.h"

#include <signal.h>

/* What happens here that somebody should know of, with a NUMBER. */
enum accept_news {
    ACCEPT_REFUSED,   /* descriptors or memory ran out, it backs off; an errno */
    ACCEPT_RECOVERED, /* that is over; how often it was refused */
    ACCEPT_DEAD       /* the listening socket is unusable; an errno */
};

struct acceptor {
    const int *listeners;
    int count;
    int wait_fd; /* epoll(7) of all of them, in their order, for all workers; 0: there is none */
    const bool *datagram; /* which of them have no connections; NULL: all have */
    int next;     /* which one to ask first, so that none starves; the one that had something */
    int refusals; /* in a row: descriptors or memory ran out, or the socket is dead */
    const volatile sig_atomic_t *stopping;
    void (*tell)(enum accept_news news, int number); /* NULL: nobody wants to know */
    void (*woken)(void);   /* a signal came while it waited; NULL: nobody wants to know */
    void (*pause)(int ms); /* sleeps so long, or until a signal comes; NULL: poll(2) does */
};

enum accept_verdict {
    ACCEPT_RETRY,    /* that client is gone, or a signal came: ask again */
    ACCEPT_WAIT,     /* nothing there: wait with poll(2) */
    ACCEPT_BACK_OFF, /* descriptors or memory ran out: ask again later */
    ACCEPT_CLOSED    /* not a listening socket (any more): leave, or be replaced */
};

/* What ERROR, an errno of accept4(2), asks for. Pure. */
enum accept_verdict accept_judge(int error);

/* How long to wait after so many refusals in a row: 10 ms, doubling, 500 ms at most. Pure. */
int accept_delay_ms(int refusals);

/* The next client, its address in *PEER; blocks. A client that was accepted is always returned; -1
 * when the worker has to leave, and, with *STOPPING still 0, when the socket has been unusable for
 * a second or more (somebody who shares it has shut it down). */
int accept_next(struct acceptor *acceptor, union socket_address *peer);

/* What accept_next() returns for a datagram socket: the caller reads it, and where it is the only
 * one also waits for it. */
#define ACCEPT_DATAGRAM (-2)

#endif
