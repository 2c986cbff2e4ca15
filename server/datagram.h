/* SPDX-License-Identifier: MIT
 *
 * datagram - receiving datagrams, having the handler answer them, and sending the answers.
 *
 * Workers compete in recvmmsg(2) on one shared socket. A worker that is woken takes what is there,
 * up to a batch, and answers with one sendmmsg(2): a batch of one costs what recvfrom and sendto
 * would. Answers go out from the address that was asked (IP_PKTINFO, ip(7)).
 */
#ifndef SERVER_DATAGRAM_H
#define SERVER_DATAGRAM_H

#include "include/scoreboard.h"
#include "server/datagram_message.h"

#include <preforkd/handler.h>
#include <signal.h>

struct datagram_plan {
    const struct preforkd_handler *handler;
    void *state;
    struct scoreboard_worker *slot;
    int batch; /* datagrams taken at once: more than 1 only for handlers that never wait */
    bool access_log;
    const volatile sig_atomic_t *stopping; /* the worker has to leave */
    void (*woken)(void);                   /* a signal came while it waited */
};

/* Serve once, as below. False where the socket has become unusable. */
bool datagram_serve_next(const struct datagram_plan *plan, int fd,
                         const struct datagram_socket *socket, int flags);

/* Wait for datagrams on the blocking socket FD and serve them. 0; or -1 and errno: EINTR for a
 * signal, EINVAL where somebody has shut it down. FLAGS: MSG_DONTWAIT where the socket is known to
 * be readable. Answers go out on the reply_fd of SOCKET: a drain signal that comes meanwhile takes
 * FD away, and what has been received is still answered. */
int datagram_serve(const struct datagram_plan *plan, int fd, const struct datagram_socket *socket,
                   int flags);

#endif
