/* SPDX-License-Identifier: MIT
 *
 * unready - a worker that does not become ready while the file $PREFORKD_SHIM_UNREADY exists: what
 * the file says happens where the worker takes its name, which is the first thing it does.
 *
 *     exit N      it exits with that status
 *     signal N    it dies of that signal
 *     wait        it waits until the file is gone, then goes on
 *
 * With $PREFORKD_SHIM_SERVICE only workers of the pool with that service (its first argument).
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int is_meant(void)
{
    char line[256] = "";
    const char *service = getenv("PREFORKD_SHIM_SERVICE");
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, line, sizeof line - 1);
    close(fd);
    return !service || (got > 0 && strcmp(line + strlen(line) + 1, service) == 0);
}

static void misbehave(const char *path)
{
    char word[16] = "";
    int number = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    int fields = fscanf(file, "%15s %d", word, &number);
    fclose(file);
    if (fields == 2 && strcmp(word, "exit") == 0)
        _exit(number);
    if (fields == 2 && strcmp(word, "signal") == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(number, SIG_DFL);
        raise(number);
    }
    while (strcmp(word, "wait") == 0 && access(path, F_OK) == 0)
        usleep(2000);
}

int prctl(int option, ...)
{
    static int (*real)(int, unsigned long, unsigned long, unsigned long, unsigned long);
    unsigned long a[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(list, unsigned long);
    va_end(list);
    const char *path = getenv("PREFORKD_SHIM_UNREADY");
    if (option == PR_SET_NAME && path && strcmp((const char *)a[0], "preforkd-worker") == 0 &&
        is_meant())
        misbehave(path);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "prctl");
    return real(option, a[0], a[1], a[2], a[3]);
}
