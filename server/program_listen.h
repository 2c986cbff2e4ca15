/* SPDX-License-Identifier: MIT
 *
 * program_listen - a worker becomes a program that accepts by itself, and is handed the sockets.
 */
#ifndef SERVER_PROGRAM_LISTEN_H
#define SERVER_PROGRAM_LISTEN_H

#include "include/worker.h"

/* In the worker, after program_birth(): execute it. Returns only on failure, which is logged. */
void program_listen_start(uint32_t slot);

#endif
