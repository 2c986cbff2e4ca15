/* SPDX-License-Identifier: MIT
 *
 * hook_exec - becoming another program. succession.h tells what happens to the client.
 *
 * The functions with a list of arguments (execl and its kin) are made of those with an array: the
 * real ones would not ask a hook.
 */
#include "server/preload/hook.h"
#include "server/preload/image.h"
#include "server/preload/succession.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#define LISTED_MAX 1024 /* arguments that somebody has written out one by one */

HOOK int execve(const char *path, char *const arguments[], char *const environment[])
{
    struct succession s;
    char *const *list = succession_begin(&s, AT_FDCWD, path, 0, environment);
    int status = REAL(execve)(path, arguments, list);
    succession_undo(&s);
    return status;
}

HOOK int fexecve(int fd, char *const arguments[], char *const environment[])
{
    struct succession s;
    char *const *list = succession_begin(&s, fd, "", AT_EMPTY_PATH, environment);
    int status = REAL(fexecve)(fd, arguments, list);
    succession_undo(&s);
    return status;
}

HOOK int execvpe(const char *file, char *const arguments[], char *const environment[])
{
    struct succession s;
    char path[PATH_MAX];
    bool found = client_due() && image_find(file, path, sizeof path);
    char *const *list = succession_begin(&s, AT_FDCWD, found ? path : NULL, 0, environment);
    int status = REAL(execvpe)(file, arguments, list);
    succession_undo(&s);
    return status;
}

HOOK int execv(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

HOOK int execvp(const char *file, char *const arguments[])
{
    return execvpe(file, arguments, environ);
}

/* FIRST and those behind it in LIST, up to a NULL; false where there are too many. */
static bool collect(const char *first, va_list list, char *arguments[static LISTED_MAX])
{
    union {
        const char *given;
        char *taken; /* exec takes no constants, and changes nothing */
    } argument = {.given = first};
    for (int count = 0; count < LISTED_MAX; count++) {
        arguments[count] = argument.taken;
        if (!argument.taken)
            return true;
        argument.given = va_arg(list, const char *);
    }
    errno = E2BIG;
    return false;
}

HOOK int execl(const char *path, const char *first, ...)
{
    char *arguments[LISTED_MAX];
    va_list list;
    va_start(list, first);
    bool fit = collect(first, list, arguments);
    va_end(list);
    return fit ? execve(path, arguments, environ) : -1;
}

HOOK int execlp(const char *file, const char *first, ...)
{
    char *arguments[LISTED_MAX];
    va_list list;
    va_start(list, first);
    bool fit = collect(first, list, arguments);
    va_end(list);
    return fit ? execvpe(file, arguments, environ) : -1;
}

HOOK int execle(const char *path, const char *first, ...)
{
    char *arguments[LISTED_MAX];
    char *const *environment = NULL;
    va_list list;
    va_start(list, first);
    bool fit = collect(first, list, arguments);
    if (fit)
        environment = va_arg(list, char *const *);
    va_end(list);
    return fit ? execve(path, arguments, environment) : -1;
}

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)
HOOK int execveat(int folder, const char *path, char *const arguments[], char *const environment[],
                  int flags)
{
    struct succession s;
    char *const *list = succession_begin(&s, folder, path, flags, environment);
    int status = REAL(execveat)(folder, path, arguments, list, flags);
    succession_undo(&s);
    return status;
}
#endif
#endif
