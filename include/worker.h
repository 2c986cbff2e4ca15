/* SPDX-License-Identifier: MIT
 *
 * worker.h - the contract between a pool and its workers.
 *
 * The pool initialises the handler once with worker_prepare(), and after each fork the child calls
 * worker_run(), which never returns. From then on the two share:
 *
 *     scoreboard slot   the worker writes its half (scoreboard.h)
 *     acceptors         who waits in accept4, who is parked (acceptors.h)
 *     notify            an eventfd the worker adds 1 to when it became READY, and when
 *                       it finds too few in an elastic pool idle (scoreboard_spare)
 *     wear              a pipe into which a worker that has no client puts a struct worker_wear
 *                       when it has served enough, or its slot's `worn` names it; it serves on
 *                       until its slot's `may_leave` names it, or it is told to leave
 *     gate              a pipe into which the pool puts a byte when its configuration is in force,
 *                       which nobody takes out; workers are READY before that, but accept nothing
 *     log_mailbox       a socket whose queue holds one packet with the present log, once that has
 *                       changed
 *     WORKER_DRAIN      signal: leave after the connection in hand
 *     WORKER_REOPEN     signal: take the log out of the mailbox (a copy; it is for all workers)
 *     WORKER_CUT        signal with a value (worker_cut_value): end that one connection
 *     exit status       enum worker_exit
 */
#ifndef WORKER_H
#define WORKER_H

#include "include/acceptors.h"
#include "include/scoreboard.h"
#include "lib/config.h"

#include <signal.h>

/* A worker may become a program at any moment (include/warm.h, server/program.h): signals that the
 * kernel ignores where nobody handles them, so that one that comes too late harms nobody. A worker
 * takes SIGTERM, which comes from people, for WORKER_DRAIN. */
#define WORKER_DRAIN  SIGWINCH
#define WORKER_CUT    SIGURG
#define WORKER_REOPEN SIGCONT

/* In the environment of a program that accepts by itself: the pid of its worker, which is its own.
 * What it has started is known by it, whatever became of sessions and parents. */
#define WORKER_VARIABLE "PREFORKD_WORKER"

enum worker_exit {
    WORKER_EXIT_LEFT = 0,     /* as asked, or after the one connection it may have */
    WORKER_EXIT_INIT = 100,   /* worker_init() refused */
    WORKER_EXIT_PARENT = 101, /* the pool was gone before the worker began */
    WORKER_EXIT_SOCKET = 102, /* the listening socket is dead */
    WORKER_EXIT_SYSTEM = 103, /* the system refused what every worker needs */
    WORKER_EXIT_EXEC = 104    /* the program could not be executed */
};

/* Why a connection ended. Also the reason that travels with WORKER_CUT. */
#define WORKER_ENDS(END)                                                                           \
    END(CLIENT, "client closed")      /* the client sent its end */                                \
    END(SERVER, "server closed")      /* the handler was done */                                   \
    END(PROGRAM, "program ended")     /* by itself */                                              \
    END(GONE, "reset")                /* the client reset it, or stopped reading and left */       \
    END(IDLE, "idle_timeout")         /* no byte moved for that long */                            \
    END(LIFETIME, "max_lifetime")     /* older than that */                                        \
    END(GRACEFUL, "graceful_timeout") /* its worker had to leave */                                \
    END(REFUSED, "refused")           /* by the handler, before anything was read */               \
    END(RECORD, "record too long")    /* seqpacket: to be received, or to be sent */               \
    END(FAILED, "system error")       /* recv or send failed for reasons of this machine */

enum worker_end {
#define END(id, text) WORKER_END_##id,
    WORKER_ENDS(END)
#undef END
};

extern const char *const worker_end_names[];

/* The value of WORKER_CUT: which connection (low bits of the slot's sequence) and why. A worker
 * that is at another connection by then ignores it. */
static inline int worker_cut_value(uint32_t sequence, enum worker_end reason)
{
    return (int)((sequence & 0x00FFFFFFu) | ((uint32_t)reason << 24));
}

/* "Replace me". The pid tells it from a word of who was in the slot before. */
struct worker_wear {
    uint32_t slot;
    int32_t pid;
};

/* What all workers of a pool have in common; made before the first fork. */
struct worker_plan {
    const struct config *config; /* of which this is one service */
    const struct config_service *service;
    const int *listeners; /* listening sockets; worker i has them at the same numbers */
    int listener_count;
    int wait_fd;    /* epoll(7), shared by the workers: which of several can be accepted from; 0:
                       they find out by themselves */
    int dead_fd;    /* put in place of the listeners on drain: neither accepts nor blocks */
    int gate_fd;    /* once it can be read the service is in force: accept from then on */
    bool gate_open; /* it is there already; written by the pool between forks */
    int notify_fd;
    int wear_fd; /* -1: workers are never asked to ask */
    int log_mailbox_fd;
    int error_fd;   /* of a program: where its errors go; each worker has its own there */
    int library_fd; /* the preload library; -1: there is none */
    int scoreboard_fd;
    /* For programs that accept by themselves. */
    uint32_t generation;
    const char *notify_name;  /* NOTIFY_SOCKET */
    const char *einhorn_path; /* EINHORN_SOCK_PATH; NULL: there is none */
    int keep_below;           /* close every descriptor from this number on */
    struct scoreboard *scoreboard;
    struct acceptors acceptors;
    pid_t pool_pid;
};

/* In the pool, before any fork: find and initialise the handler. 0, or -1 with ERROR. */
int worker_prepare(const struct worker_plan *plan, struct error *error);

/* The same without initialising anything: could it be? For a scratch process. */
int worker_check(const struct worker_plan *plan, struct error *error);

/* After worker_prepare(): are programs started before their client is there? */
bool worker_is_warm(void);

/* Programs, one for each connection: are workers copies of a template (warm.h)? Its answer changes
 * with the time. */
bool worker_is_copied(void);

/* After one ended with WORKER_EXIT_EXEC: why, as a text for people. */
void worker_tell_failure(char *text, size_t size);

/* What is different for each worker. Its descriptors are the pool's, close-on-exec. */
struct worker_birth {
    uint32_t slot;  /* its index in the scoreboard */
    int error_fd;   /* a program's errors: the write end of a pipe to the pool; -1: built-in */
    int control_fd; /* of a template (warm.h), which has no slot; -1: a worker */
};

/* In the child, right after fork, all signals blocked. Arms the lifeline, becomes READY, serves
 * until told to leave, exits with enum worker_exit; or becomes its program. */
_Noreturn void worker_run(const struct worker_plan *plan, const struct worker_birth *birth);

#endif
