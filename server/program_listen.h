/* SPDX-License-Identifier: MIT
 *
 * program_listen - a worker becomes a program that accepts by itself, and is handed the sockets.
 *
 * Its environment is that of program_environment.h, with what handover.h tells of the sockets, and
 * WORKER_VARIABLE (include/worker.h).
 */
#ifndef SERVER_PROGRAM_LISTEN_H
#define SERVER_PROGRAM_LISTEN_H

#include "include/worker.h"

/* In the worker, after program_birth(): execute it. Returns only on failure, which is logged. */
void program_listen_start(uint32_t slot);

#endif
