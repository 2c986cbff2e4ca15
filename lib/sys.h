/* SPDX-License-Identifier: MIT
 *
 * sys - system calls that not every C library has a function for.
 */
#ifndef LIB_SYS_H
#define LIB_SYS_H

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* close_range(2), Linux 5.9. */
static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

/* execveat(2) of an open file. Returns only on failure. */
static inline int sys_execute(int file, char *const *arguments, char *const *environment)
{
    return (int)syscall(SYS_execveat, file, "", arguments, environment, AT_EMPTY_PATH);
}

/* futex(2): sleep as long as *WORD is VALUE; 0 when woken, or -1 with EAGAIN (it is another value)
 * or EINTR. */
static inline int sys_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    return (int)syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

/* futex(2): wake COUNT that sleep on WORD at most. */
static inline int sys_futex_wake(_Atomic uint32_t *word, uint32_t count)
{
    return (int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

#endif
