/* SPDX-License-Identifier: MIT
 *
 * copy - see copy.h.
 */
#include "server/preload/copy.h"

#include "lib/sys.h"
#include "server/preload/real.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Where the C library keeps the thread's id, NULL where that cannot be told. glibc gives the kernel
 * this address when a thread begins (set_tid_address(2)); musl gives another one. */
static pid_t *kept_thread_id(void)
{
    pid_t *at = NULL;
#if defined __GLIBC__ && defined PR_GET_TID_ADDRESS
    if (prctl(PR_GET_TID_ADDRESS, &at) < 0 || !at || *at != gettid())
        return NULL; /* a kernel without CONFIG_CHECKPOINT_RESTORE */
#endif
    return at;
}

static pid_t clone_as_sibling(pid_t *thread_id)
{
    void *robust = NULL;
    size_t robust_size = 0;
    bool has_robust = syscall(SYS_get_robust_list, 0, &robust, &robust_size) == 0 && robust;
    /* The child's id is the fourth or the fifth argument, as the architecture wills; the other one
     * is for thread-local storage, which stays as it is. */
    long pid = syscall(SYS_clone, CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, NULL,
                       NULL, thread_id, thread_id);
    if (pid < 0)
        return -errno;
    if (pid == 0 && has_robust)
        syscall(SYS_set_robust_list, robust, robust_size);
    return (pid_t)pid;
}

/* A grandchild, which is the parent's (a child subreaper) as soon as the process between is gone.
 * Its pid comes by a pipe. */
static pid_t fork_twice(void)
{
    int line[2];
    pid_t between, copy;
    if (pipe2(line, O_CLOEXEC) < 0)
        return -errno;
    between = REAL(fork)();
    if (between == 0) {
        pid_t self = getpid();
        copy = REAL(fork)();
        if (copy == 0) {
            while (getppid() == self)
                poll(NULL, 0, 0);
            close(line[0]);
            close(line[1]);
            return 0;
        }
        copy = copy < 0 ? -errno : copy;
        _exit(write(line[1], &copy, sizeof copy) != sizeof copy);
    }
    copy = between < 0 ? -errno : -EAGAIN;
    close(line[1]);
    if (between > 0) {
        if (read(line[0], &copy, sizeof copy) != sizeof copy)
            copy = -EAGAIN;
        waitpid(between, NULL, 0);
    }
    close(line[0]);
    return copy;
}

pid_t copy_make(void)
{
    pid_t *thread_id = kept_thread_id();
    return thread_id ? clone_as_sibling(thread_id) : fork_twice();
}
