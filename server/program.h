/* SPDX-License-Identifier: MIT
 *
 * program - a worker becomes the program of its service: execve(2) in the same process, which holds
 * the client's socket itself.
 *
 * Everything that does not depend on the client is done ahead: the pool finds the program and tries
 * it (program_trial.h), a worker arranges itself at its birth, so that between accept(2) and
 * execve(2) there is little left.
 */
#ifndef SERVER_PROGRAM_H
#define SERVER_PROGRAM_H

#include "include/worker.h"
#include "lib/address.h"
#include "server/program_environment.h"
#include "server/program_file.h"
#include "server/proxy_header.h"
#include "server/ucspi.h"

/* In the pool, before any fork: find the program, try whether it can be executed as configured. 0,
 * or -1 with ERROR, which names the reason. */
int program_prepare(const struct worker_plan *plan, struct error *error);

/* In the worker, before READY: session, directory, umask, priority. 0, or -1 with ERROR. */
int program_birth(struct error *error);

/* What one client adds. ENVIRONMENT begins as that of the program, with room for more. */
struct program_client {
    struct ucspi connection; /* variables point into it */
    struct program_environment environment;
};

/* The client on FD, which PEER has connected, is the program's, or who is named in HEADER, what a
 * proxy sent (NULL: nothing): execute it. SLOT knows of the connection (slot_begin). Where that
 * fails the slot's phase is BUSY again, and the worker has to exit with WORKER_EXIT_EXEC; the pool
 * says why (program_failure). Uses nothing that may be written but what it is given
 * (program_template.h). */
void program_become(struct program_client *client, int fd, const union socket_address *peer,
                    const struct proxy_header *header, struct scoreboard_worker *slot);

/* In any process of the pool: the errno of an attempt to execute it that failed for a client; 0
 * where there was none since it last worked. program_doubt() says that there was one. */
int program_failure(void);
void program_doubt(int number);

/* For those that start it in other ways. */

/* The one program of this pool; filled by program_prepare(), its environment added to by workers.
 */
struct program {
    const struct worker_plan *plan;
    const struct config_program *config;
    struct program_file file;
    struct program_environment environment;
};
extern struct program program;

/* Put the limits of the configuration into force. 0, or -1 with ERROR. */
int program_limit(struct error *error);

/* Put what becomes descriptor 2 there; CLIENT is its socket, where there is one. */
void program_place_errors(int client);

/* Default dispositions, empty mask, execve(2). Returns only on failure: -1 with ERROR. */
int program_execute(struct error *error);

#endif
