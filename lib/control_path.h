/* SPDX-License-Identifier: MIT
 *
 * control_path - where the control socket is when nobody says.
 */
#ifndef LIB_CONTROL_PATH_H
#define LIB_CONTROL_PATH_H

#include "lib/error.h"

/* /run/preforkd/control.sock for root, else $XDG_RUNTIME_DIR/preforkd.sock, else
 * /tmp/preforkd-UID/control.sock. The caller frees it. */
char *control_path_default(void);

/* Create the directory of the default path where it is missing (mode 0755 below /run, 0700 below
 * /tmp) and check that it is ours. Other paths are left alone. 0, or -1 with ERROR. */
int control_path_prepare(const char *path, struct error *error);

#endif
