/* SPDX-License-Identifier: MIT
 *
 * config_read - a configuration file that is hard to read: where $PREFORKD_SHIM_READ is the path of
 * a file, one word in it says what happens to the process that reads.
 *
 *     crash, spin, memory, wait    in the parser of libconfig; wait: until the file is gone
 *     resolver                     a name server that never answers
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <libconfig.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_told(const char *word)
{
    char text[16] = "";
    const char *path = getenv("PREFORKD_SHIM_READ");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    close(fd);
    return got > 0 && strncmp(text, word, strlen(word)) == 0;
}

int config_read(config_t *config, FILE *stream)
{
    static int (*real)(config_t *, FILE *);
    if (is_told("crash"))
        raise(SIGSEGV);
    for (volatile int spin = is_told("spin"); spin;)
        ;
    while (is_told("memory")) {
        char *block = malloc(1 << 20);
        memset(block, 1, 1 << 20); /* and without any, a crash */
    }
    while (is_told("wait"))
        usleep(1000);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "config_read");
    return real(config, stream);
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    while (is_told("resolver"))
        usleep(1000);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, list);
}
