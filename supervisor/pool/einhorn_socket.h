/* SPDX-License-Identifier: MIT
 *
 * einhorn_socket - a listening Unix socket that can be reached by a path and leaves no file.
 *
 * It has a name in the file system for a moment, in a folder of its own. What is left is
 * /proc/PID/fd/N, a descriptor of the inode it was bound to; connect(2) follows that. So nothing
 * stays behind however this process ends, and only processes that may look into it get in: those
 * of the same user, and root.
 */
#ifndef POOL_EINHORN_SOCKET_H
#define POOL_EINHORN_SOCKET_H

/* "/proc/PID/fd/N" */
#define EINHORN_SOCKET_PATH_MAX 40

/* Returns the listening socket (close-on-exec, does not block), or -1 and errno (ENOENT: there is
 * no /proc). *INODE has to stay open as long as PATH is to lead there. Makes this process
 * dumpable, PR_SET_DUMPABLE(2const). */
int einhorn_socket_open(char path[static EINHORN_SOCKET_PATH_MAX], int *inode);

#endif
