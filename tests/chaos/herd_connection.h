/* SPDX-License-Identifier: MIT
 *
 * herd_connection - one connection of the herd, from its beginning to the class that it ends in.
 *
 * It sends messages that have its number in them and compares every byte that comes back. Nothing
 * here resets a connection: it closes first and orderly.
 */
#ifndef TESTS_CHAOS_HERD_CONNECTION_H
#define TESTS_CHAOS_HERD_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What may become of a connection; the names are those of the JSON lines. */
#define CLASSES(CLASS)                                                                             \
    CLASS(SERVED, "served")                                                                        \
    CLASS(POLICY, "policy")             /* an orderly end before any answer, where that is one */  \
    CLASS(REFUSED, "refused")           /* nobody listened */                                      \
    CLASS(RESET_BEFORE, "reset_before") /* cut before any answer */                                \
    CLASS(RESET_MIDDLE, "reset_middle") /* cut later */                                            \
    CLASS(TIMEOUT, "timeout")                                                                      \
    CLASS(WRONG, "wrong") /* other bytes than those that were sent, or more */

enum class {
#define CLASS(id, name) id,
    CLASSES(CLASS)
#undef CLASS
        CLASS_COUNT
};

extern const char *const class_names[CLASS_COUNT];

/* WAITING: none, until wake_ms. PAUSING: answered, says nothing until wake_ms. */
enum state { WAITING, CONNECTING, ASKING, PAUSING };

#define MESSAGE_NUMBER 8

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

#define ADDRESSES 8

/* How connections behave, and the sums of those that have ended. */
struct herd {
    int rounds; /* messages of each */
    int64_t pause_ms, timeout_ms;
    bool policy; /* an end before any answer is a refusal by policy */
    struct sockaddr_storage to[ADDRESSES];
    int addresses;
    int epoll;
    uint64_t begun, ended[CLASS_COUNT];
    double longest_s;
};

extern struct herd herd;

/* CLOCK_MONOTONIC */
int64_t connection_now_ms(void);

/* What is wrong with the herd itself is no finding about a server. */
_Noreturn void connection_give_up(const char *what);

/* The next one; still WAITING where the queue of a Unix socket was full. */
void connection_begin(struct connection *c);

/* What epoll says of it. */
void connection_on_events(struct connection *c, uint32_t events);

/* What is due: the end of a pause, the end of patience. */
void connection_on_time(struct connection *c, int64_t now_ms);

#endif
