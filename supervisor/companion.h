/* SPDX-License-Identifier: MIT
 *
 * companion - the files that preforkd executes or hands on: preforkd-pool, the preload library.
 */
#ifndef SUPERVISOR_COMPANION_H
#define SUPERVISOR_COMPANION_H

#include <limits.h>

/* Open the one called NAME with FLAGS (close-on-exec), beside preforkd itself, else where it was
 * installed. ACCESS, as of access(2), must be granted. -1 and errno; BESIDE is the first place, for
 * messages. */
int companion_open(const char *name, int flags, int access, char beside[static PATH_MAX]);

#endif
