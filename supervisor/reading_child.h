/* SPDX-License-Identifier: MIT
 *
 * reading_child - the process that reads a configuration file and then ends. It does all that may
 * take long, crash or load foreign code: it opens files, parses, asks the name server and the user
 * database (whose modules are loaded into it, nsswitch.conf(5)). It runs as the supervisor's user,
 * because it must see the same files, and keeps nothing else of it.
 */
#ifndef SUPERVISOR_READING_CHILD_H
#define SUPERVISOR_READING_CHILD_H

#include <sys/types.h>

#define READING_CPU_SECONDS  5
#define READING_MEMORY_MIB   256
#define READING_SNAPSHOT_MAX (4U << 20) /* bytes that it may have to say: read back in a moment */

/* The rest of a freshly forked child of PARENT: read FILE with all that it includes, and leave in
 * the memfd SNAPSHOT (lib/config_snapshot.h) the configuration as config_print_resolved() writes
 * it, exit status 0; or what is wrong, FILE:LINE: text, line by line, status EXIT_CODE_CONFIG. Any
 * other end leaves nothing. */
_Noreturn void reading_child_run(const char *file, int snapshot, pid_t parent);

#endif
