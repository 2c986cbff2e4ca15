/* SPDX-License-Identifier: MIT
 *
 * fork_refused - fork(), and clone3(2) by syscall(), that fail with EAGAIN while the file
 * $PREFORKD_SHIM_FORK exists, but for the first ones, as many as it has bytes. Only in the program
 * whose name $PREFORKD_SHIM_PROGRAM is, where that is set; only $PREFORKD_SHIM_PERCENT of the
 * calls, by dice that fall alike in every process, where that is set.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char *program_invocation_short_name;

static bool is_unlucky(void)
{
    static unsigned dice = 1;
    const char *percent = getenv("PREFORKD_SHIM_PERCENT");
    return !percent || rand_r(&dice) % 100 < strtol(percent, NULL, 10);
}

static bool is_refused(void)
{
    static off_t granted;
    struct stat status;
    const char *file = getenv("PREFORKD_SHIM_FORK"), *program = getenv("PREFORKD_SHIM_PROGRAM");
    if (!file || stat(file, &status) < 0 ||
        (program && strcmp(program, program_invocation_short_name) != 0) ||
        granted++ < status.st_size || !is_unlucky())
        return false;
    errno = EAGAIN;
    return true;
}

pid_t fork(void)
{
    static pid_t (*real)(void);
    if (is_refused())
        return -1;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fork");
    return real();
}

/* As many arguments as there can be: who gave fewer does not ask for the others. */
long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_clone3 && is_refused())
        return -1;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
