/* SPDX-License-Identifier: MIT
 *
 * floor - the least a process-per-connection echo server can do: what bench.py measures against.
 *
 *     floor PORT N [fresh]    N processes on 127.0.0.1:PORT; fresh: each serves one connection
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

static void serve(int listener)
{
    static char bytes[65536];
    ssize_t n;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) < n)
            break;
    close(fd);
}

static void start(int listener, bool fresh, pid_t parent)
{
    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    do
        serve(listener);
    while (!fresh);
    _exit(0);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (argc < 3)
        return 64;
    address.sin_port = htons((in_port_t)strtol(argv[1], NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 4096) < 0)
        return 69;
    bool fresh = argc > 3 && strcmp(argv[3], "fresh") == 0;
    for (long n = strtol(argv[2], NULL, 10); n > 0; n--)
        start(listener, fresh, getpid());
    while (wait(NULL) > 0)
        start(listener, fresh, getpid());
}
