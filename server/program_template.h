/* SPDX-License-Identifier: MIT
 *
 * program_template - a process that makes the workers of a program which is started cold.
 *
 * A worker of such a service lives for one connection, and most of what preforkd adds to it would
 * be fork(2) copying the pool's memory, page by page, for a process that drops all of it with
 * execve(2). So the pool has one process, a fork of itself, that makes the workers with clone(2):
 * until they execute the program they share the memory of that process (CLONE_VM), and are children
 * of the pool (CLONE_PARENT). The orders are those to any template (include/warm.h).
 *
 * Shared memory is what this has to be careful with:
 *   - Nobody else lives in it: no pool, no log, no byte that a client sent. Whatever goes wrong, at
 *     most workers are lost that have not executed the program yet.
 *   - Each worker has a cell of its own, its stack included, and writes nowhere else. It allocates
 *     nothing, takes no lock, writes no log; a program that cannot be executed is told by the pool.
 *   - errno is one variable for all. Nothing is decided by it but what a wrong value cannot harm.
 */
#ifndef SERVER_PROGRAM_TEMPLATE_H
#define SERVER_PROGRAM_TEMPLATE_H

#include <stdbool.h>

/* After program_prepare(): can the workers be made like that at present? */
bool program_template_possible(void);

/* After program_birth(), all signals blocked: make workers as the pool orders them on CONTROL_FD,
 * until it closes its end. */
_Noreturn void program_template_serve(int control_fd);

#endif
