/* SPDX-License-Identifier: MIT
 *
 * warm.h - the contract between a worker and the preload library that waits inside its program.
 *
 * A worker of a service with `warm` executes the program before there is a client, with
 * preforkd-preload.so in LD_PRELOAD and this plan in the environment (WARM_VARIABLE). From then on
 * the library is the worker of include/worker.h: it says READY, waits at the gate, accepts, drains
 * and keeps the scoreboard slot, until it has a client. Then it puts the client in place of
 * descriptors 0 and 1, sets the variables of the connection, removes every trace of itself and lets
 * the program go on. From the slot's phase PROGRAM on, the pool alone looks after the process.
 *
 * Cold programs have a template, too, which makes their workers (server/program_template.h); for it
 * the orders below hold.
 *
 * With a template, the process that reached its waiting point takes no client itself: for each
 * order on control_fd it makes a copy of itself that is a child of the pool (clone(2),
 * CLONE_PARENT) and becomes a worker.
 *
 * Descriptors 0 and 1 are a socket that is not connected, of the family of the first listener; 2 is
 * where the program's errors go. The numbers below are open without close-on-exec in the program as
 * executed; the library sets it at once.
 */
#ifndef WARM_H
#define WARM_H

#include "lib/cidr.h"

#include <stdbool.h>
#include <stdint.h>

#define WARM_VARIABLE       "PREFORKD_WARM"
#define WARM_PROXY_VARIABLE "PREFORKD_PROXY" /* only where the service is behind a proxy */

enum warm_mode {
    WARM_OFF,   /* cold: the program is executed when its client is there */
    WARM_START, /* waits before main() */
    WARM_IO     /* waits at the first touch of descriptor 0 or 1, or 2 where that is the client */
};

struct warm_plan {
    enum warm_mode mode; /* WARM_START or WARM_IO */
    uint32_t slot;       /* of the scoreboard; not used by a template */
    uint32_t slots;      /* it has so many */
    int32_t pool_pid;
    bool gate_open;     /* there is no need to wait at the gate */
    int scoreboard_fd;  /* to be mapped for writing, then closed */
    int notify_fd;      /* eventfd, see worker.h */
    int gate_fd;        /* see worker.h */
    int library_fd;     /* the library itself: LD_PRELOAD is /proc/self/fd/<this> */
    int control_fd;     /* a template's SOCK_SEQPACKET to the pool; -1: this is a worker */
    int listener_first; /* listening sockets: this number and the following ones */
    int listener_count; /* more than one: they are non-blocking */
};

/* Over control_fd, a packet each. */

/* Template to pool, once, when it has reached its waiting point. */
struct warm_hello {
    uint32_t magic;   /* WARM_MAGIC */
    uint32_t threads; /* of the template; with more than one no copies can be made, and it exits */
    uint32_t written; /* files open for writing, which copies would share with each other's clients:
                         with any, the same */
    uint32_t zero;    /* no two kinds of packets have the same length */
};

/* Pool to template: make a worker. With it comes the descriptor that becomes its number 2. */
struct warm_order {
    uint32_t magic;
    uint32_t slot;
    uint32_t gate_open;
};

/* Template to pool: the answer to one order, in their sequence. */
struct warm_answer {
    uint32_t magic;
    uint32_t slot;
    int32_t pid; /* of the copy, a child of the pool; or -errno */
};

#define WARM_MAGIC 0x70665731u /* "pfW1": changes with the layouts above */

/* The text of WARM_VARIABLE's value; room for it with its NUL. Returns TEXT. lib/warm.c */
#define WARM_TEXT_MAX 192
char *warm_print(const struct warm_plan *plan, char text[static WARM_TEXT_MAX]);

/* 0, or -1 where TEXT is not what warm_print() writes. */
int warm_parse(const char *text, struct warm_plan *plan);

/* proxy_protocol = "required": each client is introduced by the header of the PROXY protocol, which
 * is read before the program has the connection; without it the connection is closed. */
struct warm_proxy {
    int64_t timeout_ms;         /* for the header */
    bool log;                   /* tell who was refused */
    const struct cidr *trusted; /* networks whose headers count; COUNT of them, at least one */
    size_t count;
};

/* The text of WARM_PROXY_VARIABLE's value, in WARM_PROXY_ROOM(proxy->count) bytes. Returns TEXT.
 * lib/warm_proxy.c */
#define WARM_PROXY_ROOM(count) (CIDR_TEXT_MAX * (count) + 32)
char *warm_proxy_print(const struct warm_proxy *proxy, char *text);

/* As many networks are in TEXT at most. */
size_t warm_proxy_networks(const char *text);

/* 0, or -1 where TEXT is not what warm_proxy_print() writes. The networks are put into TRUSTED,
 * which has room for warm_proxy_networks() of them. */
int warm_proxy_parse(const char *text, struct warm_proxy *proxy, struct cidr *trusted);

#endif
