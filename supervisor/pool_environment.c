/* SPDX-License-Identifier: MIT
 *
 * pool_environment - see pool_environment.h.
 */
#include "supervisor/pool_environment.h"

#include "lib/memory.h"

#include <stdbool.h>
#include <string.h>

/* Whole names, and beginnings of names. */
static const char *const KEPT[] = {
    "PATH=", "TMPDIR=",  "TZ=",         "TZDIR=",   "LANG=",   "LANGUAGE=",
    "LC_",   "LOCPATH=", "GCONV_PATH=", "LD_",      "MALLOC_", "GLIBC_TUNABLES=",
    "ASAN_", "LSAN_",    "UBSAN_",      "PREFORKD_"};

static bool is_kept(const char *variable)
{
    for (size_t i = 0; i < sizeof KEPT / sizeof *KEPT; i++)
        if (strncmp(variable, KEPT[i], strlen(KEPT[i])) == 0)
            return true;
    return false;
}

char **pool_environment(char *const *inherited)
{
    size_t count = 0, kept = 0;
    while (inherited[count])
        count++;
    char **environment = memory_zeroed(count + 1, sizeof *environment);
    for (size_t i = 0; i < count; i++)
        if (is_kept(inherited[i]))
            environment[kept++] = inherited[i];
    return environment;
}
