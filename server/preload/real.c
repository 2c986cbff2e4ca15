/* SPDX-License-Identifier: MIT
 *
 * real - see real.h.
 */
#include "server/preload/real.h"

#include "server/preload/complaint.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define STATUS 127 /* as where the loader finds no such function */

static const char *const names[] = {
#define F(name) #name,
    REAL_SYSTEM_FUNCTIONS(F) REAL_STREAM_FUNCTIONS(F) REAL_GLIBC_FUNCTIONS(F)
#undef F
#define F(id, name) name,
        REAL_NAMED_FUNCTIONS(F)
#undef F
};

static void *_Atomic functions[REAL_COUNT];

static void *look_up(enum real_function which)
{
    int saved = errno;
    void *function = dlsym(RTLD_NEXT, names[which]);
    atomic_store_explicit(&functions[which], function, memory_order_relaxed);
    errno = saved;
    return function;
}

void *real_find(enum real_function which)
{
    void *function = atomic_load_explicit(&functions[which], memory_order_relaxed);
    if (__builtin_expect(!function, 0) && !(function = look_up(which)))
        complaint_exit(names[which], ENOSYS, STATUS);
    return function;
}

void real_load(void)
{
#define F(name) look_up(REAL_##name);
    REAL_SYSTEM_FUNCTIONS(F)
#undef F
    look_up(REAL_fork_sharing); /* vfork(2) */
}
