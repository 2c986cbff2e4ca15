/* SPDX-License-Identifier: MIT
 *
 * pool_check - what preforkd-pool does instead of serving, where a configuration is to be checked
 * (channel.h).
 */
#ifndef POOL_POOL_CHECK_H
#define POOL_POOL_CHECK_H

/* Ask the handler of the service whether it can be served as configured, and say on standard error
 * what is wrong; PLACE is where the configuration names it. The channel then has READY or FAILED.
 * Returns an exit code. */
int pool_check(const char *place);

#endif
