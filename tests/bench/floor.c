/* SPDX-License-Identifier: MIT
 *
 * floor - the least a process-per-connection echo server can do: what bench.py measures against.
 *
 *     floor PORT N [fresh]    N processes on 127.0.0.1:PORT; fresh: each serves one connection
 *     floor PORT N udp        the same for datagrams: recvfrom, sendto
 *     floor PORT N burst M    when the first of the N has a client, M more are forked at once
 *
 * No checks, no logs, no limits. SIGTERM ends it and all its processes.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int bell = -1; /* a pipe on which processes tell that they have a client; -1: nobody asks */

static void serve(int listener)
{
    static char bytes[65536];
    ssize_t n;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (bell >= 0 && write(bell, "", 1) < 0)
        _exit(71);
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) < n)
            break;
    close(fd);
}

static void answer(int fd)
{
    static char bytes[65536];
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, &length);
    if (n >= 0)
        sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&peer, length);
}

static void start(int listener, void (*work)(int), bool fresh, pid_t parent)
{
    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    do
        work(listener);
    while (!fresh);
    _exit(0);
}

static int open_socket(const char *port, bool udp)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0), on = 1;
    address.sin_port = htons((in_port_t)strtol(port, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || (!udp && listen(fd, 4096) < 0))
        _exit(69);
    return fd;
}

static void wait_for_bell(int fd)
{
    char byte;
    if (read(fd, &byte, 1) != 1)
        _exit(71);
    bell = -1;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 64;
    bool fresh = argc > 3 && strcmp(argv[3], "fresh") == 0;
    bool udp = argc > 3 && strcmp(argv[3], "udp") == 0;
    bool burst = argc > 4 && strcmp(argv[3], "burst") == 0;
    int listener = open_socket(argv[1], udp), ends[2];
    if (burst && pipe(ends) == 0)
        bell = ends[1];
    for (long n = strtol(argv[2], NULL, 10); n > 0; n--)
        start(listener, udp ? answer : serve, fresh, getpid());
    if (burst)
        wait_for_bell(ends[0]);
    for (long n = burst ? strtol(argv[4], NULL, 10) : 0; n > 0; n--)
        start(listener, serve, false, getpid());
    while (wait(NULL) > 0)
        start(listener, udp ? answer : serve, fresh, getpid());
}
