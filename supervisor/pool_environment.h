/* SPDX-License-Identifier: MIT
 *
 * pool_environment - the environment of pools, and of the scratch processes of `preforkd -t`.
 *
 * Foreign code runs there, as somebody who is not our starter. It gets what the C library, its
 * loader, a sanitizer and a person's language need, as include/preforkd/handler.h promises, and
 * PREFORKD_*, for whoever wants to hand something on; not HOME, not a secret, not NOTIFY_SOCKET.
 * What programs get is made there, from nothing (server/program_environment.h).
 */
#ifndef SUPERVISOR_POOL_ENVIRONMENT_H
#define SUPERVISOR_POOL_ENVIRONMENT_H

/* What a pool may see of INHERITED (as environ(7); not NULL). The list is the caller's, to be freed
 * by free(3), the strings in it stay what they are. */
char **pool_environment(char *const *inherited);

#endif
