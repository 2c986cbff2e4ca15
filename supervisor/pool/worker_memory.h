/* SPDX-License-Identifier: MIT
 *
 * worker_memory - how much memory a process uses: its proportional set size, in which a page that
 * several processes share counts for each as its share, proc_pid_smaps(5).
 *
 * The resident size would count what all workers have in common for each of them.
 */
#ifndef POOL_WORKER_MEMORY_H
#define POOL_WORKER_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

/* Of a child that was not reaped, in bytes. 0 where it has ended; -1 and errno where it cannot be
 * read: EACCES from a process that is not dumpable, ENOENT where the kernel does not have it. */
int64_t worker_memory_measure(pid_t pid);

/* Pure: the text of smaps_rollup; in bytes, 0 where there is no such line. */
int64_t worker_memory_parse(const char *text);

#endif
